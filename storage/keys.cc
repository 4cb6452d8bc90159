#include "storage/keys.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace baton {
namespace {

std::string BigEndian(uint64_t value) {
  std::string bytes(8, '\0');
  for (int i = 7; i >= 0; --i, value >>= 8) bytes[i] = value & 0xff;
  return bytes;
}

std::string Numbered(absl::string_view prefix, uint64_t number) {
  return absl::StrCat(prefix, "/", BigEndian(number));
}

std::string NumberedChunk(absl::string_view prefix, uint64_t number,
                          uint32_t chunk) {
  std::string key = Numbered(prefix, number);
  for (int shift = 24; shift >= 0; shift -= 8) {
    key.push_back(static_cast<char>(chunk >> shift));
  }
  return key;
}

std::string Named(absl::string_view prefix, absl::string_view name) {
  return absl::StrCat(prefix, "/", name);
}

// "<prefix>/<name>\0": what the numbered keys of one name begin with.
std::string NamedPrefix(absl::string_view prefix, absl::string_view name) {
  std::string key = Named(prefix, name);
  key.push_back('\0');
  return key;
}

// '0' is the byte after '/'.
KeyRange Everything(absl::string_view prefix) {
  return {absl::StrCat(prefix, "/"), absl::StrCat(prefix, "0")};
}

// The first key after all that begin with NamedPrefix(prefix, name).
std::string NamedEnd(absl::string_view prefix, absl::string_view name) {
  std::string key = Named(prefix, name);
  key.push_back('\x01');
  return key;
}

}  // namespace

std::string LastKey(char family) { return {'H', family}; }

std::string MessageKey(uint64_t sequence) { return Numbered("m", sequence); }

KeyRange Messages(uint64_t from_sequence) {
  return {MessageKey(from_sequence), Everything("m").end};
}

std::string IdempotencyKey(absl::string_view sender_key_hash) {
  return Named("i", sender_key_hash);
}

std::string ConversationKey(uint64_t number) { return Numbered("c", number); }

KeyRange Conversations(uint64_t from_number) {
  return {ConversationKey(from_number), Everything("c").end};
}

std::string JoinedKey(uint64_t commit) { return Numbered("y", commit); }

KeyRange JoinedBetween(uint64_t from_commit, uint64_t end_commit) {
  return {JoinedKey(from_commit), JoinedKey(end_commit)};
}

std::string DirectoryKey(absl::string_view agency) {
  return Named("D", agency);
}

KeyRange DirectoryKeys() { return Everything("D"); }

std::string JobKey(uint64_t number) { return Numbered("J", number); }

KeyRange JobKeys() { return Everything("J"); }

std::string QueueKey(absl::string_view queue) { return Named("r", queue); }

std::string QueueChangesKey(absl::string_view queue, uint64_t commit) {
  return absl::StrCat(NamedPrefix("Q", queue), BigEndian(commit));
}

KeyRange QueueChangesBetween(absl::string_view queue, uint64_t from_commit,
                             uint64_t end_commit) {
  return {QueueChangesKey(queue, from_commit),
          QueueChangesKey(queue, end_commit)};
}

std::string SettledPageKey(absl::string_view queue, uint64_t sequence,
                           uint64_t commit) {
  return absl::StrCat(NamedPrefix("S", queue), BigEndian(sequence >> 8),
                      BigEndian(commit));
}

KeyRange SettledPages(absl::string_view queue, uint64_t sequence) {
  const std::string prefix = NamedPrefix("S", queue);
  return {absl::StrCat(prefix, BigEndian(sequence >> 8)),
          absl::StrCat(prefix, BigEndian((sequence >> 8) + 1))};
}

KeyRange SettledPagesFrom(absl::string_view queue, uint64_t sequence) {
  return {absl::StrCat(NamedPrefix("S", queue), BigEndian(sequence >> 8)),
          NamedEnd("S", queue)};
}

