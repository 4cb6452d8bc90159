#include "services/agency/matter_desk.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/agency/case_desk.h"
#include "services/common/faults.h"
#include "services/common/proto_time.h"
#include "tests/support/office_fixture.h"

namespace baton {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// A council with a contact about three siblings in its intake.
class MatterDeskTest : public testing::Test {
 protected:
  MatterDeskTest() { office_.Deliver(Contact(3)); }

  static v1::Message From(const std::string& sender, v1::MessageKind kind,
                          int number) {
    v1::Message message;
    message.set_message_id(absl::StrCat("m-", number));
    message.set_conversation_id("c-1");
    message.set_kind(kind);
    *message.mutable_sender() = ParseAgency(sender).value();
    v1::Recipient& recipient = *message.add_recipients();
    *recipient.mutable_address() =
        ParseQueueName("council/E06000018/intake").value();
    recipient.set_role(v1::RECIPIENT_ROLE_ACTION);
    return message;
  }
  static void AddPart(const std::string& matter_id, const std::string& text,
                      v1::Message* message) {
    v1::Contact contact;
    contact.mutable_concern()->set_value(text);
    v1::PayloadPart& part = *message->add_payload();
    part.set_matter_id(matter_id);
    part.set_type(contact.GetDescriptor()->full_name());
    part.set_content(contact.SerializeAsString());
    if (!matter_id.empty()) message->add_matter_ids(matter_id);
  }
  static v1::Message Contact(int children) {
    v1::Message message = From("school/123401", v1::MESSAGE_KIND_CONTACT, 1);
    AddPart("", "the household", &message);
    for (int i = 1; i <= children; ++i) {
      AddPart(absl::StrCat("c-1.", i), absl::StrCat("child ", i), &message);
    }
    return message;
  }
  // A message about one matter, for information or an answer.
  static v1::Message About(const std::string& sender, v1::MessageKind kind,
                           int number, const std::string& matter_id) {
    v1::Message message = From(sender, kind, number);
    AddPart(matter_id, "asked", &message);
    return message;
  }

  static v1::Actor Worker(const std::string& name) {
    v1::Actor actor;
    actor.set_name(name);
    actor.set_role("duty social worker");
    actor.set_team("MASH");
    actor.set_phone("0115 496 0201");
    return actor;
  }
  v1::ActOnMatterRequest Act(const std::string& matter_id) {
    v1::ActOnMatterRequest request;
    request.set_request_id(absl::StrCat("r-", ++requests_));
    request.set_matter_id(matter_id);
    *request.mutable_actor() = Worker("A. Fenwick");
    return request;
  }
  absl::StatusOr<v1::ActOnMatterResponse> Say(
      const v1::ActOnMatterRequest& request) {
    return office_.Call<v1::ActOnMatterResponse>(
        [&](Instant now) { return cases_.Act(request, now); });
  }
  void Take(const std::string& matter_id, const std::string& name) {
    v1::ActOnMatterRequest request = Act(matter_id);
    *request.mutable_actor() = Worker(name);
    request.mutable_taken();
    const auto said = Say(request);
    ASSERT_TRUE(said.ok()) << said.status();
    office_.Accept();
  }
  // We hold c-1.1 and owe to take the recall m-7.
  void HearOfARecall() {
    v1::Conversation conversation;
    conversation.set_conversation_id("c-1");
    v1::Matter& matter = *conversation.add_matters();
    matter.set_matter_id("c-1.1");
    *matter.mutable_holder() =
        ParseQueueName("council/E06000018/intake").value();
    v1::Duty& duty = *matter.add_duties();
    duty.set_code(v1::DUTY_CODE_RECALL);
    duty.set_message_id("m-7");
    *duty.mutable_address() = matter.holder();
    office_.Hear(conversation);
  }
  std::vector<std::string> Owed(const std::string& matter_id) {
    const auto matter = office_.office->intake()->Find(matter_id);
    EXPECT_TRUE(matter.ok()) << matter.status();
    const auto row = office_.office->intake()->Row(*matter);
    return {row->owed().begin(), row->owed().end()};
  }
  std::vector<std::string> Undecided() {
    const auto page =
        office_.office->intake()->List(0, "", IntakeDesk::Filter::kUndecided);
    std::vector<std::string> matters;
    for (const v1::IntakeItem& item : page->items) {
      matters.push_back(item.matter_id());
    }
    return matters;
  }
  absl::StatusOr<v1::HandOverResponse> HandOver(const std::string& request_id) {
    v1::HandOverRequest request;
    request.set_request_id(request_id);
    request.set_from_name("A. Fenwick");
    *request.mutable_to() = Worker("B. Okafor");
    *request.mutable_actor() = Worker("C. Manager");
    request.set_reason("A. Fenwick leaves");
    return office_.Call<v1::HandOverResponse>(
        [&](Instant now) -> absl::StatusOr<v1::HandOverResponse> {
          const auto moved = office_.office->matters()->HandOver(request, now);
          if (!moved.ok()) return moved.status();
          v1::HandOverResponse response;
          *response.mutable_items() = {moved->begin(), moved->end()};
          return response;
        });
  }

