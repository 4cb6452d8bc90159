#include "services/broker/custody_content.h"

#include <functional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "gtest/gtest.h"
#include "services/broker/publish_check.h"
#include "tests/support/exchange_fixture.h"

namespace baton {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr char kConversation[] = "c-7";
constexpr char kMatter[] = "c-7.1";

// The paths of all faults, without the part's own.
std::vector<std::string> FaultsOf(const v1::Message& message) {
  v1::PublishRequest request;
  *request.add_messages() = message;
  Faults faults;
  CheckPublish(TestPublishLimits(), FakeClock().Now().wall, &request, &faults);
  google::rpc::BadRequest details;
  const absl::optional<absl::Cord> payload =
      faults.ToStatus().GetPayload("type.googleapis.com/google.rpc.BadRequest");
  if (payload.has_value()) details.ParseFromString(std::string(*payload));
  std::vector<std::string> fields;
  for (const auto& violation : details.field_violations()) {
    absl::string_view field = violation.field();
    absl::ConsumePrefix(&field, "messages[0].");
    absl::ConsumePrefix(&field, "payload[0].content.");
    fields.push_back(std::string(field));
  }
  return fields;
}

template <typename Content>
v1::Message Message(v1::MessageKind kind, Content content) {
  v1::Message message = Say(kind, kConversation, kMatter, std::move(content));
  *message.add_recipients() =
      RecipientOf(kHospitalDesk, v1::RECIPIENT_ROLE_ACTION);
  if (RuleOf(kind).answers != v1::MESSAGE_KIND_UNSPECIFIED) {
    message.set_in_reply_to("m-7");
  }
  return message;
}

// A whole content of each kind, to be spoiled.
template <typename Content>
Content Whole();
template <>
v1::Taken Whole() {
  return {};
}
template <>
v1::Decision Whole() {
  v1::Decision decision;
  decision.set_outcome(v1::OUTCOME_EARLY_HELP);
  decision.set_next_step("We visit on Thursday.");
  return decision;
}
template <>
v1::Triage Whole() {
  v1::Triage triage;
  triage.set_grade(v1::TRIAGE_GRADE_RED);
  return triage;
}
template <>
v1::Allocation Whole() {
  return {};
}
template <>
v1::Milestone Whole() {
  v1::Milestone milestone;
  milestone.set_code(v1::MILESTONE_CODE_CHILD_SEEN);
  milestone.mutable_time();
  return milestone;
}
template <>
v1::Unlink Whole() {
  v1::Unlink unlink;
  unlink.set_other_matter_id("c-8.1");
  unlink.set_reason("another child");
  return unlink;
}
template <>
v1::Release Whole() {
  v1::Release release;
  release.set_reason("checked");
  return release;
}
template <>
v1::TransferOffer Whole() {
  v1::TransferOffer offer;
  *offer.mutable_offered_to() = AddressOf(kCounty);
  offer.set_ground(v1::TRANSFER_GROUND_PLACEMENT);
  offer.set_why("placed there");
  return offer;
}
template <>
v1::TransferAccepted Whole() {
  v1::TransferAccepted accepted;
  accepted.mutable_off_exchange()->set_accepted_by("Morag Munro");
  accepted.mutable_off_exchange()->mutable_accepted_time();
  accepted.mutable_off_exchange()->set_evidence("a letter");
  return accepted;
}
template <>
v1::TransferDeclined Whole() {
  v1::TransferDeclined declined;
  declined.set_reason("not ours");
  return declined;
}
template <>
v1::InformationRequest Whole() {
  v1::InformationRequest request;
  request.set_question("Is the child known?");
  request.mutable_deadline();
  return request;
}
template <>
v1::InformationResponse Whole() {
  v1::InformationResponse response;
  response.set_answer(v1::INFORMATION_ANSWER_NOT_KNOWN);
  return response;
}
template <>
v1::Challenge Whole() {
  v1::Challenge challenge;
  challenge.set_stage(1);
  challenge.set_disagreement("not safe");
  return challenge;
}
template <>
v1::ChallengeResponse Whole() {
  v1::ChallengeResponse response;
  response.set_stage(1);
  response.set_answer(v1::CHALLENGE_ANSWER_STANDS);
  response.set_reason("seen today");
  return response;
}
template <>
v1::Correction Whole() {
  v1::Correction correction;
  correction.set_corrects_message_id("m-7");
  correction.set_reason("wrong name");
  correction.set_type("baton.v1.WaitingFlag");
  return correction;
}
template <>
v1::Withdrawal Whole() {
  v1::Withdrawal withdrawal;
  withdrawal.set_reason("by mistake");
  return withdrawal;
}
template <>
v1::Recall Whole() {
  v1::Recall recall;
  recall.set_message_id("m-7");
  recall.set_reason("another child");
  recall.mutable_noticed_time();
  return recall;
}

template <typename Content>
v1::Message Spoiled(v1::MessageKind kind,
                    const std::function<void(Content*)>& spoil) {
  Content content = Whole<Content>();
  *content.mutable_worker() = TestWorker();
  spoil(&content);
  return Message(kind, content);
}

struct ContentCase {
  std::string name;
  v1::Message message;
  std::string field;
};

template <typename Content>
ContentCase Case(const std::string& name, v1::MessageKind kind,
                 const std::string& field,
                 const std::function<void(Content*)>& spoil) {
  return {absl::StrCat(Content::descriptor()->name(), name),
          Spoiled<Content>(kind, spoil), field};
}

std::string Long(size_t most) { return std::string(most + 1, 'x'); }

std::vector<ContentCase> Cases() {
  using namespace v1;  // The kinds, below.
  std::vector<ContentCase> cases = {
      Case<Taken>("NoTeam", MESSAGE_KIND_TAKEN, "worker.team",
                  [](auto* c) { c->mutable_worker()->clear_team(); }),
      Case<Taken>("LongName", MESSAGE_KIND_TAKEN, "worker.name",
                  [](auto* c) { c->mutable_worker()->set_name(Long(128)); }),
      Case<Taken>("LongRole", MESSAGE_KIND_TAKEN, "worker.role",
                  [](auto* c) { c->mutable_worker()->set_role(Long(128)); }),
      Case<Taken>("LongTeam", MESSAGE_KIND_TAKEN, "worker.team",
                  [](auto* c) { c->mutable_worker()->set_team(Long(128)); }),
      Case<Taken>("LongPhone", MESSAGE_KIND_TAKEN, "worker.phone",
                  [](auto* c) { c->mutable_worker()->set_phone(Long(32)); }),
      Case<Taken>(
          "LongEmail", MESSAGE_KIND_TAKEN, "worker.secure_email",
          [](auto* c) { c->mutable_worker()->set_secure_email(Long(254)); }),
      Case<Taken>("BadDesk", MESSAGE_KIND_TAKEN, "desk",
                  [](auto* c) { c->set_desk("In Tray"); }),
      Case<Decision>("LongReason", MESSAGE_KIND_DECISION, "reason",
                     [](auto* c) { c->set_reason(Long(16 << 10)); }),
      Case<Decision>("LongNextStep", MESSAGE_KIND_DECISION, "next_step",
                     [](auto* c) { c->set_next_step(Long(4 << 10)); }),
      Case<Decision>("LongPhone", MESSAGE_KIND_DECISION, "contact_phone",
                     [](auto* c) { c->set_contact_phone(Long(32)); }),
      Case<Decision>("LongCase", MESSAGE_KIND_DECISION, "open_case_reference",
                     [](auto* c) { c->set_open_case_reference(Long(64)); }),
      Case<Decision>(
          "LongPlace", MESSAGE_KIND_DECISION, "homeless.sleeps_tonight",
          [](auto* c) {
            c->mutable_homeless()->mutable_sleeps_tonight()->set_value(
                Long(16 << 10));
          }),
      Case<Decision>("OutcomeOfLater", MESSAGE_KIND_DECISION, "outcome",
                     [](auto* c) { c->set_outcome(static_cast<Outcome>(99)); }),
      Case<Triage>("NoGrade", MESSAGE_KIND_TRIAGE, "grade",
                   [](auto* c) { c->clear_grade(); }),
      Case<Triage>("LongReason", MESSAGE_KIND_TRIAGE, "reason",
                   [](auto* c) { c->set_reason(Long(4 << 10)); }),
      Case<Allocation>("Nobody", MESSAGE_KIND_ALLOCATION, "worker",
                       [](auto* c) {
                         c->mutable_worker()->clear_name();
                         c->mutable_worker()->clear_team();
                       }),
      Case<Allocation>("NoPhone", MESSAGE_KIND_ALLOCATION, "worker.phone",
                       [](auto* c) { c->mutable_worker()->clear_phone(); }),
      Case<Allocation>("LongReason", MESSAGE_KIND_ALLOCATION, "reason",
                       [](auto* c) { c->set_reason(Long(1 << 10)); }),
      Case<Milestone>("NoCode", MESSAGE_KIND_MILESTONE, "code",
                      [](auto* c) { c->clear_code(); }),
      Case<Milestone>("NoTime", MESSAGE_KIND_MILESTONE, "time",
                      [](auto* c) { c->clear_time(); }),
      Case<Milestone>("LongNote", MESSAGE_KIND_MILESTONE, "note",
                      [](auto* c) { c->set_note(Long(4 << 10)); }),
      Case<Unlink>("NoOther", MESSAGE_KIND_UNLINK, "other_matter_id",
                   [](auto* c) { c->set_other_matter_id("Ann"); }),
      Case<Unlink>("NoReason", MESSAGE_KIND_UNLINK, "reason",
                   [](auto* c) { c->clear_reason(); }),
      Case<Release>("NoReason", MESSAGE_KIND_RELEASE, "reason",
                    [](auto* c) { c->clear_reason(); }),
      Case<TransferOffer>("ToNobody", MESSAGE_KIND_TRANSFER_OFFER,
                          "offered_to.agency",
                          [](auto* c) { c->clear_offered_to(); }),
      Case<TransferOffer>(
          "BadDesk", MESSAGE_KIND_TRANSFER_OFFER, "offered_to.desk",
          [](auto* c) { c->mutable_offered_to()->set_desk("In Tray"); }),
      Case<TransferOffer>("NoGround", MESSAGE_KIND_TRANSFER_OFFER, "ground",
                          [](auto* c) { c->clear_ground(); }),
      Case<TransferOffer>("NoWhy", MESSAGE_KIND_TRANSFER_OFFER, "why",
                          [](auto* c) { c->clear_why(); }),
      Case<TransferOffer>("LongAttached", MESSAGE_KIND_TRANSFER_OFFER,
                          "attached",
                          [](auto* c) { c->set_attached(Long(4 << 10)); }),
      Case<TransferAccepted>("NotReachable", MESSAGE_KIND_TRANSFER_ACCEPTED,
                             "worker.phone",
                             [](auto* c) {
                               c->clear_off_exchange();
                               c->mutable_worker()->clear_phone();
                             }),
      Case<TransferAccepted>(
          "ByNobody", MESSAGE_KIND_TRANSFER_ACCEPTED,
          "off_exchange.accepted_by",
          [](auto* c) { c->mutable_off_exchange()->clear_accepted_by(); }),
      Case<TransferAccepted>(
          "LongBy", MESSAGE_KIND_TRANSFER_ACCEPTED, "off_exchange.accepted_by",
          [](auto* c) {
            c->mutable_off_exchange()->set_accepted_by(Long(256));
          }),
      Case<TransferAccepted>(
          "NoTime", MESSAGE_KIND_TRANSFER_ACCEPTED,
          "off_exchange.accepted_time",
          [](auto* c) { c->mutable_off_exchange()->clear_accepted_time(); }),
      Case<TransferAccepted>(
          "NoEvidence", MESSAGE_KIND_TRANSFER_ACCEPTED, "off_exchange.evidence",
          [](auto* c) { c->mutable_off_exchange()->clear_evidence(); }),
      Case<TransferDeclined>("NoReason", MESSAGE_KIND_TRANSFER_DECLINED,
                             "reason", [](auto* c) { c->clear_reason(); }),
      Case<InformationRequest>("NoQuestion", MESSAGE_KIND_INFORMATION_REQUEST,
                               "question",
                               [](auto* c) { c->clear_question(); }),
      Case<InformationRequest>(
          "LongQuestion", MESSAGE_KIND_INFORMATION_REQUEST, "question",
          [](auto* c) { c->set_question(Long(16 << 10)); }),
      Case<InformationRequest>("NoDeadline", MESSAGE_KIND_INFORMATION_REQUEST,
                               "deadline",
                               [](auto* c) { c->clear_deadline(); }),
      Case<InformationResponse>("NoAnswer", MESSAGE_KIND_INFORMATION_RESPONSE,
                                "answer", [](auto* c) { c->clear_answer(); }),
      Case<InformationResponse>(
          "Empty", MESSAGE_KIND_INFORMATION_RESPONSE, "information",
          [](auto* c) { c->set_answer(INFORMATION_ANSWER_GIVEN); }),
      Case<InformationResponse>(
          "LongInformation", MESSAGE_KIND_INFORMATION_RESPONSE, "information",
          [](auto* c) { c->set_information(Long(64 << 10)); }),
      Case<InformationResponse>(
          "RefusedWithoutReason", MESSAGE_KIND_INFORMATION_RESPONSE, "reason",
          [](auto* c) { c->set_answer(INFORMATION_ANSWER_REFUSED); }),
      Case<Challenge>("NoStage", MESSAGE_KIND_CHALLENGE, "stage",
                      [](auto* c) { c->clear_stage(); }),
      Case<Challenge>("NoDisagreement", MESSAGE_KIND_CHALLENGE, "disagreement",
                      [](auto* c) { c->clear_disagreement(); }),
      Case<Challenge>("LongWanted", MESSAGE_KIND_CHALLENGE, "wanted",
                      [](auto* c) { c->set_wanted(Long(4 << 10)); }),
      Case<ChallengeResponse>("NoAnswer", MESSAGE_KIND_CHALLENGE_RESPONSE,
                              "answer", [](auto* c) { c->clear_answer(); }),
      Case<ChallengeResponse>("LongReason", MESSAGE_KIND_CHALLENGE_RESPONSE,
                              "reason",
                              [](auto* c) { c->set_reason(Long(16 << 10)); }),
      Case<Correction>("OfNothing", MESSAGE_KIND_CORRECTION,
                       "corrects_message_id",
                       [](auto* c) { c->clear_corrects_message_id(); }),
      Case<Correction>("NoType", MESSAGE_KIND_CORRECTION, "type",
                       [](auto* c) { c->clear_type(); }),
      Case<Correction>("Broken", MESSAGE_KIND_CORRECTION, "content",
                       [](auto* c) { c->set_content("\x0a\x02\xc3\x28"); }),
      Case<Withdrawal>("NoReason", MESSAGE_KIND_WITHDRAWAL, "reason",
                       [](auto* c) { c->clear_reason(); }),
      Case<Withdrawal>("OfWhat", MESSAGE_KIND_WITHDRAWAL, "message_id",
                       [](auto* c) { c->set_message_id("that one"); }),
      Case<Recall>("OfNothing", MESSAGE_KIND_RECALL, "message_id",
                   [](auto* c) { c->clear_message_id(); }),
      Case<Recall>("LongReason", MESSAGE_KIND_RECALL, "reason",
                   [](auto* c) { c->set_reason(Long(4 << 10)); }),
      Case<Recall>("NoNoticedTime", MESSAGE_KIND_RECALL, "noticed_time",
                   [](auto* c) { c->clear_noticed_time(); }),
  };
  return cases;
}

class CustodyContentTest : public testing::TestWithParam<ContentCase> {};

TEST_P(CustodyContentTest, IsReportedAlone) {
  EXPECT_THAT(FaultsOf(GetParam().message), ElementsAre(GetParam().field));
}

INSTANTIATE_TEST_SUITE_P(Each, CustodyContentTest, testing::ValuesIn(Cases()),
                         [](const auto& info) { return info.param.name; });

template <typename Content>
void ExpectWhole(v1::MessageKind kind) {
  EXPECT_THAT(FaultsOf(Message(kind, Whole<Content>())), IsEmpty())
      << v1::MessageKind_Name(kind);
  v1::Message nobody = Message(kind, Whole<Content>());
  nobody.clear_recipients();
  EXPECT_EQ(FaultsOf(nobody).empty(), MayNameNobody(RuleOf(kind)))
      << v1::MessageKind_Name(kind);
  Content anonymous = Whole<Content>();
  anonymous.mutable_worker();
  EXPECT_THAT(FaultsOf(Message(kind, anonymous)), testing::Not(IsEmpty()))
      << v1::MessageKind_Name(kind);
}

TEST(CustodyContentTest, AWholeOnePassesAndANameIsAlwaysNeeded) {
  ExpectWhole<v1::Taken>(v1::MESSAGE_KIND_TAKEN);
  ExpectWhole<v1::Decision>(v1::MESSAGE_KIND_DECISION);
  ExpectWhole<v1::Triage>(v1::MESSAGE_KIND_TRIAGE);
  ExpectWhole<v1::Allocation>(v1::MESSAGE_KIND_ALLOCATION);
  ExpectWhole<v1::Milestone>(v1::MESSAGE_KIND_MILESTONE);
  ExpectWhole<v1::Unlink>(v1::MESSAGE_KIND_UNLINK);
  ExpectWhole<v1::Release>(v1::MESSAGE_KIND_RELEASE);
  ExpectWhole<v1::TransferOffer>(v1::MESSAGE_KIND_TRANSFER_OFFER);
  ExpectWhole<v1::TransferAccepted>(v1::MESSAGE_KIND_TRANSFER_ACCEPTED);
  ExpectWhole<v1::TransferDeclined>(v1::MESSAGE_KIND_TRANSFER_DECLINED);
  ExpectWhole<v1::InformationRequest>(v1::MESSAGE_KIND_INFORMATION_REQUEST);
  ExpectWhole<v1::InformationResponse>(v1::MESSAGE_KIND_INFORMATION_RESPONSE);
  ExpectWhole<v1::Challenge>(v1::MESSAGE_KIND_CHALLENGE);
  ExpectWhole<v1::ChallengeResponse>(v1::MESSAGE_KIND_CHALLENGE_RESPONSE);
  ExpectWhole<v1::Correction>(v1::MESSAGE_KIND_CORRECTION);
  ExpectWhole<v1::Withdrawal>(v1::MESSAGE_KIND_WITHDRAWAL);
  ExpectWhole<v1::Recall>(v1::MESSAGE_KIND_RECALL);
}

TEST(CustodyContentTest, AllFaultsOfAMessageStandInOneAnswer) {
  v1::Message message =
      Spoiled<v1::Triage>(v1::MESSAGE_KIND_TRIAGE, [](v1::Triage* triage) {
        triage->clear_grade();
        triage->mutable_worker()->clear_name();
      });
  message.clear_purpose();
  message.clear_conversation_id();
  EXPECT_THAT(FaultsOf(message), ElementsAre("purpose", "conversation_id",
                                             "worker.name", "grade"));
}

TEST(CustodyContentTest, APartIsOfItsKindAndAboutTheMatterItNames) {
  v1::Message message = Message(v1::MESSAGE_KIND_TAKEN, Whole<v1::Taken>());
  message.set_kind(v1::MESSAGE_KIND_TRIAGE);
  EXPECT_THAT(FaultsOf(message), ElementsAre("payload[0].content"));
  message = Message(v1::MESSAGE_KIND_TAKEN, Whole<v1::Taken>());
  message.mutable_payload(0)->set_matter_id("c-7.2");
  EXPECT_THAT(FaultsOf(message), ElementsAre("payload[0].content"));
  message.clear_payload();
  EXPECT_THAT(FaultsOf(message), ElementsAre("payload"));
}

TEST(CustodyContentTest, AnAnswerNamesWhatItAnswers) {
  v1::Message message = Message(v1::MESSAGE_KIND_CHALLENGE_RESPONSE,
                                Whole<v1::ChallengeResponse>());
  message.clear_in_reply_to();
  EXPECT_THAT(FaultsOf(message), ElementsAre("in_reply_to"));
}

TEST(CustodyContentTest, OnlyAHomelessPresentationNamesAJointRecipient) {
  v1::Message message = FlagMessage({"Ann"});
  *message.add_recipients() = RecipientOf(kDuty, v1::RECIPIENT_ROLE_JOINT);
  EXPECT_THAT(FaultsOf(message), ElementsAre("recipients[1].role"));
  message.set_kind(v1::MESSAGE_KIND_HOMELESS_PRESENTATION);
  EXPECT_THAT(FaultsOf(message), IsEmpty());
}

}  // namespace
}  // namespace baton
