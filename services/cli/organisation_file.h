#ifndef BATON_SERVICES_CLI_ORGANISATION_FILE_H_
#define BATON_SERVICES_CLI_ORGANISATION_FILE_H_

#include <vector>

#include "absl/strings/string_view.h"
#include "baton/v1/config.pb.h"
#include "services/common/faults.h"

// A table of organisation codes, as a directory's keeper has it:
//
//   class,code,name,phone,desk
//   school,123456,"Example Academy, Arnold",0115 496 0400,office
//
// A row is one desk; further rows of the same class and code are further
// desks, and need not repeat name and phone. A row without a desk is an
// organisation off the exchange. Whether an organisation can be reached is for
// whoever knows what the directory has of it already. Pure functions.
namespace baton::cli {

struct Organisation {
  int line = 0;  // Of its first row.
  v1::AgencyConfig agency;
};

// Every organisation of `text`, in the order of the file; every fault with its
// line. What it returns is good only without faults.
std::vector<Organisation> ReadOrganisations(absl::string_view text,
                                            Faults* faults);

// `now` as it becomes when `wanted` is imported: its name and phone unless
// empty, its desks beside those there are. An import takes nothing away.
v1::AgencyConfig Merged(const v1::AgencyConfig& now,
                        const v1::AgencyConfig& wanted);

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_ORGANISATION_FILE_H_
