#ifndef BATON_SERVICES_COMMON_TLS_H_
#define BATON_SERVICES_COMMON_TLS_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "baton/v1/config.pb.h"
#include "grpcpp/grpcpp.h"

namespace baton {

// Credentials that require and verify the peer's certificate, and that read
// the three files again every `refresh_interval`: renewing a certificate needs
// no restart. INVALID_ARGUMENT names the file that is missing, unreadable or
// not PEM.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MutualTlsServer(
    const v1::TlsConfig& config);
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MutualTlsClient(
    const v1::TlsConfig& config);

// INVALID_ARGUMENT names the first of the three files that is missing,
// unreadable or not PEM, or says that the key is not the certificate's.
absl::Status CheckTlsFiles(const v1::TlsConfig& config);

// "host" of "host:port" and of "[v6]:port".
std::string HostOf(absl::string_view address);

// A channel to `address` that reconnects by itself and never sends a call
// again. The peer's certificate must name `server_name` (DNS or IP); empty: the
// host part of `address`.
absl::StatusOr<std::shared_ptr<grpc::Channel>> Dial(
    absl::string_view address, absl::string_view server_name,
    const v1::TlsConfig& config);

// Dial() for callers that give up at the first UNAVAILABLE: makes the first
// connection before it returns, and dials once more if that fails at once.
// Before version 1.61 gRPC now and then takes a connection that is being made
// for one that failed (its pull request 35064), for any reason at all, such as
// "No such file or directory". Blocks for two seconds at most.
absl::StatusOr<std::shared_ptr<grpc::Channel>> DialTwice(
    absl::string_view address, absl::string_view server_name,
    const v1::TlsConfig& config);

}  // namespace baton

#endif  // BATON_SERVICES_COMMON_TLS_H_
