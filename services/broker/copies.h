#ifndef BATON_SERVICES_BROKER_COPIES_H_
#define BATON_SERVICES_BROKER_COPIES_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "baton/v1/agency.pb.h"
#include "baton/v1/message.pb.h"
#include "services/broker/queue.h"

// From a message to its copies. Pure.
namespace baton {

// Where a recipient's copy really goes.
const v1::Address& DeskOf(const v1::Recipient& recipient);

// The copy of `message`, which is published as `sequence` and takes `size`
// bytes on disk, for `queue`.
NewCopy CopyFor(const std::string& queue, const v1::Message& message,
                uint64_t sequence, size_t size);

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_COPIES_H_
