#include "services/common/loopback.h"

#include "gtest/gtest.h"
#include "services/common/config_checks.h"

namespace baton {
namespace {

TEST(LoopbackTest, AddressesOfThisMachineAloneAreTaken) {
  for (const char* address :
       {"127.0.0.1:9440", "127.9.9.9:0", "[::1]:9440", "localhost:65535"}) {
    EXPECT_TRUE(ParseLoopback(address).ok()) << address;
    EXPECT_TRUE(CheckLoopbackOrSocket(address).ok()) << address;
  }
  EXPECT_EQ(ParseLoopback("localhost:9440")->ip, "127.0.0.1");
  EXPECT_EQ(ParseLoopback("[::1]:9440")->ip, "::1");
  EXPECT_EQ(ParseLoopback("[::1]:9440")->port, 9440);
}

TEST(LoopbackTest, WhatOthersCanReachIsRefused) {
  for (const char* address :
       {"0.0.0.0:9440", "10.0.0.1:9440", "[::]:9440", "::1:9440",
        "[127.0.0.1]:9440", "[::ffff:10.0.0.1]:9440", "128.0.0.1:1",
        "localhost.example:9440", "metrics.example:9440", "127.0.0.1",
        "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.1:9440", ":9440",
        ""}) {
    EXPECT_FALSE(ParseLoopback(address).ok()) << address;
    EXPECT_FALSE(CheckLoopbackOrSocket(address).ok()) << address;
  }
}

TEST(LoopbackTest, SocketsAreForGrpcAlone) {
  EXPECT_TRUE(CheckLoopbackOrSocket("unix:/run/baton/admin").ok());
  EXPECT_FALSE(ParseLoopback("unix:/run/baton/admin").ok());
}

TEST(LoopbackTest, BothAddressesOfAConfigurationAreReported) {
  v1::AdminConfig admin;
  admin.set_http_address("0.0.0.0:9440");
  admin.set_grpc_address("exchange.example:9441");
  Faults faults;
  CheckAdmin(admin, "service.admin", &faults);
  const std::string text(faults.ToStatus().message());
  EXPECT_NE(text.find("service.admin.http_address: is 0.0.0.0:9440"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("service.admin.grpc_address: is exchange.example:9441"),
            std::string::npos)
      << text;
  Faults none;
  CheckAdmin({}, "service.admin", &none);
  EXPECT_TRUE(none.empty());
}

}  // namespace
}  // namespace baton
