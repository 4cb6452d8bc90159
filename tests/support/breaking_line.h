#ifndef BATON_TESTS_SUPPORT_BREAKING_LINE_H_
#define BATON_TESTS_SUPPORT_BREAKING_LINE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "storage/mutex.h"

namespace baton {

// The line between clients and a server on this machine: passes bytes both
// ways, and breaks all connections at once when a test says so. New ones are
// taken at any time.
//
// Thread-safe; one thread of its own.
class BreakingLine {
 public:
  explicit BreakingLine(int server_port);
  ~BreakingLine();

  // Where clients dial.
  int port() const { return port_; }

  // When `bytes` more have gone to the server, no more go until Break().
  void HoldAfter(int64_t bytes) ABSL_LOCKS_EXCLUDED(mu_);
  // Soon after this all connections are broken, and nothing is held any more.
  void Break();
  int breaks() const ABSL_LOCKS_EXCLUDED(mu_);
  // To the server since the last break, or the beginning.
  int64_t bytes_since() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Run();
  bool IsHeld() const ABSL_LOCKS_EXCLUDED(mu_);
  void BreakNow() ABSL_LOCKS_EXCLUDED(mu_);
  void Accept();
  // False when the connection has ended.
  bool Pass(int from, bool to_server);
  void Close(int end);

  const int server_port_;
  int listener_ = -1;
  int wake_[2] = {-1, -1};  // A pipe: a byte means break, its end stop.
  int port_ = 0;

  mutable Mutex mu_;
  std::optional<int64_t> hold_after_ ABSL_GUARDED_BY(mu_);
  int64_t bytes_since_ ABSL_GUARDED_BY(mu_) = 0;
  int breaks_ ABSL_GUARDED_BY(mu_) = 0;

  // Owned by the thread.
  std::map<int, int> other_end_;   // Both ways.
  std::map<int, bool> is_client_;  // Which end it is.

  std::thread thread_;
};

}  // namespace baton

#endif  // BATON_TESTS_SUPPORT_BREAKING_LINE_H_
