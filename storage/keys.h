#ifndef BATON_STORAGE_KEYS_H_
#define BATON_STORAGE_KEYS_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/store.h"

// Every name on disk. Integers are big-endian, so that keys sort by them;
// strings that are followed by something end in a zero byte. The table with
// the values is in storage/README.md.
namespace baton {

// --- every database
// "h" is kHeadKey (storage/store.h).
inline constexpr char kDatabaseKey[] = "!";  // DatabaseRecord
std::string LastKey(char family);            // H  storage/key_families.h

// --- broker
std::string MessageKey(uint64_t sequence);                              // m
KeyRange Messages(uint64_t from_sequence);                              // m
std::string IdempotencyKey(absl::string_view sender_key_hash);          // i
std::string ConversationKey(uint64_t number);                           // c
std::string JoinedKey(uint64_t commit);                                 // y
KeyRange JoinedBetween(uint64_t from_commit, uint64_t end_commit);      // y
std::string QueueKey(absl::string_view queue);                          // r
std::string QueueChangesKey(absl::string_view queue, uint64_t commit);  // Q
// Of the commits in [from, end).
KeyRange QueueChangesBetween(absl::string_view queue, uint64_t from_commit,
                             uint64_t end_commit);  // Q
// Pages with sequences that share all but their last eight bits.
std::string SettledPageKey(absl::string_view queue, uint64_t sequence,
                           uint64_t commit);                             // S
KeyRange SettledPages(absl::string_view queue, uint64_t sequence);       // S
KeyRange SettledPagesFrom(absl::string_view queue, uint64_t sequence);   // S
std::string QueueEntryKey(absl::string_view queue, uint64_t sequence);   // q
KeyRange QueueEntries(absl::string_view queue, uint64_t from_sequence);  // q
KeyRange AllQueueEntries();                                              // q
// The queue in a QueueEntryKey.
absl::StatusOr<std::string> QueueOfEntry(absl::string_view key);
std::string DeliveryKey(uint64_t sequence, absl::string_view queue);    // d
std::string DeadLetterKey(absl::string_view queue, uint64_t sequence);  // x
KeyRange DeadLetters(absl::string_view queue, uint64_t from_sequence);  // x
std::string MatchedKey(absl::string_view digest);                       // l
std::string LeavesKey(uint64_t first_index);                            // a
KeyRange AllLeaves();                                                   // a
std::string TileKey(int level, uint64_t index);                         // t
KeyRange Conversations(uint64_t from_number);                           // c
std::string DirectoryKey(absl::string_view agency);                     // D
KeyRange DirectoryKeys();                                               // D
std::string JobKey(uint64_t number);                                    // J
KeyRange JobKeys();                                                     // J

// The number at the end of a key: the sequence of a QueueEntryKey,
// DeadLetterKey or MessageKey, the commit of a QueueChangesKey.
absl::StatusOr<uint64_t> SequenceOf(absl::string_view key);

// --- broker, documents
std::string UploadKey(uint64_t conversation, absl::string_view name);    // p
KeyRange UploadEntries();                                                // p
std::string DocumentKey(uint64_t conversation, absl::string_view name);  // f
std::string ChunkKey(uint64_t upload_number, uint32_t chunk);            // b

// --- agency services
std::string OutboxKey(uint64_t outbox_id);                   // o
KeyRange OutboxEntries(uint64_t from_outbox_id);             // o
std::string OutboxThreadKey(absl::string_view thread_hash);  // T
std::string RequestKey(absl::string_view request_hash);      // R
std::string CaseKey(absl::string_view reference_hash);       // w
KeyRange Cases();                                            // w
std::string InboxKey(uint64_t number);                       // n
KeyRange InboxEntries(uint64_t from_number);                 // n
std::string InboxSeenKey(absl::string_view message_id);      // s
std::string IntakeKey(absl::string_view matter_id);          // k
KeyRange IntakeMatters();                                    // k
std::string ConsumerKey(absl::string_view consumer);         // u
std::string HeldDocumentKey(uint64_t number);                // e
KeyRange HeldDocuments();                                    // e
std::string HeldChunkKey(uint64_t number, uint32_t chunk);   // E

}  // namespace baton

#endif  // BATON_STORAGE_KEYS_H_
