#include "tests/system/simulation/oracle.h"

#include <algorithm>
#include <iterator>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "baton/v1/audit_service.pb.h"
#include "baton/v1/decision.pb.h"
#include "baton/v1/waiting.pb.h"
#include "gtest/gtest.h"
#include "services/agency/inbox.h"
#include "services/broker/conversation.h"
#include "services/broker/sealed_records.h"
#include "services/common/agency.h"
#include "services/common/ids.h"
#include "services/common/proto_time.h"
#include "storage/audit_log.h"
#include "storage/merkle.h"
#include "tests/system/simulation/people.h"

namespace baton::sim {
namespace {

template <typename Content>
std::optional<Content> ContentOf(const v1::PayloadPart& part) {
  Content content;
  if (part.type() != Content::descriptor()->full_name() ||
      !content.ParseFromString(part.content())) {
    return std::nullopt;
  }
  return content;
}

// A receipt once seen stays as it is.
void ExpectKept(absl::string_view what, const v1::Receipt& before,
                bool has_before, const v1::Receipt& after) {
  if (!has_before) return;
  EXPECT_EQ(before.time().seconds(), after.time().seconds()) << what;
  EXPECT_EQ(before.time().nanos(), after.time().nanos()) << what;
  EXPECT_EQ(before.audit_index(), after.audit_index()) << what;
}

void ExpectGrown(const std::string& whose, const v1::Matter& before,
                 const v1::Matter& after) {
  SCOPED_TRACE(whose);
  ExpectKept("delivered", before.delivered(), before.has_delivered(),
             after.delivered());
  ExpectKept("first read", before.first_read(), before.has_first_read(),
             after.first_read());
  ExpectKept("taken", before.taken(), before.has_taken(), after.taken());
  // The latest decision stands.
  if (before.has_decided()) {
    EXPECT_GE(FromProto(after.decided().time()),
              FromProto(before.decided().time()));
  }
  EXPECT_EQ(FromProto(before.received_time()), FromProto(after.received_time()))
      << "the received time moved";
  EXPECT_GE(after.version(), before.version());
  EXPECT_GE(after.state(), before.state()) << "the state went back";
  EXPECT_EQ(QueueName(before.holder()), QueueName(after.holder()))
      << "nobody moves custody yet";
}

}  // namespace

std::vector<std::string> MarkersOf(const v1::Message& message) {
  std::vector<std::string> markers;
  for (const v1::PayloadPart& part : message.payload()) {
    std::string marker;
    if (const auto flag = ContentOf<v1::WaitingFlag>(part)) {
      marker = flag->location();
    } else if (const auto update = ContentOf<v1::WaitingUpdate>(part)) {
      marker = update->note().value();
    } else if (const auto moved = ContentOf<v1::WaitingMoved>(part)) {
      marker = moved->location();
    } else if (const auto end = ContentOf<v1::WaitingEnd>(part)) {
      marker = end->reason();
    } else if (const auto taken = ContentOf<v1::Taken>(part)) {
      marker = taken->worker().team();
    } else if (const auto decision = ContentOf<v1::Decision>(part)) {
      marker = decision->next_step();
    } else if (part.type() == kTextType) {
      marker = part.content();
    }
    if (!marker.empty()) markers.push_back(std::move(marker));
  }
  return markers;
}

// --- Deeds.

void Oracle::Began(const std::string& thread, Destination destination,
                   const std::string& marker) {
  Thread& line = threads_[thread];
  line.destination = destination;
  line.markers.push_back(marker);
  thread_of_[marker] = thread;
  acknowledged_[marker] = false;
}

void Oracle::Acknowledged(const std::string& marker) {
  acknowledged_.at(marker) = true;
}

// --- Sights.

// Two sights of one conversation agree, whichever way and in whichever order
// they came: equal at the same commit, grown at a later one.
void Oracle::SawConversation(const v1::Conversation& conversation) {
  for (const v1::Matter& matter : conversation.matters()) {
    EXPECT_FALSE(matter.holder().agency().code().empty())
        << matter.matter_id() << " has no holder";
  }
  auto& sights = seen_[conversation.conversation_id()];
  const auto [it, first] = sights.emplace(conversation.commit(), conversation);
  if (!first) {
    EXPECT_EQ(it->second.SerializeAsString(), conversation.SerializeAsString())
        << "two faces of " << conversation.conversation_id() << " at commit "
        << conversation.commit();
    return;
  }
  const auto compare = [](const v1::Conversation& before,
                          const v1::Conversation& after) {
    ASSERT_EQ(before.matters_size(), after.matters_size());
    EXPECT_LE(before.message_count(), after.message_count());
    for (int i = 0; i < before.matters_size(); ++i) {
      ExpectGrown(before.matters(i).matter_id(), before.matters(i),
                  after.matters(i));
    }
  };
  if (it != sights.begin()) compare(std::prev(it)->second, it->second);
  if (std::next(it) != sights.end()) compare(it->second, std::next(it)->second);
}

void Oracle::SawStatus(const v1::WaitingStatus& status) {
  const std::string wait =
      absl::StrCat(status.sender_reference(), " held at ",
                   absl::FormatTime(FromProto(status.held_time())));
  SCOPED_TRACE(wait);
  if (status.outbox_state() == v1::OUTBOX_STATE_HELD) {
    EXPECT_TRUE(absl::StrContains(
        status.headline(), absl::StrCat("NOT SENT, ring ", status.phone())))
        << status.headline();
  }
  if (status.alarm()) {
    EXPECT_TRUE(absl::StrContains(
        status.headline(),
        absl::StrCat("ring ", status.phone(), " NOW: immediate danger")))
        << status.headline();
  }
  const auto [it, first] = statuses_.emplace(wait, status);
  if (first) return;
  const v1::WaitingStatus& before = it->second;
  if (before.outbox_state() == v1::OUTBOX_STATE_ACCEPTED) {
    EXPECT_EQ(status.outbox_state(), v1::OUTBOX_STATE_ACCEPTED);
  }
  if (!before.conversation_id().empty()) {
    EXPECT_EQ(before.conversation_id(), status.conversation_id());
  }
  if (before.ended()) {
    EXPECT_TRUE(status.ended());
  }
  if (before.has_matter()) {
    EXPECT_TRUE(status.has_matter());
    ExpectGrown(status.matter().matter_id(), before.matter(), status.matter());
  }
  it->second = status;
}

void Oracle::SawCheckpoint(uint64_t size, const std::string& root) {
  EXPECT_GE(size, checkpoint_size_) << "the audit tree shrank";
  if (size == checkpoint_size_ && size > 0) {
    EXPECT_EQ(root, checkpoint_root_);
  }
  if (size >= checkpoint_size_) {
    checkpoint_size_ = size;
    checkpoint_root_ = root;
  }
}

void Oracle::CheckAudit(const BrokerMachine& broker) {
  const v1::HeadRecord head = broker.Head();
  const auto leaves = ReadLeaves(broker.store(), 0, head.tree_size() + 1);
  ASSERT_TRUE(leaves.ok()) << leaves.status();
  CompactRange range;
  for (const std::string& leaf : *leaves) range.Append(LeafHash(leaf));
  EXPECT_EQ(range.size(), head.tree_size());
  EXPECT_EQ(AsBytes(range.Root()), head.root())
      << "the leaves do not give the root";
  if (checkpoint_size_ == 0) return;
  ASSERT_GE(head.tree_size(), checkpoint_size_) << "the audit tree shrank";
  const auto proof =
      ConsistencyProof(checkpoint_size_, head.tree_size(),
                       StoredSubtrees(broker.store(), head.tree_size()));
  ASSERT_TRUE(proof.ok()) << proof.status();
  const absl::Status grown =
      VerifyConsistency(checkpoint_size_, head.tree_size(),
                        HashFromBytes(checkpoint_root_).value(),
                        HashFromBytes(head.root()).value(), *proof);
  EXPECT_TRUE(grown.ok()) << "a checkpoint that was told is no prefix: "
                          << grown;
  SawCheckpoint(head.tree_size(), head.root());
}

// --- In the end.

void Oracle::Complain(absl::string_view what, absl::string_view whom) {
  complaints_.push_back(absl::StrCat(whom, ": ", what));
}

// Every deed that belongs to `where` is there once, those of a thread in order,
// and nothing else is.
void Oracle::CheckPlaces(absl::string_view where, const Places& places,
                         bool (*belongs)(Destination)) {
  for (const auto& [marker, found] : places) {
    const auto thread = thread_of_.find(marker);
    if (thread == thread_of_.end() ||
        !belongs(threads_.at(thread->second).destination)) {
      ADD_FAILURE() << marker << " is in " << where
                    << " and does not belong there";
    }
    EXPECT_EQ(found.size(), 1u) << marker << " is doubled in " << where;
  }
  for (const auto& [name, thread] : threads_) {
    if (!belongs(thread.destination)) continue;
    uint64_t last = 0;
    for (const std::string& marker : thread.markers) {
      const auto found = places.find(marker);
      if (found == places.end()) {
        Complain(absl::StrCat(
                     "is not in ", where,
                     acknowledged_.at(marker) ? " and was acknowledged" : ""),
                 marker);
        continue;
      }
      EXPECT_GT(found->second.front(), last)
          << marker << " is out of order in " << where;
      last = found->second.front();
    }
  }
}

namespace {

std::map<std::string, std::vector<uint64_t>> PlacesInExchange(
    BrokerMachine* broker) {
  std::map<std::string, std::vector<uint64_t>> places;
  const uint64_t last = broker->Head().last_sequence();
  for (uint64_t sequence = 1; sequence <= last; ++sequence) {
    const auto record = ReadMessageRecord(broker->store(), sequence);
    if (!record.ok()) {
      ADD_FAILURE() << "message " << sequence << ": " << record.status();
      continue;
    }
    const auto message = OpenMessage(*record, broker->vault());
    if (!message.ok()) {
      ADD_FAILURE() << "message " << sequence << ": " << message.status();
      continue;
    }
    for (const std::string& marker : MarkersOf(*message)) {
      places[marker].push_back(sequence);
    }
  }
  return places;
}

std::map<std::string, std::vector<uint64_t>> PlacesInInbox(
    AgencyMachine* machine) {
  std::map<std::string, std::vector<uint64_t>> places;
  const auto inbox = Inbox::Open(machine->store());
  if (!inbox.ok()) {
    ADD_FAILURE() << inbox.status();
    return places;
  }
  for (uint64_t number = 1; number <= (*inbox)->last_number(); ++number) {
    const auto record = (*inbox)->Read(number);
    if (!record.ok()) {
      ADD_FAILURE() << "inbox entry " << number << ": " << record.status();
      continue;
    }
    for (const std::string& marker : MarkersOf(record->message())) {
      places[marker].push_back(number);
    }
  }
  return places;
}

}  // namespace

// The exchange has done what the council's people were told is done.
void Oracle::CompareAnswers(const v1::Matter& matter) {
  const Answers& answers = answers_[matter.matter_id()];
  if (!matter.has_delivered()) Complain("not delivered", matter.matter_id());
  if (answers.opened && !matter.has_first_read()) {
    Complain("was opened, and the exchange does not know", matter.matter_id());
  }
  if (answers.taken && !matter.has_taken()) {
    Complain("was taken, and the exchange does not know", matter.matter_id());
  }
  if (answers.outcome != matter.decision().outcome()) {
    Complain("the exchange knows another decision", matter.matter_id());
  }
}

namespace {

// A wait that is over and decided is not looked up again after a lost
// connection: a possible match that is found later may be missing there.
bool ShowsMatter(const v1::WaitingStatus& status, v1::Matter matter) {
  v1::Matter shown = status.matter();
  if (status.ended() && matter.has_decided()) {
    shown.clear_links();
    matter.clear_links();
  }
  return shown.SerializeAsString() == matter.SerializeAsString();
}

}  // namespace

void Oracle::CheckConversations(BrokerMachine* broker,
                                EmergencyMachine* emergency,
                                CouncilMachine* council) {
  std::map<std::string, v1::WaitingStatus> shown;  // By conversation.
  v1::ListWaitingRequest all;
  all.set_page_size(500);
  all.set_include_ended(true);
  const auto waits = emergency->the_desk().List(all, emergency->clock().Now());
  ASSERT_TRUE(waits.ok()) << waits.status();
  for (const v1::WaitingStatus& status : waits->statuses()) {
    if (status.outbox_state() != v1::OUTBOX_STATE_WITHDRAWN) {
      shown[status.conversation_id()] = status;
    }
    if (status.held_messages() > 0) Complain("holds messages", "hospital");
  }
  std::map<std::string, v1::IntakeItem> listed;  // By matter.
  v1::ListIntakeRequest intake;
  intake.set_page_size(500);
  intake.set_include_decided(true);
  const auto items = council->the_desk().List(intake);
  ASSERT_TRUE(items.ok()) << items.status();
  for (const v1::IntakeItem& item : items->items()) {
    listed[item.matter_id()] = item;
  }
  const uint64_t last = broker->Head().last_sequence();
  for (uint64_t number = 1; number <= last; ++number) {
    const auto found =
        ReadConversation(broker->store(), number, broker->vault());
    if (absl::IsNotFound(found.status())) continue;
    ASSERT_TRUE(found.ok()) << found.status();
    const v1::Conversation conversation = ToPublic(*found);
    SawConversation(conversation);
    for (const v1::Matter& matter : conversation.matters()) {
      CompareAnswers(matter);
      const auto item = listed.find(matter.matter_id());
      if (item == listed.end()) {
        Complain("is not in the council's list", matter.matter_id());
      } else if (item->second.state() != matter.state()) {
        Complain("council and exchange disagree on it", matter.matter_id());
      }
    }
    if (conversation.opened_by().agency_class() != v1::AGENCY_CLASS_EMERGENCY) {
      continue;
    }
    const auto status = shown.find(conversation.conversation_id());
    if (status == shown.end()) {
      Complain("the hospital does not know it", conversation.conversation_id());
    } else if (!ShowsMatter(status->second, conversation.matters(0))) {
      Complain(
          absl::StrCat("the hospital has version ",
                       status->second.matter().version(), ", the exchange ",
                       conversation.matters(0).ShortDebugString()),
          conversation.conversation_id());
    }
  }
}

std::vector<std::string> Oracle::Complaints(BrokerMachine* broker,
                                            EmergencyMachine* emergency,
                                            CouncilMachine* council) {
  complaints_.clear();
  for (const auto& [marker, acknowledged] : acknowledged_) {
    if (!acknowledged) Complain("was never acknowledged", marker);
  }
  CheckPlaces("the exchange", PlacesInExchange(broker),
              [](Destination d) { return d != Destination::kNowhere; });
  CheckPlaces("the council's inbox", PlacesInInbox(council),
              [](Destination d) { return d == Destination::kCouncil; });
  CheckPlaces("the hospital's inbox", PlacesInInbox(emergency),
              [](Destination d) { return d == Destination::kHospital; });
  CheckConversations(broker, emergency, council);
  CheckAudit(*broker);
  return std::move(complaints_);
}

}  // namespace baton::sim
