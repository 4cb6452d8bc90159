#ifndef BATON_SERVICES_CLI_ENVIRONMENT_TAG_H_
#define BATON_SERVICES_CLI_ENVIRONMENT_TAG_H_

#include <ostream>
#include <streambuf>
#include <string>

#include "baton/v1/message.pb.h"

namespace baton::cli {

// Passes json on to `out` and says in every outermost object of it whether it
// is of a live or a training exchange, as its first field:
//
//   {"items":[...]}   ->   {"environment":"training","items":[...]}
//
// so that no command has to think of it. `out` must outlive this.
class EnvironmentTag final : private std::streambuf {
 public:
  EnvironmentTag(v1::Environment environment, std::ostream* out);

  std::ostream& stream() { return stream_; }

 private:
  int_type overflow(int_type c) override;
  int sync() override;
  void Pass(char c);

  const std::string field_;
  std::ostream* const out_;
  std::ostream stream_;
  int depth_ = 0;         // Of objects.
  bool in_text_ = false;  // Between quotes.
  bool escaped_ = false;  // After a backslash there.
  bool tagged_ = false;   // The field was the last thing written.
};

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_ENVIRONMENT_TAG_H_