  OfficeFixture office_{"council/E06000018", /*max_held=*/4};
  CaseDesk cases_{office_.office.get(), {}};
  int requests_ = 0;
};

TEST_F(MatterDeskTest, AnOfferCarriesWhatWasSaidAboutThatChildAlone) {
  office_.Deliver(About("school/123401", v1::MESSAGE_KIND_CONTACT, 2, "c-1.2"));
  v1::ActOnMatterRequest request = Act("c-1.2");
  v1::TransferOffer& offer = *request.mutable_transfer_offer();
  *offer.mutable_offered_to() =
      ParseQueueName("council/E10000024/intake").value();
  offer.set_ground(v1::TRANSFER_GROUND_ORDINARY_RESIDENCE);
  offer.set_why("moved to his father's last week");
  ASSERT_TRUE(Say(request).ok());
  const v1::Message message = office_.TakePublished();
  ASSERT_EQ(message.recipients_size(), 2);
  EXPECT_EQ(QueueName(message.recipients(0).address()),
            "council/E10000024/intake");
  EXPECT_EQ(AgencyName(message.recipients(1).address().agency()),
            "school/123401");
  const auto sent = ContentAs<v1::TransferOffer>(message.payload(0));
  ASSERT_EQ(sent.history_size(), 2);
  EXPECT_EQ(ContentAs<v1::Contact>(sent.history(0).common()).concern().value(),
            "the household");
  EXPECT_EQ(sent.history(0).part().matter_id(), "c-1.2");
  EXPECT_EQ(sent.history(1).part().matter_id(), "c-1.2");
  EXPECT_EQ(sent.left_out(), 0);
}

TEST_F(MatterDeskTest, CustodyThatComesByTransferIsOursToActOn) {
  v1::Message copy = Contact(1);
  copy.set_message_id("m-8");
  copy.set_conversation_id("c-8");
  *copy.mutable_matter_ids(0) = "c-8.1";
  copy.mutable_payload(1)->set_matter_id("c-8.1");
  copy.mutable_recipients(0)->set_role(v1::RECIPIENT_ROLE_COPY);
  office_.Deliver(copy);
  v1::ActOnMatterRequest take = Act("c-8.1");
  take.mutable_taken();
  EXPECT_EQ(ReasonOf(Say(take).status()), "COPY");

  v1::Conversation conversation;
  conversation.set_conversation_id("c-8");
  conversation.set_kind(v1::MESSAGE_KIND_CONTACT);
  v1::Matter& matter = *conversation.add_matters();
  matter.set_matter_id("c-8.1");
  matter.set_version(3);
  *matter.mutable_holder() = ParseQueueName("council/E06000018/intake").value();
  office_.Hear(conversation);
  EXPECT_THAT(Owed("c-8.1"), ElementsAre("take"));
  EXPECT_TRUE(Say(take).ok());
}

TEST_F(MatterDeskTest, ASecondWorkerDoesNotTakeWhatIsTaken) {
  Take("c-1.1", "A. Fenwick");
  v1::ActOnMatterRequest take = Act("c-1.1");
  *take.mutable_actor() = Worker("B. Okafor");
  take.mutable_taken();
  EXPECT_EQ(ReasonOf(Say(take).status()), "TAKEN");
  EXPECT_THAT(office_.link.published, IsEmpty());
  // The taker says it again; and whom it was handed to takes it too.
  Take("c-1.1", "A. Fenwick");
  v1::ActOnMatterRequest hand = Act("c-1.1");
  *hand.mutable_allocation()->mutable_worker() = Worker("B. Okafor");
  ASSERT_TRUE(Say(hand).ok());
  office_.Accept();
  EXPECT_TRUE(Say(take).ok());
}

// Otherwise nobody here would look at it again.
TEST_F(MatterDeskTest, WhatIsNotOursIsOwedAgainWhenTheOfferIsDeclined) {
  v1::ActOnMatterRequest decide = Act("c-1.1");
  decide.mutable_decision()->set_outcome(v1::OUTCOME_NOT_OURS_TRANSFER_OFFERED);
  decide.mutable_decision()->set_next_step("the county is asked");
  ASSERT_TRUE(Say(decide).ok());
  v1::Conversation conversation;
  conversation.set_conversation_id("c-1");
  conversation.set_commit(5);
  v1::Matter& matter = *conversation.add_matters();
  matter.set_matter_id("c-1.1");
  matter.set_state(v1::MATTER_STATE_DECIDED);
  *matter.mutable_holder() = ParseQueueName("council/E06000018/intake").value();
  *matter.mutable_offer()->mutable_offered_to() =
      ParseQueueName("council/E10000024/intake").value();
  office_.Hear(conversation);
  EXPECT_THAT(Owed("c-1.1"), IsEmpty());
  EXPECT_THAT(Undecided(), ElementsAre("c-1.2", "c-1.3"));
  matter.clear_offer();
  conversation.set_commit(6);
  office_.Hear(conversation);
  EXPECT_THAT(Owed("c-1.1"),
              ElementsAre("offer it to somebody, or decide anew"));
  EXPECT_THAT(Undecided(), ElementsAre("c-1.1", "c-1.2", "c-1.3"));
}

// The sender would read "taken, but never opened" of what was read first.
TEST_F(MatterDeskTest, WhatWasOpenedWhileItWasOfferedIsToldOnceItIsOurs) {
  v1::Message offer =
      About("council/E10000024", v1::MESSAGE_KIND_TRANSFER_OFFER, 9, "c-9.1");
  offer.set_conversation_id("c-9");
  offer.mutable_recipients(0)->set_role(v1::RECIPIENT_ROLE_COPY);
  office_.Deliver(offer);
  office_.On([&] {
    EXPECT_TRUE(
        office_.office->intake()
            ->OpenMatter("c-9.1", Worker("A. Fenwick"), office_.disk.now)
            .ok());
  });
  EXPECT_THAT(office_.link.first_reads, IsEmpty());
  v1::Conversation conversation;
  conversation.set_conversation_id("c-9");
  conversation.set_commit(5);
  v1::Matter& matter = *conversation.add_matters();
  matter.set_matter_id("c-9.1");
  *matter.mutable_holder() = ParseQueueName("council/E06000018/intake").value();
  office_.Hear(conversation);
  ASSERT_THAT(office_.link.first_reads, SizeIs(1));
  EXPECT_EQ(office_.link.first_reads[0].request.actor().name(), "A. Fenwick");
}

TEST_F(MatterDeskTest, AHomelessYoungPersonsDecisionSaysWhereTheySleep) {
  v1::Message homeless = About(
      "council/E06000018", v1::MESSAGE_KIND_HOMELESS_PRESENTATION, 9, "c-9.1");
  homeless.set_conversation_id("c-9");
  office_.Deliver(homeless);
  v1::ActOnMatterRequest decide = Act("c-9.1");
  v1::Decision& decision = *decide.mutable_decision();
  decision.set_outcome(v1::OUTCOME_REFERRAL_SECTION_17);
  decision.set_next_step("assessment tomorrow");
  const std::string faults(Say(decide).status().message());
  EXPECT_THAT(faults, HasSubstr("decision.homeless.sleeps_tonight: is req"));
  EXPECT_THAT(faults, HasSubstr("decision.homeless.accommodation: must be"));
  EXPECT_THAT(office_.link.published, IsEmpty());
  decision.mutable_homeless()->mutable_sleeps_tonight()->set_value("a hostel");
  decision.mutable_homeless()->set_accommodation(
      v1::ACCOMMODATION_ANSWER_ACCEPTED);
  const auto said = Say(decide);
  EXPECT_TRUE(said.ok()) << said.status();
}

// A link and a participant leave the version of the matter as it is.
TEST_F(MatterDeskTest, WhatComesWithoutANewVersionIsShownToo) {
  v1::Conversation conversation;
  conversation.set_conversation_id("c-1");
  conversation.set_commit(5);
  v1::Matter& matter = *conversation.add_matters();
  matter.set_matter_id("c-1.1");
  matter.set_version(3);
  office_.Hear(conversation);
  v1::Conversation newer = conversation;
  newer.set_commit(6);
  newer.mutable_matters(0)->add_links()->set_matter_id("c-8.1");
  *newer.add_participants() = ParseAgency("police/E23000019").value();
  office_.Hear(newer);
  office_.Hear(conversation);  // Overtaken: no news.
  const auto row = office_.office->intake()->Find("c-1.1");
  ASSERT_TRUE(row.ok()) << row.status();
  ASSERT_EQ(row->matter().links_size(), 1);
  EXPECT_EQ(row->matter().links(0).matter_id(), "c-8.1");
  EXPECT_EQ(row->participants_size(), 1);
}

// The service ends between the exchange's receipt and the look-up after it.
TEST_F(MatterDeskTest, WhatWasDecidedHereIsLookedUpUntilTheExchangeSaysSo) {
  v1::Conversation conversation;
  conversation.set_conversation_id("c-1");
  conversation.set_commit(5);
  for (int i = 1; i <= 3; ++i) {
    conversation.add_matters()->set_matter_id(absl::StrCat("c-1.", i));
    conversation.mutable_matters(i - 1)->set_state(v1::MATTER_STATE_TAKEN);
  }
  office_.Hear(conversation);
  for (int i = 1; i <= 3; ++i) {
    v1::ActOnMatterRequest request = Act(absl::StrCat("c-1.", i));
    request.mutable_decision()->set_outcome(v1::OUTCOME_EARLY_HELP);
    request.mutable_decision()->set_next_step("the hub will be in touch");
    const auto said = Say(request);
    ASSERT_TRUE(said.ok()) << said.status();
    office_.Accept();
  }
  office_.Restart();
  office_.On([&] { office_.office->OnWatching(); });
  ASSERT_EQ(office_.link.looked_up.size(), 1u);
  EXPECT_EQ(office_.link.looked_up[0].request.conversation_id(), "c-1");

  conversation.set_commit(6);
  for (v1::Matter& matter : *conversation.mutable_matters()) {
    matter.set_state(v1::MATTER_STATE_DECIDED);
  }
  office_.Hear(conversation);
  office_.Restart();
  office_.On([&] { office_.office->OnWatching(); });
  EXPECT_TRUE(office_.link.looked_up.empty());
}

TEST_F(MatterDeskTest, AQuestionIsOwedUntilItIsAnswered) {
  office_.Deliver(About("police/E23000019",
                        v1::MESSAGE_KIND_INFORMATION_REQUEST, 2, "c-1.1"));
  EXPECT_THAT(Owed("c-1.1"),
              ElementsAre("take",
                          "answer the request for information of "
                          "E23000019"));
  v1::ActOnMatterRequest request = Act("c-1.1");
  request.set_in_reply_to("m-2");
  request.mutable_information_response()->set_answer(
      v1::INFORMATION_ANSWER_REFUSED);
  EXPECT_THAT(std::string(Say(request).status().message()),
              HasSubstr("information_response.reason: is required"));
  request.mutable_information_response()->set_reason("no consent, no basis");
  ASSERT_TRUE(Say(request).ok());
  const v1::Message message = office_.TakePublished();
  ASSERT_EQ(message.recipients_size(), 1);
  EXPECT_EQ(AgencyName(message.recipients(0).address().agency()),
            "police/E23000019");
  EXPECT_EQ(message.in_reply_to(), "m-2");
  EXPECT_THAT(Owed("c-1.1"), ElementsAre("take"));
}

TEST_F(MatterDeskTest, ATakenAnswersTheRecallThatIsOwed) {
  v1::Conversation conversation;
  conversation.set_conversation_id("c-1");
  v1::Matter& matter = *conversation.add_matters();
  matter.set_matter_id("c-1.1");
  matter.set_version(2);
  *matter.mutable_holder() = ParseQueueName("council/E10000024/intake").value();
  v1::Duty& duty = *matter.add_duties();
  duty.set_code(v1::DUTY_CODE_RECALL);
  duty.set_message_id("m-7");
  *duty.mutable_address() = ParseQueueName("council/E06000018/intake").value();
  office_.Hear(conversation);
  EXPECT_THAT(Owed("c-1.1"), ElementsAre("take the recall"));
  v1::ActOnMatterRequest take = Act("c-1.1");
  take.mutable_taken();
  ASSERT_TRUE(Say(take).ok());
  EXPECT_EQ(office_.TakePublished().in_reply_to(), "m-7");
}

// Otherwise the sender would read that nobody has taken it.
TEST_F(MatterDeskTest, TheHolderTakesTheMatterAndThenTheRecall) {
  HearOfARecall();
  EXPECT_THAT(Owed("c-1.1"), ElementsAre("take", "take the recall"));
  for (const char* answered : {"m-1", "m-7"}) {
    v1::ActOnMatterRequest take = Act("c-1.1");
    take.mutable_taken();
    ASSERT_TRUE(Say(take).ok());
    EXPECT_EQ(office_.TakePublished().in_reply_to(), answered);
    office_.Accept();
  }
}

TEST_F(MatterDeskTest, ARecallTakenFirstLeavesTheMatterToBeTaken) {
  HearOfARecall();
  v1::ActOnMatterRequest take = Act("c-1.1");
  take.mutable_taken();
  take.set_in_reply_to("m-7");
  ASSERT_TRUE(Say(take).ok());
  const auto row = office_.office->intake()->Find("c-1.1");
  ASSERT_TRUE(row.ok()) << row.status();
  EXPECT_EQ(row->state(), v1::MATTER_STATE_DELIVERED);
}

TEST_F(MatterDeskTest, Rule17AWorkersMattersMoveInOneCall) {
  Take("c-1.1", "A. Fenwick");
  Take("c-1.2", "D. Somebody");
  Take("c-1.3", "A. Fenwick");
  const auto moved = HandOver("h-1");
  ASSERT_TRUE(moved.ok()) << moved.status();
  ASSERT_EQ(moved->items_size(), 2);
  for (const v1::IntakeItem& item : moved->items()) {
    EXPECT_EQ(item.allocated_to().name(), "B. Okafor");
    EXPECT_EQ(item.worker().name(), "A. Fenwick");
  }
  EXPECT_THAT(office_.link.published, SizeIs(2));
  EXPECT_EQ(office_.TakePublished().kind(), v1::MESSAGE_KIND_ALLOCATION);
  // Said again: the same sheet, and nothing sent twice.
  const auto again = HandOver("h-1");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->items_size(), 2);
  EXPECT_THAT(office_.link.published, SizeIs(2));
  // And they are the other worker's now.
  EXPECT_THAT(HandOver("h-2")->items(), IsEmpty());
}

