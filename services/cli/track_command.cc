#include "services/cli/track_command.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "baton/v1/tracking_service.grpc.pb.h"
#include "services/cli/delivery_view.h"
#include "services/cli/receipts.h"
#include "services/cli/words.h"
#include "services/common/ids.h"
#include "services/common/proto_time.h"
#include "storage/status.h"

namespace baton::cli {
namespace {

using TrackingClient = Client<v1::TrackingService>;
using Stub = TrackingClient::Stub;

// Pages of a timeline; a conversation has at most 10,000 messages.
constexpr int kPageSize = 500;
constexpr int kMaxPages = 20;

// Something that happened in a conversation.
struct Event {
  absl::Time time;
  std::string what;    // "waiting-flag", "taken"
  std::string matter;  // Matters it is about.
  std::string by;
  std::string detail;
  std::string message_id;
};

// "c-7", also of the matter "c-7.1".
absl::StatusOr<std::string> ConversationOf(const std::string& id) {
  if (ParseConversationId(id).ok()) return id;
  if (ParseMatterId(id).ok()) return id.substr(0, id.find('.'));
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", id,
      "\" is neither a conversation, such as c-4k7, nor a matter, such as "
      "c-4k7.1, nor a message, such as m-4k7\nof your own reference it is said "
      "by: baton case status "
      "REFERENCE"));
}

Event EventOf(const v1::TimelineEntry& entry) {
  std::string by = AgencyText(entry.sender());
  const std::string person = PersonText(entry.actor());
  if (!person.empty()) absl::StrAppend(&by, ": ", person);
  std::vector<std::string> details;
  for (const auto& delivery : entry.deliveries()) {
    details.push_back(DeliveryText(delivery));
  }
  if (entry.marks_size() > 0) {
    details.push_back(MarksInWords(entry.marks()));
  }
  return {FromProto(entry.publish_time()),        Word(entry.kind()),
          absl::StrJoin(entry.matter_ids(), " "), by,
          absl::StrJoin(details, "; "),           entry.message_id()};
}

void AddReceiptEvents(const v1::Matter& matter, std::vector<Event>* events) {
  for (const Step& step : StepsOf(matter)) {
    if (step.receipt == nullptr) continue;
    std::string by = AgencyText(step.receipt->agency());
    const std::string person = PersonText(step.receipt->actor());
    if (!person.empty()) absl::StrAppend(&by, ": ", person);
    events->push_back(
        {FromProto(step.receipt->time()), absl::StrCat("receipt: ", step.title),
         matter.matter_id(), by,
         absl::StrCat("after ", DurationText(After(matter, *step.receipt))),
         step.receipt->message_id()});
  }
}

Record EventRecord(const Event& event, absl::Time start,
                   const LocalClock& clock) {
  Record record;
  record.Add("time", "time", Iso(event.time), ClockText(event.time, clock));
  record.Add("after_seconds", "after",
             absl::StrCat(absl::ToInt64Seconds(event.time - start)),
             DurationText(event.time - start));
  record.Add("event", "event", event.what);
  record.Add("matter_ids", "matter", event.matter);
  record.Add("by", "by", event.by);
  record.Add("detail", "detail", event.detail);
  record.Add("message_id", "message", event.message_id);
  return record;
}

absl::StatusOr<std::vector<Event>> ReadTimeline(
    const std::string& conversation_id, TrackingClient& client) {
  std::vector<Event> events;
  v1::ListTimelineRequest request;
  request.set_conversation_id(conversation_id);
  request.set_page_size(kPageSize);
  for (int pages = 0; pages < kMaxPages; ++pages) {
    ASSIGN_OR_RETURN(auto page,
                     client.Call("ListTimeline", &Stub::ListTimeline, request));
    for (const auto& entry : page.entries()) events.push_back(EventOf(entry));
    if (page.next_page_token().empty()) return events;
    request.set_page_token(page.next_page_token());
  }
  return absl::OutOfRangeError(
      absl::StrCat("the timeline of ", conversation_id, " goes on after ",
                   kMaxPages * kPageSize, " messages; none of it is shown"));
}

Record ConversationRecord(const v1::Conversation& conversation,
                          const LocalClock& clock) {
  Record record;
  record.Add("conversation_id", "conversation", conversation.conversation_id());
  record.Add("kind", "opened with", Word(conversation.kind()),
             Text(conversation.kind()));
  record.Add("opened_by", "opened by", AgencyText(conversation.opened_by()));
  const absl::Time open_time = FromProto(conversation.open_time());
  record.Add("open_time", "opened", Iso(open_time), TimeText(open_time, clock));
  record.Add("participants", "involved",
             absl::StrJoin(conversation.participants(), " ",
                           [](std::string* out, const v1::Agency& agency) {
                             out->append(AgencyText(agency));
                           }));
  record.AddNumber("message_count", "messages", conversation.message_count());
  return record;
}

// What is shown: the conversation, its matters, and what happened in order.
struct Track {
  Record conversation;
  std::vector<Record> matters;
  std::vector<Record> events;
};

