#ifndef BATON_SERVICES_BROKER_DIRECTORY_BOOK_H_
#define BATON_SERVICES_BROKER_DIRECTORY_BOOK_H_

#include <memory>

#include "absl/base/thread_annotations.h"
#include "services/broker/directory.h"
#include "storage/mutex.h"

namespace baton {

// The directory while it changes: the page everybody reads, and the next one
// that the commit thread is writing.
//
// Guarantee: what Now() returns is on disk, and never changes; a reader keeps
// it as long as it likes.
//
// Now() is thread-safe and never waits for a change. The rest belongs to the
// commit thread (before that runs, to whoever opens the exchange).
class DirectoryBook {
 public:
  explicit DirectoryBook(Directory first);

  // As last committed.
  std::shared_ptr<const Directory> Now() const ABSL_LOCKS_EXCLUDED(mu_);

  // As the coming commit will leave it: what the commit thread decides with.
  const Directory& Next() const { return next_; }
  // For changing it.
  Directory* Change();
  // To be called when the changes are on disk; does nothing without any.
  void Publish() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  mutable Mutex mu_;
  std::shared_ptr<const Directory> now_ ABSL_GUARDED_BY(mu_);

  Directory next_;  // Owned by the commit thread, as is:
  bool changed_ = false;
};

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_DIRECTORY_BOOK_H_