TEST_F(MatterDeskTest, AHandOverThatDoesNotFitMovesNothing) {
  for (const char* matter : {"c-1.1", "c-1.2", "c-1.3"}) {
    Take(matter, "A. Fenwick");
  }
  // Two answers wait for the exchange: two more fit, three do not.
  for (int i = 0; i < 2; ++i) {
    v1::ActOnMatterRequest milestone = Act("c-1.1");
    milestone.mutable_milestone()->set_code(v1::MILESTONE_CODE_CHILD_SEEN);
    ASSERT_TRUE(Say(milestone).ok());
  }
  EXPECT_TRUE(absl::IsResourceExhausted(HandOver("h-1").status()));
  office_.Restart();
  const auto matter = office_.office->intake()->Find("c-1.1");
  ASSERT_TRUE(matter.ok());
  EXPECT_FALSE(matter->has_allocated_to());
}

TEST_F(MatterDeskTest, EveryKindOfActionSaysWhatItNeeds) {
  const auto faults = [&](v1::ActOnMatterRequest request) {
    return std::string(Say(request).status().message());
  };
  v1::ActOnMatterRequest request = Act("c-1.1");
  EXPECT_THAT(faults(request), HasSubstr("content: must say one thing"));
  v1::ActOnMatterRequest nameless = Act("c-1.1");
  nameless.mutable_actor()->clear_role();
  nameless.mutable_withdrawal();
  EXPECT_THAT(faults(nameless), HasSubstr("actor.role: is required"));
  request.mutable_triage();
  EXPECT_THAT(faults(request), HasSubstr("triage.grade: must be stated"));
  request.mutable_allocation();
  EXPECT_THAT(faults(request), HasSubstr("allocation.worker: needs a name"));
  request.mutable_milestone();
  EXPECT_THAT(faults(request), HasSubstr("milestone.code: must be stated"));
  request.mutable_transfer_offer();
  EXPECT_THAT(faults(request), HasSubstr("transfer_offer.why: is required"));
  request.mutable_transfer_accepted()->mutable_off_exchange();
  EXPECT_THAT(faults(request), HasSubstr("off_exchange.evidence: is required"));
  request.mutable_transfer_declined();
  EXPECT_THAT(faults(request), HasSubstr("transfer_declined.reason"));
  request.mutable_information_request();
  EXPECT_THAT(faults(request), HasSubstr("recipients: 1 to 16 partners"));
  EXPECT_THAT(faults(request),
              HasSubstr("information_request.deadline: is required"));
  request.mutable_challenge();
  EXPECT_THAT(faults(request), HasSubstr("challenge.disagreement"));
  request.mutable_challenge_response();
  EXPECT_THAT(faults(request), HasSubstr("challenge_response.answer"));
  request.mutable_correction();
  EXPECT_THAT(faults(request), HasSubstr("correction.corrects_message_id"));
  request.mutable_withdrawal();
  EXPECT_THAT(faults(request), HasSubstr("withdrawal.reason: is required"));
  request.mutable_recall();
  EXPECT_THAT(faults(request), HasSubstr("recall.message_id"));
  request.mutable_return_interview();
  EXPECT_THAT(faults(request), HasSubstr("return_interview.state"));
  request.mutable_unlink();
  EXPECT_THAT(faults(request), HasSubstr("unlink.other_matter_id"));
  request.mutable_release();
  EXPECT_THAT(faults(request), HasSubstr("release.reason: is required"));
}