// The exchange itself answered just now, so a missing receipt is a fact.
Track MakeTrack(const v1::GetConversationResponse& response,
                const std::string& matter_id, std::vector<Event> events,
                const LocalClock& clock) {
  const v1::Conversation& conversation = response.conversation();
  google::protobuf::Timestamp now = ToProto(clock.now);
  const Heard heard(&now, clock);
  Track track;
  track.conversation = ConversationRecord(conversation, clock);
  for (const v1::Matter& matter : conversation.matters()) {
    if (!matter_id.empty() && matter.matter_id() != matter_id) continue;
    AddMatter(matter, heard, clock, &track.matters.emplace_back());
    AddReceiptEvents(matter, &events);
  }
  std::stable_sort(
      events.begin(), events.end(),
      [](const Event& a, const Event& b) { return a.time < b.time; });
  for (const Event& event : events) {
    track.events.push_back(
        EventRecord(event, FromProto(conversation.open_time()), clock));
  }
  return track;
}

void PrintEvents(const Track& track, const Session& session) {
  PrintRecords(track.events, EventRecord({}, absl::Time(), session.clock()),
               {"time", "after_seconds", "event", "matter_ids", "by", "detail"},
               session.format, session.out());
}

void PrintTrack(const Track& track, const Session& session) {
  std::ostream& out = session.out();
  switch (session.format) {
    case Format::kJson:
      out << "{\"conversation\":" << JsonObject(track.conversation)
          << ",\"matters\":" << JsonArray(track.matters)
          << ",\"events\":" << JsonArray(track.events) << "}\n";
      return;
    case Format::kCsv:
      return PrintEvents(track, session);
    case Format::kTable:
      PrintRecord(track.conversation, session.format, out);
      for (const Record& matter : track.matters) {
        out << "\n";
        PrintRecord(matter, session.format, out);
      }
      out << "\n";
      return PrintEvents(track, session);
  }
}

// --- One message: each copy of it, and every attempt to deliver it.

Record MessageRecord(const v1::GetMessageResponse& response,
                     const LocalClock& clock) {
  const v1::TimelineEntry& entry = response.entry();
  Record record;
  record.Add("message_id", "message", entry.message_id());
  record.Add("conversation_id", "conversation", response.conversation_id());
  record.Add("kind", "kind", Word(entry.kind()), Text(entry.kind()));
  record.Add("sender", "sender", AgencyText(entry.sender()));
  record.Add("actor", "by", PersonText(entry.actor()));
  const absl::Time published = FromProto(entry.publish_time());
  record.Add("publish_time", "published", Iso(published),
             TimeText(published, clock));
  record.Add("matter_ids", "matters", absl::StrJoin(entry.matter_ids(), " "));
  record.Add("marks", "marks", MarksInWords(entry.marks()));
  record.AddNumber("audit_index", "audit index", response.audit_index());
  return record;
}

Record CopyRecord(const v1::Delivery& delivery, const LocalClock& clock) {
  Record record;
  AddDelivery(delivery, clock, &record);
  return record;
}

void PrintMessage(const v1::GetMessageResponse& response,
                  const Session& session) {
  const Record message = MessageRecord(response, session.clock());
  std::vector<Record> copies;
  for (const v1::Delivery& delivery : response.entry().deliveries()) {
    copies.push_back(CopyRecord(delivery, session.clock()));
  }
  if (session.format == Format::kJson) {
    session.out() << "{\"message\":" << JsonObject(message)
                  << ",\"copies\":" << JsonArray(copies) << "}\n";
    return;
  }
  if (session.format == Format::kTable) {
    PrintRecord(message, session.format, session.out());
    session.out() << "\n";
  }
  PrintRecords(copies, CopyRecord({}, session.clock()),
               {"queue", "state", "state_time", "delivery_attempt", "consumer",
                "reason", "detail"},
               session.format, session.out());
}

absl::StatusOr<ExitCode> TrackMessage(const std::string& id,
                                      const Session& session,
                                      TrackingClient& client) {
  v1::GetMessageRequest request;
  request.set_message_id(id);
  ASSIGN_OR_RETURN(const auto response,
                   client.Call("GetMessage", &Stub::GetMessage, request));
  PrintMessage(response, session);
  return ExitCode::kOk;
}

absl::StatusOr<ExitCode> RunTrack(const std::vector<OptionSpec>&,
                                  const Arguments& arguments,
                                  const Session& session) {
  const std::string id = arguments.Get("ID");
  if (ParseMessageId(id).ok()) {
    ASSIGN_OR_RETURN(auto client,
                     TrackingClient::Connect(session, "broker_address",
                                             session.config.broker_address()));
    return TrackMessage(id, session, client);
  }
  ASSIGN_OR_RETURN(const std::string conversation_id, ConversationOf(id));
  const std::string matter_id = id == conversation_id ? "" : id;
  ASSIGN_OR_RETURN(auto client,
                   TrackingClient::Connect(session, "broker_address",
                                           session.config.broker_address()));
  v1::GetConversationRequest request;
  request.set_conversation_id(conversation_id);
  ASSIGN_OR_RETURN(auto response, client.Call("GetConversation",
                                              &Stub::GetConversation, request));
  ASSIGN_OR_RETURN(auto events, ReadTimeline(conversation_id, client));
  const Track track =
      MakeTrack(response, matter_id, std::move(events), session.clock());
  if (track.matters.empty() && !matter_id.empty()) {
    return absl::NotFoundError(
        absl::StrCat(conversation_id, " has no matter ", matter_id, "; track ",
                     conversation_id, " shows those it has"));
  }
  PrintTrack(track, session);
  return ExitCode::kOk;
}

}  // namespace

std::vector<Command> TrackCommands() {
  return {{"",
           "track",
           "a conversation or message: what was sent, who has it, since when",
           {{"ID", "",
             "conversation (c-...), matter (c-....1) or message (m-...)"}},
           RunTrack}};
}

}  // namespace baton::cli
