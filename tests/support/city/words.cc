#include "tests/support/city/words.h"

#include "absl/strings/str_format.h"

namespace baton::city {

v1::Actor Worker(absl::string_view role, absl::string_view team, Dice* dice) {
  v1::Actor worker;
  worker.set_name(dice->Pick(kWorkers));
  worker.set_role(std::string(role));
  worker.set_team(std::string(team));
  worker.set_phone(absl::StrFormat("0115 496 %04d", dice->Below(1000)));
  return worker;
}

}  // namespace baton::city
