#ifndef BATON_SERVICES_COMMON_AGENCY_CHECK_H_
#define BATON_SERVICES_COMMON_AGENCY_CHECK_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "baton/v1/config.pb.h"
#include "services/common/faults.h"

// What an entry of the directory must look like: the same for the broker's
// configuration file, for online changes, and for a file before it is
// imported. Pure functions.
namespace baton {

struct AgencyLimits {
  static constexpr int kMaxDesks = 32;
  static constexpr int kMaxTeams = 32;
  static constexpr size_t kMaxNameBytes = 128;
  static constexpr size_t kMaxTeamNameBytes = 64;
  static constexpr size_t kMaxPhoneBytes = 32;
};

// Reports every fault of `agency`, with paths below `path` (which is empty or
// ends in '.').
void CheckAgencyEntry(const v1::AgencyConfig& agency, const std::string& path,
                      Faults* faults);

// What else an agency that is added online must have: a council's number, so
// that whoever cannot send knows whom to ring.
void CheckReachable(const v1::AgencyConfig& agency, const std::string& path,
                    Faults* faults);

// True for authorities that run no service in England: codes S12 (Scotland),
// W06 (Wales) and N09 (Northern Ireland).
bool IsOffExchangeCode(absl::string_view code);

}  // namespace baton

#endif  // BATON_SERVICES_COMMON_AGENCY_CHECK_H_
