#include "services/broker/handover.h"

#include "services/broker/sealed_records.h"
#include "services/broker/view.h"
#include "services/common/ids.h"
#include "services/common/proto_time.h"
#include "storage/status.h"

namespace baton {

absl::StatusOr<v1::ReceivedMessage> OpenHandover(const Handover& handover,
                                                 const v1::Agency& recipient,
                                                 const Reader& reader,
                                                 const Vault& vault,
                                                 const Directory& directory) {
  const Leased& leased = handover.leased;
  v1::ReceivedMessage received;
  v1::Message& message = *received.mutable_message();
  if (handover.message != nullptr) {
    message = *handover.message;
  } else {
    ASSIGN_OR_RETURN(const v1::MessageRecord record,
                     ReadMessageRecord(reader, leased.sequence));
    ASSIGN_OR_RETURN(message, OpenMessage(record, vault));
  }
  ApplyView(directory, recipient, &message);
  if (leased.earlier_pending) {
    message.add_marks()->set_code(v1::MARK_CODE_EARLIER_MESSAGE_PENDING);
  }
  if (leased.came_back) {
    message.add_marks()->set_code(v1::MARK_CODE_CAME_BACK);
  }
  received.set_ack_id(FormatAckId({leased.sequence, leased.attempt}));
  received.set_delivery_attempt(leased.attempt);
  *received.mutable_lease_expire_time() = ToProto(leased.expire_time);
  return received;
}

}  // namespace baton
