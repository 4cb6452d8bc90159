#include "services/broker/duties.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "services/common/agency.h"
#include "services/common/proto_time.h"

namespace baton {
namespace {

bool IsMet(const v1::Duty& duty) {
  return duty.code() == v1::DUTY_CODE_RECALL ? duty.has_taken()
                                             : duty.has_answered();
}

bool IsOf(const v1::Address& address, const v1::Agency& agency,
          const std::string& desk) {
  return SameAgency(address.agency(), agency) &&
         (desk.empty() || desk == address.desk());
}

// The party's duty of this code; one that is not met before one that is.
std::optional<int> FindDuty(const v1::Matter& matter, v1::DutyCode code,
                            const v1::Agency& agency, const std::string& desk,
                            const std::string& message_id) {
  std::optional<int> found;
  for (int i = 0; i < matter.duties_size(); ++i) {
    const v1::Duty& duty = matter.duties(i);
    if (duty.code() != code || !IsOf(duty.address(), agency, desk) ||
        (!message_id.empty() && duty.message_id() != message_id)) {
      continue;
    }
    if (!IsMet(duty)) return i;
    if (!found.has_value()) found = i;
  }
  return found;
}

std::optional<int> HoldersOrHomeless(const v1::Matter& matter,
                                     const v1::Agency& agency,
                                     const std::string& desk) {
  if (IsOf(matter.holder(), agency, desk)) return kHolders;
  return FindDuty(matter, v1::DUTY_CODE_HOMELESS, agency, desk, "");
}

}  // namespace

bool AddDuty(v1::DutyCode code, const v1::Address& address,
             const std::string& message_id, absl::Time now,
             v1::Matter* matter) {
  auto* const duties = matter->mutable_duties();
  for (const v1::Duty& duty : *duties) {
    if (duty.code() == code &&
        QueueName(duty.address()) == QueueName(address) && !IsMet(duty) &&
        (code == v1::DUTY_CODE_HOMELESS || duty.message_id() == message_id)) {
      return false;
    }
  }
  if (duties->size() >= kMaxDuties) {
    const auto met = std::find_if(duties->begin(), duties->end(), IsMet);
    if (met != duties->end()) duties->erase(met);
  }
  v1::Duty* const duty = duties->Add();
  duty->set_code(code);
  *duty->mutable_address() = address;
  duty->set_message_id(message_id);
  *duty->mutable_start_time() = ToProto(now);
  Changed(v1::MATTER_STATE_UNSPECIFIED, matter);
  return true;
}

absl::Status CheckRoomForDuties(const v1::Matter& matter, size_t count) {
  const auto open =
      std::count_if(matter.duties().begin(), matter.duties().end(),
                    [](const v1::Duty& duty) { return !IsMet(duty); });
  if (open + static_cast<int64_t>(count) <= kMaxDuties) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("matter ", matter.matter_id(), " has ", open,
                   " open duties and takes at most ", kMaxDuties,
                   "; ring those who have not taken theirs"));
}

std::optional<int> WhoseReceipts(const v1::Matter& matter,
                                 const v1::Taken& taken, const Saying& saying) {
  if (!saying.in_reply_to.empty()) {
    const std::optional<int> recall =
        FindDuty(matter, v1::DUTY_CODE_RECALL, saying.sender, taken.desk(),
                 saying.in_reply_to);
    if (recall.has_value()) return recall;
  }
  return HoldersOrHomeless(matter, saying.sender, taken.desk());
}

std::optional<int> WhoseReceipts(const v1::Matter& matter,
                                 const v1::Decision& decision,
                                 const Saying& saying) {
  return HoldersOrHomeless(matter, saying.sender, decision.desk());
}

}  // namespace baton
