#include "services/broker/message_filter.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "services/common/agency.h"
#include "services/common/ids.h"
#include "services/common/proto_time.h"

namespace baton {

void MessageFilter::Check(const v1::MessageFilter& filter,
                          const std::string& path, Faults* faults) {
  if (filter.message_ids_size() > kMaxMessageIds) {
    faults->Add(path + ".message_ids",
                absl::StrCat("at most ", kMaxMessageIds));
  }
  for (int i = 0; i < filter.message_ids_size(); ++i) {
    if (!ParseMessageId(filter.message_ids(i)).ok()) {
      faults->Add(absl::StrCat(path, ".message_ids[", i, "]"),
                  "is no message id of this exchange");
    }
  }
  if (filter.has_published_from() && filter.has_published_before() &&
      FromProto(filter.published_from()) >=
          FromProto(filter.published_before())) {
    faults->Add(path + ".published_before", "is not after published_from");
  }
}

MessageFilter::MessageFilter(v1::MessageFilter filter)
    : filter_(std::move(filter)) {
  for (const std::string& id : filter_.message_ids()) {
    sequences_.insert(ParseMessageId(id).value_or(0));
  }
  if (filter_.has_published_from()) from_ = FromProto(filter_.published_from());
  if (filter_.has_published_before()) {
    before_ = FromProto(filter_.published_before());
  }
}

bool MessageFilter::Matches(const v1::Message& envelope) const {
  const absl::Time published = FromProto(envelope.publish_time());
  const auto& kinds = filter_.kinds();
  const auto& senders = filter_.senders();
  return published >= from_ && published < before_ &&
         (sequences_.empty() ||
          sequences_.contains(
              ParseMessageId(envelope.message_id()).value_or(0))) &&
         (kinds.empty() || std::find(kinds.begin(), kinds.end(),
                                     envelope.kind()) != kinds.end()) &&
         (senders.empty() || std::any_of(senders.begin(), senders.end(),
                                         [&envelope](const v1::Agency& sender) {
                                           return SameAgency(sender,
                                                             envelope.sender());
                                         })) &&
         (filter_.ordering_key().empty() ||
          filter_.ordering_key() == envelope.ordering_key());
}

std::optional<std::pair<uint64_t, uint64_t>> MessageFilter::bounds() const {
  if (sequences_.empty()) return std::nullopt;
  return std::pair(*sequences_.begin(), *sequences_.rbegin());
}

}  // namespace baton
