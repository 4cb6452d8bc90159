#include "services/common/http_server.h"

#include "gmock/gmock.h"
#include "tests/support/http_client.h"

namespace baton {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class HttpServerTest : public testing::Test {
 protected:
  void Start(HttpServer::Options options = {}) {
    if (options.address.empty()) options.address = "127.0.0.1:0";
    options.pages["/metrics"] = [] { return HttpPage{.body = "baton_up 1\n"}; };
    options.pages["/healthz"] = [] {
      return HttpPage{.status = 503, .body = "not serving\n"};
    };
    auto server = HttpServer::Start(std::move(options));
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  std::string Ask(const std::string& request) {
    HttpClient client(server_->port());
    client.Send(request);
    return client.ReadAll();
  }

  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, PagesAreServed) {
  Start();
  const std::string answer =
      Ask("GET /metrics?all=1 HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(answer, HasSubstr("\r\n\r\nbaton_up 1\n"));
  EXPECT_THAT(Ask("GET /healthz HTTP/1.1\r\n\r\n"),
              StartsWith("HTTP/1.1 503 "));
}

TEST_F(HttpServerTest, EverythingElseIsRefused) {
  Start();
  EXPECT_THAT(Ask("GET / HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(Ask("GET /metrics/../etc HTTP/1.1\r\n\r\n"),
              StartsWith("HTTP/1.1 404 "));
  const std::string post =
      Ask("POST /metrics HTTP/1.1\r\nContent-Length: 9\r\n\r\nsomething");
  EXPECT_THAT(post, StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(post, HasSubstr("Allow: GET\r\n"));
  EXPECT_THAT(Ask("how do you do\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
}

TEST_F(HttpServerTest, ALongHeaderIsRefused) {
  Start();
  HttpClient client(server_->port());
  client.Send("GET /metrics HTTP/1.1\r\nX-Long: " +
              std::string(HttpServer::kMaxHeaderBytes, 'x'));
  EXPECT_THAT(client.ReadAll(), StartsWith("HTTP/1.1 431 "));
}

// Never says the second half.
TEST_F(HttpServerTest, AConnectionHasADeadline) {
  Start({.address = "127.0.0.1:0", .deadline = absl::Milliseconds(20)});
  EXPECT_EQ(Ask("GET /metrics HT"), "");
}

TEST_F(HttpServerTest, FurtherConnectionsAreClosedAndRoomComesBack) {
  Start({.address = "127.0.0.1:0",
         .max_connections = 2,
         .deadline = absl::Minutes(10)});
  auto first = std::make_unique<HttpClient>(server_->port());
  const HttpClient second(server_->port());
  EXPECT_EQ(HttpClient(server_->port()).ReadAll(), "");
  first = nullptr;
  std::string answer;
  while (answer.empty()) answer = Ask("GET /metrics HTTP/1.1\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpServerTest, OtherAddressesAreRefused) {
  EXPECT_EQ(HttpServer::Start({.address = "0.0.0.0:0"}).status().code(),
            absl::StatusCode::kInvalidArgument);
  Start();
  const std::string taken = "127.0.0.1:" + std::to_string(server_->port());
  EXPECT_EQ(HttpServer::Start({.address = taken}).status().code(),
            absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace baton
