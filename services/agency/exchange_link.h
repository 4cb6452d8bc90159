#ifndef BATON_SERVICES_AGENCY_EXCHANGE_LINK_H_
#define BATON_SERVICES_AGENCY_EXCHANGE_LINK_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baton/v1/broker_service.pb.h"
#include "baton/v1/conversation.pb.h"
#include "baton/v1/tracking_service.pb.h"

namespace baton {

// What an agency service asks of the exchange. An interface, so that a
// simulator can own the network. Calls never block; each callback is called
// once, on the agency loop, unless the link goes away first.
class ExchangeLink {
 public:
  template <typename Result>
  using Callback = std::function<void(absl::StatusOr<Result>)>;

  virtual ~ExchangeLink() = default;

  virtual void Publish(v1::PublishRequest request,
                       Callback<v1::PublishResponse> done) = 0;
  virtual void GetConversation(v1::GetConversationRequest request,
                               Callback<v1::GetConversationResponse> done) = 0;
  virtual void RecordFirstRead(v1::RecordFirstReadRequest request,
                               Callback<v1::RecordFirstReadResponse> done) = 0;

  // Acknowledges deliveries of `queue`. Best effort: what is lost is delivered
  // again.
  virtual void Acknowledge(const std::string& queue,
                           std::vector<std::string> ack_ids) = 0;
};

// What the exchange tells an agency service by itself. Called on the agency
// loop.
class ExchangeListener {
 public:
  virtual ~ExchangeListener() = default;

  // The exchange was heard from: a message, an answer or a heartbeat.
  virtual void OnHeard() = 0;
  // Watching conversations has begun (again): changes before may be missed.
  virtual void OnWatching() = 0;
  virtual void OnConversation(const v1::Conversation& conversation) = 0;
  virtual void OnMessages(const std::string& queue,
                          std::vector<v1::ReceivedMessage> messages) = 0;
};

}  // namespace baton

#endif  // BATON_SERVICES_AGENCY_EXCHANGE_LINK_H_
