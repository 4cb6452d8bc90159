#ifndef BATON_TESTS_SYSTEM_SIMULATION_SIM_LINK_H_
#define BATON_TESTS_SYSTEM_SIMULATION_SIM_LINK_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "services/agency/agency_loop.h"
#include "services/agency/exchange_link.h"
#include "services/common/identity.h"
#include "tests/system/simulation/broker_machine.h"
#include "tests/system/simulation/line.h"
#include "tests/system/simulation/world.h"

namespace baton::sim {

// What GrpcExchangeLink does, over a simulated line: calls with a deadline
// whose request or answer may get lost, also after it took effect, or arrive
// twice; streams that are kept up for ever, with a growing delay.
//
// Dies with its process: what was under way then is forgotten here and goes on
// at the broker.
class SimLink final : public ExchangeLink {
 public:
  struct Parts {
    World* world;
    Line* line;
    BrokerMachine* broker;
    Identity identity;
    std::string consumer;
    // Runs an event on the agency loop.
    std::function<void(AgencyLoop::Event)> post;
    // Sees every conversation that arrives.
    std::function<void(const v1::Conversation&)> on_conversation;
    // True when the process is about to be lost: it tells nobody.
    std::function<bool()> silent;
  };
  explicit SimLink(Parts parts);
  ~SimLink() override;

  void Listen(ExchangeListener* listener, std::vector<std::string> queues);

  void Publish(v1::PublishRequest request,
               Callback<v1::PublishResponse> done) override;
  void GetConversation(v1::GetConversationRequest request,
                       Callback<v1::GetConversationResponse> done) override;
  void RecordFirstRead(v1::RecordFirstReadRequest request,
                       Callback<v1::RecordFirstReadResponse> done) override;
  void Acknowledge(const std::string& queue,
                   std::vector<std::string> ack_ids) override;

 private:
  class Stream;

  template <typename Response>
  void Call(std::function<void(Done<Response>)> serve, Callback<Response> done);

  const Parts parts_;
  ExchangeListener* listener_ = nullptr;
  std::vector<std::shared_ptr<Stream>> streams_;
  const std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace baton::sim

#endif  // BATON_TESTS_SYSTEM_SIMULATION_SIM_LINK_H_