// --- What was raised here.

class RaisedHereTest : public testing::Test {
 protected:
  v1::RaiseContactRequest Contact(int children) {
    v1::RaiseContactRequest request;
    request.set_request_id("r-1");
    request.set_sender_reference("CPOMS-1");
    request.mutable_actor()->set_name("Ms Invented");
    for (int i = 0; i < children; ++i) {
      request.add_children()->mutable_concern()->set_value("worried");
    }
    return request;
  }
  absl::StatusOr<v1::CaseStatus> Raise(const v1::RaiseContactRequest& request) {
    return office_.Call<v1::CaseStatus>(
        [&](Instant now) { return cases_.RaiseContact(request, now); });
  }

  OfficeFixture office_{"school/123401"};
  CaseDesk cases_{office_.office.get(),
                  ParseQueueName("council/E06000018/intake").value()};
};

TEST_F(RaisedHereTest, Rule5SiblingsAreOneCaseWithAMatterEach) {
  ASSERT_TRUE(Raise(Contact(3)).ok());
  office_.Accept(3);
  v1::Conversation conversation;
  conversation.set_conversation_id("c-1");
  conversation.set_commit(9);
  for (int i = 1; i <= 3; ++i) {
    v1::Matter& matter = *conversation.add_matters();
    matter.set_matter_id(absl::StrCat("c-1.", i));
    matter.set_state(v1::MATTER_STATE_TAKEN);
    matter.mutable_taken()->mutable_actor()->set_name("A. Fenwick");
  }
  v1::Actor* worker =
      conversation.mutable_matters(0)->mutable_allocated()->mutable_actor();
  worker->set_name("B. Okafor");
  worker->set_phone("0115 496 0203");
  conversation.mutable_matters(1)->clear_taken();
  conversation.mutable_matters(1)->set_state(v1::MATTER_STATE_PUBLISHED);
  office_.Hear(conversation);
  const auto status = office_.Call<v1::CaseStatus>(
      [&](Instant now) { return cases_.GetCase("CPOMS-1", now); });
  ASSERT_TRUE(status.ok()) << status.status();
  ASSERT_EQ(status->matters_size(), 3);
  EXPECT_THAT(status->matters(0).headline(), HasSubstr("taken by A. Fenwick"));
  EXPECT_THAT(status->matters(0).headline(),
              HasSubstr("handed to B. Okafor, ring 0115 496 0203"));
  // The one who is furthest behind is told of.
  EXPECT_THAT(status->headline(),
              HasSubstr("3 children; c-1.2: with the exchange, NOT yet"));
}

