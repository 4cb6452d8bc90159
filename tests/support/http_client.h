#ifndef BATON_TESTS_SUPPORT_HTTP_CLIENT_H_
#define BATON_TESTS_SUPPORT_HTTP_CLIENT_H_

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace baton {

// A connection of a client that says what it likes. Not thread-safe.
class HttpClient {
 public:
  explicit HttpClient(int port) : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(socket_, reinterpret_cast<sockaddr*>(&address),
                      sizeof(address)),
              0);
  }
  ~HttpClient() { close(socket_); }

  void Send(const std::string& text) {
    (void)send(socket_, text.data(), text.size(), MSG_NOSIGNAL);
  }

  // Until the server closes.
  std::string ReadAll() {
    std::string all;
    char piece[4096];
    ssize_t size = 0;
    while ((size = recv(socket_, piece, sizeof(piece), 0)) > 0) {
      all.append(piece, static_cast<size_t>(size));
    }
    return all;
  }

 private:
  const int socket_;
};

// Header and body.
inline std::string HttpGet(int port, const std::string& path) {
  HttpClient client(port);
  client.Send(absl::StrCat("GET ", path, " HTTP/1.1\r\n\r\n"));
  return client.ReadAll();
}

}  // namespace baton

#endif  // BATON_TESTS_SUPPORT_HTTP_CLIENT_H_
