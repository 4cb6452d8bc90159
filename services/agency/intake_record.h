#ifndef BATON_SERVICES_AGENCY_INTAKE_RECORD_H_
#define BATON_SERVICES_AGENCY_INTAKE_RECORD_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "baton/v1/agency.pb.h"
#include "baton/v1/conversation.pb.h"
#include "baton/v1/message.pb.h"
#include "baton/v1/record.pb.h"

// What messages do to the record of a matter. Pure functions.
namespace baton {

// Marks a record keeps at most; the messages keep all of theirs.
inline constexpr int kMaxRecordMarks = 16;
// Questions a record keeps open at most; later ones are seen in the messages.
inline constexpr int kMaxOpenQuestions = 64;

// True for the message that opened its conversation, and so its matters.
bool IsOpening(const v1::Message& message);

// True when `agency` got the message for information only.
bool IsCopyFor(const v1::Agency& agency, const v1::Message& message);

// Adds `message`, number `inbox_number` in the inbox, to the record of a matter
// it names; the first one to arrive makes the record. The opening message
// says what the matter is, also when an update overtook it.
void AddMessage(const v1::Message& message, uint64_t inbox_number,
                const v1::Agency& agency, absl::Time now,
                v1::IntakeRecord* record);

// Takes custody over as the exchange tells it; false when it is no news.
bool AddCustody(const v1::Agency& agency, const v1::Conversation& conversation,
                const v1::Matter& matter, v1::IntakeRecord* record);

// Decided "not ours", and still ours with nobody offered it: the offer was
// declined, or never made.
bool AwaitsAnotherDecision(const v1::IntakeRecord& record);

// What `agency` owes on the matter, in words: "take", "decide", "answer the
// offer" ... Empty: nothing.
std::vector<std::string> OwedBy(const v1::Agency& agency,
                                const v1::IntakeRecord& record);

}  // namespace baton

#endif  // BATON_SERVICES_AGENCY_INTAKE_RECORD_H_