TEST_F(RaisedHereTest, WhatWasRaisedIsTakenBackInItsOwnOrder) {
  ASSERT_TRUE(Raise(Contact(1)).ok());
  office_.Accept(1);
  v1::ActOnMatterRequest act;
  act.set_request_id("r-2");
  act.set_matter_id("c-1.1");
  act.mutable_actor()->set_name("Ms Invented");
  act.mutable_actor()->set_role("designated safeguarding lead");
  act.mutable_withdrawal()->set_reason("another pupil of that name");
  const auto said = office_.Call<v1::ActOnMatterResponse>(
      [&](Instant now) { return cases_.Act(act, now); });
  ASSERT_TRUE(said.ok()) << said.status();
  EXPECT_EQ(said->outbox_state(), v1::OUTBOX_STATE_HELD);
  EXPECT_EQ(said->status().held_messages(), 1);
  const v1::Message message = office_.TakePublished();
  EXPECT_EQ(message.kind(), v1::MESSAGE_KIND_WITHDRAWAL);
  ASSERT_EQ(message.recipients_size(), 1);
  EXPECT_EQ(AgencyName(message.recipients(0).address().agency()),
            "council/E06000018");
}

TEST_F(RaisedHereTest, TheWrittenFormJoinsTheCall) {
  v1::RaiseContactRequest form = Contact(2);
  form.set_joins_conversation_id("c-77");
  ASSERT_TRUE(Raise(form).ok());
  const v1::Message message = office_.TakePublished();
  EXPECT_EQ(message.conversation_id(), "c-77");
  // The common part comes first.
  ASSERT_EQ(message.payload_size(), 3);
  EXPECT_EQ(message.payload(2).matter_id(), "c-77.2");
}

