#include "services/common/http_server.h"

#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "boost/asio/io_context.hpp"
#include "boost/asio/ip/tcp.hpp"
#include "boost/asio/steady_timer.hpp"
#include "boost/beast/core/flat_buffer.hpp"
#include "boost/beast/core/tcp_stream.hpp"
#include "boost/beast/http/empty_body.hpp"
#include "boost/beast/http/parser.hpp"
#include "boost/beast/http/read.hpp"
#include "boost/beast/http/string_body.hpp"
#include "boost/beast/http/write.hpp"
#include "services/common/loopback.h"
#include "services/common/port_file.h"
#include "storage/status.h"

namespace baton {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using Tcp = asio::ip::tcp;
using Error = boost::system::error_code;

constexpr absl::Duration kAcceptPause = absl::Milliseconds(100);

HttpPage ErrorPage(int status, absl::string_view text) {
  return {.status = status, .body = absl::StrCat(text, "\n")};
}

}  // namespace

// Everything but the constructor and the destructor runs on its thread.
class HttpServer::Loop {
 public:
  explicit Loop(Options options)
      : options_(std::move(options)), acceptor_(context_), pause_(context_) {}

  ~Loop() {
    context_.stop();
    if (thread_.joinable()) thread_.join();
  }

  absl::Status Start() {
    ASSIGN_OR_RETURN(const LoopbackAddress address,
                     ParseLoopback(options_.address));
    if (const Error error = Listen(address); error) {
      return absl::UnavailableError(absl::StrCat(
          "cannot listen on ", options_.address, ": ", error.message()));
    }
    RETURN_IF_ERROR(WritePortFile(options_.port_file, port()));
    Accept();
    thread_ = std::thread([this] { context_.run(); });
    return absl::OkStatus();
  }

  int port() const { return port_; }

 private:
  class Connection;

  Error Listen(const LoopbackAddress& address) {
    Error error;
    const Tcp::endpoint endpoint(asio::ip::make_address(address.ip, error),
                                 static_cast<uint16_t>(address.port));
    if (!error) acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(Tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(options_.max_connections, error);
    if (!error) port_ = acceptor_.local_endpoint(error).port();
    return error;
  }

  void Accept();
  HttpPage PageFor(const http::request<http::empty_body>& request) const;

  const Options options_;
  int port_ = 0;

  asio::io_context context_{1};
  Tcp::acceptor acceptor_;
  asio::steady_timer pause_;
  int connections_ = 0;

  std::thread thread_;
};

// One connection: a header in, a page out. Its operations keep it alive.
class HttpServer::Loop::Connection final
    : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Loop* loop, Tcp::socket socket)
      : loop_(loop), stream_(std::move(socket)) {
    ++loop_->connections_;
    parser_.header_limit(kMaxHeaderBytes);
  }
  ~Connection() { --loop_->connections_; }

  void Run() {
    stream_.expires_after(absl::ToChronoMilliseconds(loop_->options_.deadline));
    http::async_read_header(stream_, buffer_, parser_,
                            [self = shared_from_this()](Error error, size_t) {
                              self->OnHeader(error);
                            });
  }

 private:
  void OnHeader(Error error) {
    if (error == http::error::header_limit) {
      return Answer(ErrorPage(431, "the header is too long"));
    }
    if (error == http::error::end_of_stream || error == beast::error::timeout) {
      return;
    }
    if (error) return Answer(ErrorPage(400, "this is no HTTP request"));
    Answer(loop_->PageFor(parser_.get()));
  }

  void Answer(HttpPage page) {
    response_.version(11);
    response_.keep_alive(false);
    response_.result(static_cast<unsigned>(page.status));
    response_.set(http::field::content_type, page.content_type);
    response_.set("X-Content-Type-Options", "nosniff");
    if (page.status == 405) response_.set(http::field::allow, "GET");
    response_.body() = std::move(page.body);
    response_.prepare_payload();
    http::async_write(
        stream_, response_, [self = shared_from_this()](Error, size_t) {
          Error ignored;
          self->stream_.socket().shutdown(Tcp::socket::shutdown_send, ignored);
        });
  }

  Loop* const loop_;
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_{kMaxHeaderBytes};
  http::request_parser<http::empty_body> parser_;
  http::response<http::string_body> response_;
};

void HttpServer::Loop::Accept() {
  acceptor_.async_accept([this](Error error, Tcp::socket socket) {
    if (error) {  // No handle is free, for example.
      pause_.expires_after(absl::ToChronoMilliseconds(kAcceptPause));
      pause_.async_wait([this](Error) { Accept(); });
      return;
    }
    if (connections_ < options_.max_connections) {
      std::make_shared<Connection>(this, std::move(socket))->Run();
    }
    Accept();
  });
}

HttpPage HttpServer::Loop::PageFor(
    const http::request<http::empty_body>& request) const {
  const auto target = request.target();
  const std::string path(target.data(),
                         std::min(target.size(), target.find('?')));
  const auto page = options_.pages.find(path);
  if (page == options_.pages.end()) return ErrorPage(404, "no such page");
  if (request.method() != http::verb::get) return ErrorPage(405, "GET only");
  return page->second();
}

HttpServer::HttpServer(std::unique_ptr<Loop> loop) : loop_(std::move(loop)) {}
HttpServer::~HttpServer() = default;

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(Options options) {
  auto loop = std::make_unique<Loop>(std::move(options));
  RETURN_IF_ERROR(loop->Start());
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(loop)));
}

int HttpServer::port() const { return loop_->port(); }

}  // namespace baton
