#ifndef BATON_TESTS_SUPPORT_CITY_PLAN_LINE_H_
#define BATON_TESTS_SUPPORT_CITY_PLAN_LINE_H_

#include <string>

#include "tests/support/city/arrival.h"

namespace baton {

// One line of a plan, without the line break:
//
//   {"time": "2026-11-22T08:14:03Z", "agency": "police/E23000019",
//    "rpc": "baton.v1.PoliceService/ReportMissing",
//    "kind": "MESSAGE_KIND_MISSING_REPORT", "reference": "mis-...",
//    "opens_case": true, "silence": "sender",
//    "response": {"raised_by": ..., "child": 1, "after_seconds": 840},
//    "request": {...}}
//
// The request has its fields' names as in proto/. What does not apply is left
// out.
std::string PlanLine(const Arrival& arrival);

}  // namespace baton

#endif  // BATON_TESTS_SUPPORT_CITY_PLAN_LINE_H_