TEST_F(RaisedHereTest, Rule3ImmediateDangerHeldAlarmsWithTheNumberToRing) {
  v1::RaiseContactRequest contact = Contact(2);
  contact.mutable_children(1)->mutable_immediate_danger()->set_value(true);
  ASSERT_TRUE(Raise(contact).ok());
  EXPECT_EQ(office_.TakePublished().priority(), v1::PRIORITY_IMMEDIATE_DANGER);
  office_.disk.Advance(absl::Minutes(2));
  const auto status = office_.Call<v1::CaseStatus>(
      [&](Instant now) { return cases_.GetCase("CPOMS-1", now); });
  EXPECT_TRUE(status->alarm());
  EXPECT_EQ(status->headline(),
            "NOT SENT, ring 0115 496 0200 NOW: immediate danger");
}

TEST_F(RaisedHereTest, Rule11ATypoIsMarkedAndTheWrongEnvironmentRefused) {
  v1::RaiseContactRequest contact = Contact(1);
  v1::NhsNumber& number =
      *contact.mutable_children(0)->mutable_child()->mutable_nhs_number();
  number.set_value("9990000001");
  const auto status = Raise(contact);
  ASSERT_TRUE(status.ok()) << status.status();
  ASSERT_EQ(status->marks_size(), 1);
  EXPECT_EQ(status->marks(0).code(), v1::MARK_CODE_FAILED_CHECK);
  EXPECT_EQ(status->marks(0).field(), "children[0].child.nhs_number");
  number.set_value("1234567890");  // Not of the 999 range.
  contact.set_request_id("r-2");
  contact.set_sender_reference("CPOMS-2");
  EXPECT_TRUE(absl::IsInvalidArgument(Raise(contact).status()));
}

TEST_F(RaisedHereTest, WithheldIsAViewsWord) {
  v1::RaiseContactRequest contact = Contact(1);
  contact.mutable_children(0)->mutable_impact()->set_absence(
      v1::ABSENCE_WITHHELD);
  EXPECT_THAT(std::string(Raise(contact).status().message()),
              HasSubstr("children[0].impact: a sender cannot withhold"));
}

TEST_F(RaisedHereTest, TooManyChildrenAndTooMuchTextAreRefused) {
  EXPECT_THAT(std::string(Raise(Contact(16)).status().message()),
              HasSubstr("children: 1 to 15"));
  v1::RaiseContactRequest contact = Contact(1);
  contact.mutable_children(0)->mutable_concern()->set_value(
      std::string((16 << 10) + 1, 'x'));
  EXPECT_THAT(std::string(Raise(contact).status().message()),
              HasSubstr("children[0].concern: has 16385 bytes"));
}

}  // namespace
}  // namespace baton
