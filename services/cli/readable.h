#ifndef BATON_SERVICES_CLI_READABLE_H_
#define BATON_SERVICES_CLI_READABLE_H_

#include <string>

#include "baton/v1/message.pb.h"
#include "google/protobuf/message.h"
#include "services/cli/times.h"

namespace baton::cli {

// A message with its payload opened, as lines for a person: who sent it, what
// was odd, and every answer as a value, or as the reason why there is none. A
// payload type this program does not know is named, never dropped.
std::string ReadableMessage(const v1::Message& message,
                            const LocalClock& clock);

// The lines of any message of ours, each `indent` spaces in.
std::string Readable(const google::protobuf::Message& message, int indent,
                     const LocalClock& clock);

// The JSON mapping of `message` with each payload part's content as JSON; one
// of an unknown type stays base64.
std::string JsonMessage(const v1::Message& message);

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_READABLE_H_
