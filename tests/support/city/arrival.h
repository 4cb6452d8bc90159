#ifndef BATON_TESTS_SUPPORT_CITY_ARRIVAL_H_
#define BATON_TESTS_SUPPORT_CITY_ARRIVAL_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "baton/v1/agency.pb.h"
#include "baton/v1/message.pb.h"
#include "google/protobuf/message.h"

namespace baton {

// What a case never gets, on purpose: then it is Baton that must speak up.
enum class Silence {
  kNone,
  // The sender stops: no more heartbeats or updates, and no end.
  kSender,
  // The recipient does nothing: nobody takes it.
  kRecipient,
};

// What somebody says about one matter. Only the exchange can give the ids it
// needs, so a driver fills them in, where the request has such a field:
//
//   matter_id               of child `child` of the case
//   joins_conversation_id   of the case
//   corrects_message_id, Withdrawal.message_id, Recall.message_id
//                           the message that opened the case
//   in_reply_to             the latest InformationRequest or Challenge about
//                           the matter; of a Taken, the Recall
struct Response {
  v1::Agency raised_by;  // Who opened the case.
  int child;             // By its place in the opening request, from 1; 0: all.
  // Since the case was opened. A driver that runs late adds it to the time at
  // which it opened the case.
  absl::Duration after;
};

// One call that somebody in the city makes to their own agency's service.
struct Arrival {
  absl::Time time;    // In whole seconds.
  v1::Agency agency;  // Who calls.
  std::string rpc;    // "baton.v1.PoliceService/ReportMissing".
  // What becomes of it on the exchange; UNSPECIFIED for opening a matter to
  // read it.
  v1::MessageKind kind = v1::MESSAGE_KIND_UNSPECIFIED;
  // Of the case it opens or belongs to, as whoever raised it names it.
  std::string reference;
  std::shared_ptr<const google::protobuf::Message> request;
  bool opens_case = false;
  Silence silence = Silence::kNone;  // Of the case, said when it opens.
  std::optional<Response> response;
};

}  // namespace baton

#endif  // BATON_TESTS_SUPPORT_CITY_ARRIVAL_H_
