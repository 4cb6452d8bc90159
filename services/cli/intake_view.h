#ifndef BATON_SERVICES_CLI_INTAKE_VIEW_H_
#define BATON_SERVICES_CLI_INTAKE_VIEW_H_

#include <string>
#include <vector>

#include "baton/v1/council_service.pb.h"
#include "baton/v1/message.pb.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "services/cli/exit_code.h"
#include "services/cli/listing.h"
#include "services/cli/output.h"
#include "services/cli/session.h"

// How a matter that arrived here is shown.
namespace baton::cli {

// Every fact of `item`, under keys that do not depend on it.
Record IntakeRecord(const v1::IntakeItem& item, const LocalClock& clock);

// An empty list of them.
Listing IntakeListing(const Session& session);

// Says whether the sender can know of our latest answer, then prints the row:
// kHeld while it cannot, kRefused when the exchange refused it.
ExitCode PrintAnswered(const v1::IntakeItem& item,
                       const std::string& request_id, const Session& session);

// Prints a matter with everything that was said; csv has no place for that.
void PrintOpened(
    const v1::IntakeItem& item,
    const google::protobuf::RepeatedPtrField<v1::Message>& messages,
    const Session& session);

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_INTAKE_VIEW_H_
