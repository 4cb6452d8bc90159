#ifndef BATON_TESTS_SUPPORT_CITY_CALL_H_
#define BATON_TESTS_SUPPORT_CITY_CALL_H_

#include <string>

#include "baton/v1/message.pb.h"
#include "google/protobuf/message.h"

// What follows from the type of a request. Pure functions.
namespace baton::city {

// The method that takes it: "baton.v1.PoliceService/ReportMissing". A request
// stands in the file of its service; stops the process when there is none.
std::string RpcOf(const google::protobuf::Message& request);

// What it becomes on the exchange; UNSPECIFIED when nothing.
v1::MessageKind KindOf(const google::protobuf::Message& request);

}  // namespace baton::city

#endif  // BATON_TESTS_SUPPORT_CITY_CALL_H_