std::string QueueEntryKey(absl::string_view queue, uint64_t sequence) {
  return absl::StrCat(NamedPrefix("q", queue), BigEndian(sequence));
}

KeyRange QueueEntries(absl::string_view queue, uint64_t from_sequence) {
  return {QueueEntryKey(queue, from_sequence), NamedEnd("q", queue)};
}

KeyRange AllQueueEntries() { return Everything("q"); }

absl::StatusOr<std::string> QueueOfEntry(absl::string_view key) {
  constexpr size_t kAround = 2 + 1 + 8;  // "q/", the zero byte, the sequence.
  if (key.size() < kAround) {
    return absl::DataLossError("a key on disk is too short");
  }
  return std::string(key.substr(2, key.size() - kAround));
}

std::string DeliveryKey(uint64_t sequence, absl::string_view queue) {
  return absl::StrCat(Numbered("d", sequence), queue);
}

std::string DeadLetterKey(absl::string_view queue, uint64_t sequence) {
  return absl::StrCat(NamedPrefix("x", queue), BigEndian(sequence));
}

KeyRange DeadLetters(absl::string_view queue, uint64_t from_sequence) {
  return {DeadLetterKey(queue, from_sequence), NamedEnd("x", queue)};
}

std::string MatchedKey(absl::string_view digest) { return Named("l", digest); }

std::string LeavesKey(uint64_t first_index) {
  return Numbered("a", first_index);
}

KeyRange AllLeaves() { return Everything("a"); }

std::string TileKey(int level, uint64_t index) {
  std::string key = "t/";
  key.push_back(static_cast<char>(level));
  return absl::StrCat(key, BigEndian(index));
}

std::string UploadKey(uint64_t conversation, absl::string_view name) {
  return absl::StrCat(Numbered("p", conversation), name);
}

KeyRange UploadEntries() { return Everything("p"); }

std::string DocumentKey(uint64_t conversation, absl::string_view name) {
  return absl::StrCat(Numbered("f", conversation), name);
}

std::string ChunkKey(uint64_t upload_number, uint32_t chunk) {
  return NumberedChunk("b", upload_number, chunk);
}

absl::StatusOr<uint64_t> SequenceOf(absl::string_view key) {
  if (key.size() < 8) return absl::DataLossError("a key on disk is too short");
  uint64_t value = 0;
  for (const char c : key.substr(key.size() - 8)) {
    value = value << 8 | static_cast<uint8_t>(c);
  }
  return value;
}

std::string OutboxKey(uint64_t outbox_id) { return Numbered("o", outbox_id); }

KeyRange OutboxEntries(uint64_t from_outbox_id) {
  return {OutboxKey(from_outbox_id), Everything("o").end};
}

std::string OutboxThreadKey(absl::string_view thread_hash) {
  return Named("T", thread_hash);
}

std::string RequestKey(absl::string_view request_hash) {
  return Named("R", request_hash);
}

std::string CaseKey(absl::string_view reference_hash) {
  return Named("w", reference_hash);
}

KeyRange Cases() { return Everything("w"); }

std::string InboxKey(uint64_t number) { return Numbered("n", number); }

KeyRange InboxEntries(uint64_t from_number) {
  return {InboxKey(from_number), Everything("n").end};
}

std::string InboxSeenKey(absl::string_view message_id) {
  return Named("s", message_id);
}

std::string IntakeKey(absl::string_view matter_id) {
  return Named("k", matter_id);
}

KeyRange IntakeMatters() { return Everything("k"); }

std::string ConsumerKey(absl::string_view consumer) {
  return Named("u", consumer);
}

std::string HeldDocumentKey(uint64_t number) { return Numbered("e", number); }

KeyRange HeldDocuments() { return Everything("e"); }

std::string HeldChunkKey(uint64_t number, uint32_t chunk) {
  return NumberedChunk("E", number, chunk);
}

}  // namespace baton
