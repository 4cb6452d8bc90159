#include "tests/system/simulation/people.h"

#include <iterator>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "baton/v1/broker_service.pb.h"
#include "gtest/gtest.h"
#include "services/common/agency.h"
#include "services/common/proto_time.h"

namespace baton::sim {
namespace {

// From the range that is never issued; the last one fails its check.
constexpr const char* kNhsNumbers[] = {"9990000018", "9990000026", "9990000034",
                                       "9990000042", "9990000050"};
constexpr char kWrongNhsNumber[] = "9990000001";

// Longer than the two minutes by what a clock may be set back.
constexpr absl::Duration kAlarmsBy = absl::Seconds(120);

v1::Actor Nurse() {
  v1::Actor nurse;
  nurse.set_name("Nadia Nurse");
  nurse.set_role("nurse in charge");
  nurse.set_phone("0115 496 0001");
  return nurse;
}

v1::Actor Worker(const std::string& team) {
  v1::Actor worker;
  worker.set_name("Wilhelmina Worker");
  worker.set_role("duty social worker");
  worker.set_team(team);
  worker.set_phone("0115 496 0123");
  return worker;
}

v1::Address CouncilDesk() {
  v1::Address address;
  *address.mutable_agency() = CouncilAgency();
  address.set_desk("intake");
  return address;
}

bool HasMark(const v1::WaitingStatus& status, v1::MarkCode code) {
  for (const v1::Mark& mark : status.marks()) {
    if (mark.code() == code) return true;
  }
  return false;
}

}  // namespace

v1::Agency HospitalAgency() { return ParseAgency("emergency/RX1RA").value(); }
v1::Agency CouncilAgency() { return ParseAgency("council/E10000024").value(); }
v1::Agency PoliceAgency() { return ParseAgency("police/E23000019").value(); }

// ---------------------------------------------------------------- hospital

Hospital::Hospital(World* world, EmergencyMachine* machine, Oracle* oracle)
    : world_(world),
      machine_(machine),
      oracle_(oracle),
      line_(world, "the hospital's network") {}

std::string Hospital::ThreadOf(const Child& child) const {
  const auto stays = stays_.find(child.reference);
  return absl::StrCat(child.reference, "/",
                      stays == stays_.end() ? 0 : stays->second);
}

std::string Hospital::Begin(const Child& child, absl::string_view what) {
  const std::string thread = ThreadOf(child);
  const std::string marker =
      absl::StrCat(thread, ":", ++last_deed_[thread], what);
  oracle_->Began(
      thread,
      child.forbidden_recipient ? Destination::kNowhere : Destination::kCouncil,
      marker);
  world_->Note("hospital", marker);
  return marker;
}

void Hospital::Call(
    const std::string& marker,
    std::function<absl::StatusOr<v1::WaitingStatus>(Instant)> decide,
    Then then) {
  ++busy_;
  Insist<v1::WaitingStatus>::On(
      world_, &line_, machine_, std::move(decide),
      [this, marker, then = std::move(then)](
          const absl::StatusOr<v1::WaitingStatus>& status) {
        --busy_;
        world_->Note(
            "hospital",
            absl::StrCat(marker, " ",
                         absl::StatusCodeToString(status.status().code())));
        oracle_->Acknowledged(marker);
        then(status);
      });
}

void Hospital::Flag(const Child& child, Then then) {
  ++stays_[child.reference];
  const std::string marker = Begin(child, "flag");
  v1::FlagWaitingRequest request;
  request.set_request_id(marker);
  *request.mutable_actor() = Nurse();
  request.set_legal_basis(v1::LEGAL_BASIS_CHILDREN_ACT_2004_S11);
  v1::WaitingFlag* const flag = request.mutable_flag();
  flag->set_sender_reference(child.reference);
  flag->set_location(marker);
  flag->set_reason(v1::WAITING_REASON_REFUSED_HOME);
  flag->mutable_immediate_danger()->set_value(child.immediate_danger);
  flag->mutable_child()->mutable_nhs_number()->set_value(
      child.wrong_check_digit
          ? kWrongNhsNumber
          : kNhsNumbers[world_->Random(std::size(kNhsNumbers) - 1)]);
  if (child.unknown_recipient) {
    *request.mutable_recipient()->mutable_agency() =
        ParseAgency("council/E09000099").value();
  } else if (child.forbidden_recipient) {
    *request.mutable_recipient()->mutable_agency() =
        ParseAgency("school/123456").value();
  }
  Call(
      marker,
      [machine = machine_, request](Instant now) {
        return machine->the_desk().Flag(request, now);
      },
      [child, marker, then = std::move(then)](
          const absl::StatusOr<v1::WaitingStatus>& status) {
        EXPECT_TRUE(status.ok()) << marker << ": " << status.status();
        EXPECT_TRUE(!status.ok() || !child.wrong_check_digit ||
                    HasMark(*status, v1::MARK_CODE_FAILED_CHECK))
            << marker;
        then(status);
      });
}

void Hospital::Update(const Child& child, Then then) {
  const std::string marker = Begin(child, "update");
  v1::UpdateWaitingRequest request;
  request.set_request_id(marker);
  request.set_sender_reference(child.reference);
  *request.mutable_actor() = Nurse();
  request.mutable_update()->mutable_note()->set_value(marker);
  Call(
      marker,
      [machine = machine_, request](Instant now) {
        return machine->the_desk().Update(request, now);
      },
      std::move(then));
}

void Hospital::Move(const Child& child, Then then) {
  const std::string marker = Begin(child, "move");
  v1::MoveWaitingRequest request;
  request.set_request_id(marker);
  request.set_sender_reference(child.reference);
  *request.mutable_actor() = Nurse();
  request.mutable_moved()->set_location(marker);
  Call(
      marker,
      [machine = machine_, request](Instant now) {
        return machine->the_desk().Move(request, now);
      },
      std::move(then));
}

void Hospital::End(const Child& child, Then then) {
  const std::string marker = Begin(child, "end");
  v1::EndWaitingRequest request;
  request.set_request_id(marker);
  request.set_sender_reference(child.reference);
  *request.mutable_actor() = Nurse();
  request.mutable_end()->set_end_reason(v1::WAITING_END_REASON_RAISED_IN_ERROR);
  request.mutable_end()->set_reason(marker);
  Call(
      marker,
      [machine = machine_, request](Instant now) {
        return machine->the_desk().End(request, now);
      },
      std::move(then));
}

void Hospital::Admit(int waits, absl::Duration span) {
  for (int i = 0; i < waits; ++i) {
    auto visit = std::make_shared<Visit>();
    Child& child = visit->child;
    child.reference = absl::StrCat("visit-", ++last_visit_);
    child.immediate_danger = world_->Chance(15);
    child.wrong_check_digit = world_->Chance(10);
    child.unknown_recipient = world_->Chance(10);
    child.forbidden_recipient = !child.unknown_recipient && world_->Chance(5);
    visit->stays = world_->Chance(20) ? 2 : 1;
    visit->steps_left = static_cast<int>(world_->Random(3));
    ++busy_;
    world_->After(world_->Between(absl::ZeroDuration(), span), [this, visit] {
      Look(visit);
      Flag(visit->child, [this, visit](const auto&) { Next(visit); });
    });
  }
  AttendToRefusals();
}

void Hospital::Next(std::shared_ptr<Visit> visit) {
  // Often at once, so that messages wait behind each other.
  world_->After(world_->Between(
                    absl::Milliseconds(10),
                    world_->Chance(40) ? absl::Seconds(1) : absl::Minutes(25)),
                [this, visit] { Step(visit); });
}

void Hospital::Step(std::shared_ptr<Visit> visit) {
  const Child& child = visit->child;
  const auto next = [this, visit](const auto& status) {
    EXPECT_TRUE(status.ok() || visit->child.forbidden_recipient)
        << status.status();
    Next(visit);
  };
  if (visit->steps_left-- > 0) {
    world_->Chance(60) ? Update(child, next) : Move(child, next);
    return;
  }
  if (child.forbidden_recipient || world_->Chance(25)) {
    --busy_;  // Stays on.
    return;
  }
  End(child, [this, visit](const auto& status) {
    EXPECT_TRUE(status.ok()) << status.status();
    if (--visit->stays == 0) {
      --busy_;
      return;
    }
    // The same child is back, under the same reference.
    visit->steps_left = static_cast<int>(world_->Random(2));
    Flag(visit->child, [this, visit](const auto&) { Next(visit); });
  });
}

// The status is looked at now and then; danger that is not sent shows.
void Hospital::Look(std::shared_ptr<Visit> visit) {
  const std::string reference = visit->child.reference;
  const bool danger = visit->child.immediate_danger;
  machine_->Ask<v1::WaitingStatus>(
      [machine = machine_, reference](Instant now) {
        return machine->the_desk().Get(reference, now);
      },
      [this, danger](const absl::StatusOr<v1::WaitingStatus>& status) {
        if (!status.ok()) return;
        oracle_->SawStatus(*status);
        const bool late =
            machine_->clock().Now().wall - FromProto(status->held_time()) >=
            kAlarmsBy + absl::Seconds(1);
        if (danger && late && status->outbox_state() == v1::OUTBOX_STATE_HELD) {
          EXPECT_TRUE(status->alarm()) << status->headline();
        }
      });
  if (busy_ == 0) return;
  world_->After(world_->Between(absl::Seconds(30), absl::Minutes(10)),
                [this, visit] { Look(visit); });
}

// Somebody owns what the exchange refused, and withdraws it.
void Hospital::AttendToRefusals() {
  machine_->Ask<v1::ListNeedsAttentionResponse>(
      [machine = machine_](Instant) {
        return machine->the_desk().NeedsAttention();
      },
      [this](const absl::StatusOr<v1::ListNeedsAttentionResponse>& list) {
        if (!list.ok()) return;
        for (const v1::NeedsAttention& item : list->items()) {
          EXPECT_TRUE(absl::StrContains(item.reason(), "PERMISSION_DENIED"))
              << item.reason();
          if (!withdrawing_.insert(item.outbox_id()).second) continue;
          v1::ResolveNeedsAttentionRequest request;
          request.set_request_id(absl::StrCat("withdraw-", item.outbox_id()));
          request.set_outbox_id(item.outbox_id());
          request.set_resolution(v1::RESOLUTION_WITHDRAW);
          *request.mutable_actor() = Nurse();
          request.set_reason("rung instead");
          ++busy_;
          Insist<v1::WaitingStatus>::On(
              world_, &line_, machine_,
              [machine = machine_, request](Instant now) {
                return machine->the_desk().Resolve(request, now);
              },
              [this](const auto&) { --busy_; });
        }
      });
  world_->After(absl::Minutes(15), [this] { AttendToRefusals(); });
}

// ----------------------------------------------------------------- council

Council::Council(World* world, CouncilMachine* machine, Oracle* oracle)
    : world_(world),
      machine_(machine),
      oracle_(oracle),
      line_(world, "the council's network") {}

void Council::GoOnDuty() {
  LookAtList();
  world_->After(world_->Between(absl::Minutes(1), absl::Minutes(6)),
                [this] { GoOnDuty(); });
}

void Council::LookAtList() {
  machine_->Ask<v1::ListIntakeResponse>(
      [machine = machine_](Instant) {
        v1::ListIntakeRequest request;
        request.set_page_size(500);
        return machine->the_desk().List(request);
      },
      [this](const absl::StatusOr<v1::ListIntakeResponse>& list) {
        if (!list.ok()) return;
        for (const v1::IntakeItem& item : list->items()) {
          if (!known_.insert(item.matter_id()).second) continue;
          ++busy_;
          world_->After(
              world_->Between(absl::Seconds(1), absl::Minutes(30)),
              [this, matter_id = item.matter_id()] { Open(matter_id); });
        }
      });
}

void Council::Open(const std::string& matter_id) {
  v1::OpenMatterRequest request;
  request.set_matter_id(matter_id);
  *request.mutable_actor() = Worker("MASH");
  Insist<v1::OpenMatterResponse>::On(
      world_, &line_, machine_,
      [machine = machine_, request](Instant now) {
        return machine->the_desk().OpenMatter(request, now);
      },
      [this, matter_id](const absl::StatusOr<v1::OpenMatterResponse>& opened) {
        EXPECT_TRUE(opened.ok()) << opened.status();
        oracle_->AnswersTo(matter_id).opened = true;
        world_->After(world_->Between(absl::Seconds(1), absl::Minutes(10)),
                      [this, matter_id] { Take(matter_id, 1); });
      });
}

namespace {

// The exchange keeps a conversation's number in the ids of its matters; who
// opened it says where answers go.
Destination AnswersGoTo(const v1::IntakeItem& item) {
  return item.sender().agency_class() == v1::AGENCY_CLASS_EMERGENCY
             ? Destination::kHospital
             : Destination::kPolice;
}

}  // namespace

void Council::Take(const std::string& matter_id, int nth) {
  const std::string marker = absl::StrCat(matter_id, ":taken", nth);
  v1::TakeMatterRequest request;
  request.set_request_id(marker);
  request.mutable_taken()->set_matter_id(matter_id);
  *request.mutable_taken()->mutable_worker() = Worker(marker);
  Insist<v1::TakeMatterResponse>::On(
      world_, &line_, machine_,
      [machine = machine_, request](Instant now) {
        return machine->the_desk().Take(request, now);
      },
      [this, matter_id, marker,
       nth](const absl::StatusOr<v1::TakeMatterResponse>& taken) {
        ASSERT_TRUE(taken.ok()) << taken.status();
        oracle_->Began(absl::StrCat("answers/", matter_id),
                       AnswersGoTo(taken->item()), marker);
        oracle_->Acknowledged(marker);
        oracle_->AnswersTo(matter_id).taken = true;
        if (nth < 2 && world_->Chance(10)) {
          // A colleague takes it too; the first receipt stands.
          Take(matter_id, nth + 1);
          return;
        }
        world_->After(world_->Between(absl::Milliseconds(1),
                                      world_->Chance(50) ? absl::Seconds(1)
                                                         : absl::Minutes(20)),
                      [this, matter_id] { Decide(matter_id, 1); });
      });
}

void Council::Decide(const std::string& matter_id, int nth) {
  const std::string marker = absl::StrCat(matter_id, ":decided", nth);
  const v1::Outcome outcome = static_cast<v1::Outcome>(2 + world_->Random(3));
  v1::DecideMatterRequest request;
  request.set_request_id(marker);
  v1::Decision* const decision = request.mutable_decision();
  decision->set_matter_id(matter_id);
  decision->set_outcome(outcome);
  decision->set_reason("stays at the council");
  decision->set_next_step(marker);
  *decision->mutable_worker() = Worker("MASH");
  Insist<v1::DecideMatterResponse>::On(
      world_, &line_, machine_,
      [machine = machine_, request](Instant now) {
        return machine->the_desk().Decide(request, now);
      },
      [this, matter_id, marker, outcome,
       nth](const absl::StatusOr<v1::DecideMatterResponse>& decided) {
        ASSERT_TRUE(decided.ok()) << decided.status();
        oracle_->Began(absl::StrCat("answers/", matter_id),
                       AnswersGoTo(decided->item()), marker);
        oracle_->Acknowledged(marker);
        oracle_->AnswersTo(matter_id).outcome = outcome;
        if (nth < 2 && world_->Chance(10)) {
          // Decided anew.
          Decide(matter_id, nth + 1);
          return;
        }
        --busy_;
      });
}

// ------------------------------------------------------------------ police

struct Police::Case {
  std::string key;
  int messages_left = 0;
  int sent = 0;
  std::string conversation_id = {};
  std::vector<std::string> matter_ids = {};
};

Police::Police(World* world, BrokerMachine* broker, Oracle* oracle)
    : world_(world),
      oracle_(oracle),
      line_(world, "line of police"),
      link_({.world = world,
             .line = &line_,
             .broker = broker,
             .identity = {.agency = PoliceAgency(), .key_id = "87654321"},
             .consumer = "police",
             .post =
                 [world](const AgencyLoop::Event& event) {
                   event({.wall = world->time(), .steady = world->now()});
                 },
             .on_conversation = [](const v1::Conversation&) {},
             .silent = [] { return false; }}) {}

void Police::Report(int cases, absl::Duration span) {
  for (int i = 0; i < cases; ++i) {
    auto incident = std::make_shared<Case>();
    incident->key = absl::StrCat("incident-", ++last_case_);
    incident->messages_left = 1 + static_cast<int>(world_->Random(4));
    ++busy_;
    world_->After(world_->Between(absl::ZeroDuration(), span),
                  [this, incident] { Next(incident); });
  }
}

void Police::Next(std::shared_ptr<Case> incident) {
  if (incident->messages_left == 0) {
    --busy_;
    return;
  }
  v1::PublishRequest request;
  std::vector<std::string> markers;
  // The first opens the conversation; later ones may go two at a time.
  const int count =
      incident->sent > 0 && incident->messages_left > 1 && world_->Chance(40)
          ? 2
          : 1;
  for (int i = 0; i < count; ++i) {
    --incident->messages_left;
    const std::string marker =
        absl::StrCat(incident->key, ":", ++incident->sent);
    markers.push_back(marker);
    oracle_->Began(incident->key, Destination::kCouncil, marker);
    world_->Note("police", marker);
    v1::Message* const message = request.add_messages();
    message->set_kind(v1::MESSAGE_KIND_CONTACT);
    v1::Recipient* const recipient = message->add_recipients();
    *recipient->mutable_address() = CouncilDesk();
    recipient->set_role(v1::RECIPIENT_ROLE_ACTION);
    message->set_conversation_id(incident->conversation_id);
    message->set_idempotency_key(marker);
    *message->mutable_idempotency_time() = ToProto(world_->time());
    message->set_ordering_key(incident->key);
    message->set_purpose(v1::PURPOSE_SAFEGUARDING);
    message->set_legal_basis(v1::LEGAL_BASIS_CHILDREN_ACT_2004_S11);
    message->set_environment(v1::ENVIRONMENT_TRAINING);
    message->set_format_version(1);
    for (int child = 0; child < 3; ++child) {
      v1::PayloadPart* const part = message->add_payload();
      part->set_matter_id(incident->matter_ids.empty()
                              ? absl::StrCat("#", child + 1)
                              : incident->matter_ids[child]);
      part->set_type(kTextType);
      // One marker a message.
      if (child == 0) part->set_content(marker);
    }
  }
  Publish(incident, std::move(request), std::move(markers));
}

void Police::Publish(std::shared_ptr<Case> incident, v1::PublishRequest request,
                     std::vector<std::string> markers) {
  link_.Publish(request, [this, incident, request, markers](
                             absl::StatusOr<v1::PublishResponse> response) {
    if (!response.ok()) {
      ASSERT_TRUE(MayPass(response.status())) << response.status();
      world_->After(world_->Between(absl::Seconds(1), absl::Seconds(20)),
                    [this, incident, request, markers] {
                      Publish(incident, request, markers);
                    });
      return;
    }
    ASSERT_EQ(response->receipts_size(), request.messages_size());
    for (const std::string& marker : markers) oracle_->Acknowledged(marker);
    const v1::PublishReceipt& receipt = response->receipts(0);
    if (incident->conversation_id.empty()) {
      incident->conversation_id = receipt.conversation_id();
      incident->matter_ids = {receipt.matter_ids().begin(),
                              receipt.matter_ids().end()};
    }
    EXPECT_EQ(incident->conversation_id, receipt.conversation_id());
    world_->After(world_->Between(absl::Milliseconds(1), absl::Minutes(20)),
                  [this, incident] { Next(incident); });
  });
}

}  // namespace baton::sim
