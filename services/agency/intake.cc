#include "services/agency/intake.h"

#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "services/agency/intake_record.h"
#include "services/common/ids.h"
#include "storage/keys.h"
#include "storage/status.h"

namespace baton {
namespace {

constexpr size_t kLoadPage = 1000;

// Decided here or, a copy, by its holder; or somebody else's by now.
bool IsSettled(const v1::IntakeRecord& record) {
  if (AwaitsAnotherDecision(record)) return false;
  return record.state() == v1::MATTER_STATE_DECIDED || record.passed_on() ||
         record.matter().state() == v1::MATTER_STATE_DECIDED;
}

void Keep(bool there, uint64_t number, std::set<uint64_t>* numbers) {
  if (there) {
    numbers->insert(number);
  } else {
    numbers->erase(number);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Intake>> Intake::Open(
    AgencyStore* store,
    const std::function<void(const v1::IntakeRecord&)>& visit) {
  std::unique_ptr<Intake> intake(new Intake(store));
  KeyRange range = IntakeMatters();
  while (true) {
    ASSIGN_OR_RETURN(const std::vector<KeyValue> page,
                     store->committed().Scan(range, kLoadPage));
    for (const KeyValue& pair : page) {
      v1::IntakeRecord record;
      RETURN_IF_ERROR(store->Open(pair.key, pair.value, &record));
      intake->Index(record);
      visit(record);
    }
    if (page.size() < kLoadPage) return intake;
    range.begin = page.back().key;
    range.begin.push_back('\0');
  }
}

void Intake::Index(const v1::IntakeRecord& record) {
  matter_ids_[record.number()] = record.matter_id();
  Keep(!IsSettled(record), record.number(), &undecided_);
  Keep(record.matter().state() != v1::MATTER_STATE_DECIDED, record.number(),
       &open_);
}

absl::StatusOr<std::optional<v1::IntakeRecord>> Intake::Find(
    absl::string_view matter_id) const {
  const std::string key = IntakeKey(matter_id);
  ASSIGN_OR_RETURN(const std::optional<std::string> sealed, store_->Get(key));
  if (!sealed.has_value()) return std::optional<v1::IntakeRecord>();
  v1::IntakeRecord record;
  RETURN_IF_ERROR(store_->Open(key, *sealed, &record));
  return std::optional<v1::IntakeRecord>(std::move(record));
}

void Intake::Write(v1::IntakeRecord* record) {
  if (record->number() == 0) {
    record->set_number(matter_ids_.empty() ? 1
                                           : matter_ids_.rbegin()->first + 1);
  }
  const std::string key = IntakeKey(record->matter_id());
  store_->batch()->Put(key, store_->Seal(key, *record));
  Index(*record);
}

std::vector<uint64_t> Intake::Numbers(uint64_t after, size_t limit,
                                      bool include_decided) const {
  std::vector<uint64_t> numbers;
  if (include_decided) {
    for (auto it = matter_ids_.upper_bound(after);
         it != matter_ids_.end() && numbers.size() < limit; ++it) {
      numbers.push_back(it->first);
    }
  } else {
    for (auto it = undecided_.upper_bound(after);
         it != undecided_.end() && numbers.size() < limit; ++it) {
      numbers.push_back(*it);
    }
  }
  return numbers;
}

std::vector<std::string> Intake::OpenConversations(size_t limit) const {
  std::vector<std::string> ids;
  absl::flat_hash_set<std::string> seen;
  for (auto it = open_.rbegin(); it != open_.rend() && ids.size() < limit;
       ++it) {
    const absl::StatusOr<MatterName> name = ParseMatterId(matter_ids_.at(*it));
    if (!name.ok()) continue;
    std::string id = ConversationId(name->conversation_number);
    if (seen.insert(id).second) ids.push_back(std::move(id));
  }
  return ids;
}

absl::StatusOr<v1::IntakeRecord> Intake::Read(uint64_t number) const {
  ASSIGN_OR_RETURN(std::optional<v1::IntakeRecord> record,
                   Find(matter_ids_.at(number)));
  if (!record.has_value()) {
    return absl::DataLossError(
        absl::StrCat("the record of matter number ", number, " is gone"));
  }
  return *std::move(record);
}

}  // namespace baton
