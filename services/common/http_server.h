#ifndef BATON_SERVICES_COMMON_HTTP_SERVER_H_
#define BATON_SERVICES_COMMON_HTTP_SERVER_H_

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace baton {

// A page as it is answered.
struct HttpPage {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

// A few pages in plain HTTP/1.1 for tools of this machine. GET only; one
// request a connection. What is larger, slower or more than the limits say is
// refused or cut, and never holds up the others.
//
// Has one thread, on which pages are made. The destructor cuts what is open.
class HttpServer {
 public:
  static constexpr size_t kMaxHeaderBytes = 8 << 10;

  // Makes a page; may take a second or so.
  using MakePage = std::function<HttpPage()>;

  struct Options {
    std::string address;                         // Loopback: see loopback.h.
    std::string port_file = {};                  // See port_file.h.
    std::map<std::string, MakePage> pages = {};  // By path.
    int max_connections = 16;  // Further ones are closed at once.
    absl::Duration deadline = absl::Seconds(5);  // Of a connection, whole.
  };

  // INVALID_ARGUMENT: not loopback. UNAVAILABLE: cannot be listened on.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(Options options);
  ~HttpServer();

  int port() const;

 private:
  class Loop;
  explicit HttpServer(std::unique_ptr<Loop> loop);

  const std::unique_ptr<Loop> loop_;
};

}  // namespace baton

#endif  // BATON_SERVICES_COMMON_HTTP_SERVER_H_
