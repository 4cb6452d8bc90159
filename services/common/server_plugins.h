#ifndef BATON_SERVICES_COMMON_SERVER_PLUGINS_H_
#define BATON_SERVICES_COMMON_SERVER_PLUGINS_H_

#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "grpcpp/impl/server_builder_option.h"
#include "grpcpp/impl/server_builder_plugin.h"

namespace baton {

// Leaves a gRPC server only the plugins named. Every server of a program that
// links gRPC's reflection gets it by itself, strangers' doors included; this
// option of the builder says which server keeps what.
class OnlyPlugins final : public grpc::ServerBuilderOption {
 public:
  explicit OnlyPlugins(std::set<std::string> names)
      : names_(std::move(names)) {}

  void UpdateArguments(grpc::ChannelArguments*) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>*
                         plugins) override {
    std::erase_if(*plugins, [this](const auto& plugin) {
      return !names_.contains(plugin->name());
    });
  }

 private:
  const std::set<std::string> names_;
};

}  // namespace baton

#endif  // BATON_SERVICES_COMMON_SERVER_PLUGINS_H_
