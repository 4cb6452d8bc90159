#ifndef BATON_SERVICES_BROKER_LINKS_H_
#define BATON_SERVICES_BROKER_LINKS_H_

#include <string>

#include "absl/time/time.h"
#include "baton/v1/conversation.pb.h"
#include "baton/v1/record.pb.h"

// Links between matters that may belong together (rule 14): a hint to ring,
// shown as matter, kind, holder and reason. Never a merge, never a block: a
// link does not move a matter's version, so nobody's decision is refused
// because one came. Pure functions.
namespace baton {

// Links of one matter; the oldest goes when another comes.
inline constexpr int kMaxLinks = 32;
// Matters kept under one match key; the oldest goes.
inline constexpr int kMaxMatched = 32;
// A matter that ended longer ago is no longer linked to.
inline constexpr absl::Duration kLinkHorizon = absl::Hours(24 * 365);

// Police notices about one child within this time count together.
inline constexpr absl::Duration kNoticePeriod = absl::Hours(24 * 92);
inline constexpr int kNoticePattern = 3;

// When the matter ended: its wait or episode did, or it was decided.
// InfiniteFuture while it is open.
absl::Time EndOf(const v1::MatterRecord& matter);

// True when a matter opened at `now` may be linked to `other`.
bool IsLinkable(const v1::MatterRecord& other, absl::Time now);

// The link to `matter_id`, undone or not; nullptr when there is none.
const v1::Link* FindLink(const v1::Matter& matter,
                         const std::string& matter_id);

// Makes `link` the first of the matter's.
void AddLink(v1::Link link, v1::Matter* matter);

// Marks the link to `matter_id` as undone; it stays visible. False when there
// is none that stands.
bool UndoLink(const v1::Receipt& undone, const std::string& matter_id,
              v1::Matter* matter);

// Makes a matter the first under its key.
void AddMatched(uint64_t conversation_number, int matter_number,
                v1::MatchRecord* record);

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_LINKS_H_
