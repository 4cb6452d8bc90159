#ifndef BATON_STORAGE_STATUS_H_
#define BATON_STORAGE_STATUS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Returns from the enclosing function when `expression` is not OK.
#define RETURN_IF_ERROR(expression)                                         \
  do {                                                                      \
    if (absl::Status status_ = (expression); !status_.ok()) return status_; \
  } while (false)

#define BATON_STATUS_CONCAT_(a, b) a##b
#define BATON_STATUS_NAME_(a, b) BATON_STATUS_CONCAT_(a, b)
#define BATON_ASSIGN_OR_RETURN_(name, target, expression) \
  auto name = (expression);                               \
  if (!name.ok()) return std::move(name).status();        \
  target = *std::move(name)

// Assigns the value of a StatusOr, or returns its status.
#define ASSIGN_OR_RETURN(target, expression)                                \
  BATON_ASSIGN_OR_RETURN_(BATON_STATUS_NAME_(status_or_, __LINE__), target, \
                          expression)

#endif  // BATON_STORAGE_STATUS_H_
