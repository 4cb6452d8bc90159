#include "services/agency/round_trips.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "baton/v1/test_message.pb.h"
#include "services/common/agency.h"
#include "services/common/faults.h"
#include "services/common/log.h"
#include "storage/status.h"

namespace baton {
namespace {

constexpr v1::MessageKind kKind = v1::MESSAGE_KIND_TEST_MESSAGE;

// The request by which a test message is known: how long its caller waits is
// no part of it.
v1::TestExchangeRequest NamedBy(const std::string& request_id) {
  v1::TestExchangeRequest request;
  request.set_request_id(request_id);
  return request;
}

bool IsRefused(const v1::OutboxRecord& record) {
  return !record.refusal().empty();
}

// The exchange may deliver it before its receipt is here.
bool IsOver(const v1::OutboxRecord& record) {
  return IsRefused(record) || (record.state() == v1::OUTBOX_STATE_ACCEPTED &&
                               record.has_returned_time());
}

v1::TestExchangeResponse ProgressOf(const v1::OutboxRecord& record) {
  v1::TestExchangeResponse response;
  response.set_outbox_state(IsRefused(record) ? v1::OUTBOX_STATE_REFUSED
                                              : record.state());
  response.set_refusal(record.refusal());
  *response.mutable_held_time() = record.held_time();
  if (record.has_returned_time()) {
    *response.mutable_returned_time() = record.returned_time();
  }
  if (record.state() != v1::OUTBOX_STATE_ACCEPTED) return response;
  response.set_message_id(record.receipt().message_id());
  *response.mutable_publish_time() = record.receipt().publish_time();
  *response.mutable_accepted_time() = record.state_time();
  response.set_repeat(record.receipt().repeat());
  return response;
}

}  // namespace

absl::Status RoundTrips::Begin(const std::string& request_id,
                               absl::Duration wait, Instant now, Done done) {
  if (waiting_.size() >= kMaxWaiting) {
    return LimitReached("tests", "too many wait for a test message already",
                        absl::Seconds(10));
  }
  const v1::TestExchangeRequest request = NamedBy(request_id);
  ASSIGN_OR_RETURN(uint64_t outbox_id,
                   parts_.outbox->FindRequest(request_id, request));
  if (outbox_id == 0) outbox_id = parts_.outbox->FirstHeld(kKind);
  if (outbox_id == 0) {
    ASSIGN_OR_RETURN(outbox_id, Send(request, now));
  }
  // Somebody is looking: whatever waits for its next try has it now.
  parts_.outbox->RetryNow(now);
  waiting_.push_back({outbox_id, now.steady + wait, std::move(done)});
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> RoundTrips::Send(
    const v1::TestExchangeRequest& request, Instant now) {
  v1::TestMessage test;
  test.set_request_id(request.request_id());
  v1::Message message;
  message.set_kind(kKind);
  message.set_priority(v1::PRIORITY_ROUTINE);
  message.set_purpose(v1::PURPOSE_OPERATION);
  message.set_environment(environment_);
  v1::Recipient* const recipient = message.add_recipients();
  *recipient->mutable_address() = back_;
  recipient->set_role(v1::RECIPIENT_ROLE_COPY);
  v1::PayloadPart* const part = message.add_payload();
  part->set_type(test.GetDescriptor()->full_name());
  part->set_content(test.SerializeAsString());
  // A thread of its own: its conversation ends with it.
  return parts_.outbox->Hold(request.request_id(), request,
                             absl::StrCat("test/", request.request_id()),
                             std::move(message), now);
}

absl::Status RoundTrips::OnReturned(const v1::Message& message, Instant now) {
  v1::TestMessage test;
  const bool ours = SameAgency(message.sender(), back_.agency()) &&
                    message.payload_size() == 1 &&
                    test.ParseFromString(message.payload(0).content());
  uint64_t outbox_id = 0;
  if (ours) {
    const absl::StatusOr<uint64_t> found = parts_.outbox->FindRequest(
        test.request_id(), NamedBy(test.request_id()));
    if (!found.ok() && !absl::IsAlreadyExists(found.status())) {
      return found.status();
    }
    outbox_id = found.value_or(0);
  }
  if (outbox_id == 0) {
    Log(Severity::kWarning, "a test message that this service did not send",
        {{"message_id", message.message_id()}});
    return absl::OkStatus();
  }
  return parts_.outbox->OnReturned(outbox_id, now);
}

absl::StatusOr<bool> RoundTrips::OnRefused(uint64_t outbox_id, Instant now) {
  ASSIGN_OR_RETURN(const v1::OutboxRecord record,
                   parts_.outbox->Read(outbox_id));
  if (record.kind() != kKind) return false;
  v1::Actor by;
  by.set_role("this service");
  RETURN_IF_ERROR(
      parts_.outbox->Withdraw(outbox_id, by, "was a test message", now));
  return true;
}

absl::Status RoundTrips::Answer(Instant now) {
  std::vector<Waiting> later;
  for (Waiting& one : waiting_) {
    ASSIGN_OR_RETURN(const v1::OutboxRecord record,
                     parts_.outbox->Read(one.outbox_id));
    if (!IsOver(record) && one.deadline > now.steady) {
      later.push_back(std::move(one));
      continue;
    }
    parts_.loop->Tell([done = std::move(one.done),
                       response = ProgressOf(record)] { done(response); });
  }
  waiting_ = std::move(later);
  return absl::OkStatus();
}

std::optional<absl::Duration> RoundTrips::NextDue() const {
  std::optional<absl::Duration> next;
  for (const Waiting& one : waiting_) {
    next = std::min(next.value_or(one.deadline), one.deadline);
  }
  return next;
}

}  // namespace baton
