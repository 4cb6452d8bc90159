#include "services/broker/directory_book.h"

#include <utility>

namespace baton {

DirectoryBook::DirectoryBook(Directory first)
    : now_(std::make_shared<const Directory>(first)), next_(std::move(first)) {}

std::shared_ptr<const Directory> DirectoryBook::Now() const {
  MutexLock lock(&mu_);
  return now_;
}

Directory* DirectoryBook::Change() {
  changed_ = true;
  return &next_;
}

void DirectoryBook::Publish() {
  if (!std::exchange(changed_, false)) return;
  auto page = std::make_shared<const Directory>(next_);
  MutexLock lock(&mu_);
  now_.swap(page);  // The old page goes, if nobody reads it, after the lock.
}

}  // namespace baton
