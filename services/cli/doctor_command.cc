#include "services/cli/doctor_command.h"

#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "services/cli/case_client.h"
#include "services/cli/certificate_verdict.h"
#include "services/cli/diagnosis.h"
#include "services/cli/finding.h"
#include "services/common/certificate.h"
#include "services/common/proto_time.h"
#include "services/common/text_config.h"
#include "services/common/tls.h"
#include "storage/status.h"

namespace baton::cli {
namespace {

constexpr int kMaxExpiryDays = 3650;
// The service answers when the message is back, or after this.
constexpr absl::Duration kTestWait = absl::Seconds(10);

absl::StatusOr<absl::Duration> ExpiryFrom(const Arguments& arguments) {
  int days = kDefaultExpiryDays;
  const std::string text = arguments.Get("--expiry-days");
  if (arguments.Has("--expiry-days") &&
      (!absl::SimpleAtoi(text, &days) || days < 0 || days > kMaxExpiryDays)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--expiry-days is 0 to ", kMaxExpiryDays, ", not \"", text, "\""));
  }
  return absl::Hours(24) * days;
}

// Waits longer than a call usually may: the service's own wait comes first.
absl::StatusOr<v1::TestExchangeResponse> TestExchange(
    const Arguments& arguments, const Session& session) {
  ASSIGN_OR_RETURN(CaseClient client, ConnectCases(arguments, session));
  v1::TestExchangeRequest request;
  request.set_request_id(NewRequestId(*session.environment.random));
  *request.mutable_wait() = ToProto(kTestWait);
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + kTestWait +
                                          CallDeadline(session.config)));
  v1::TestExchangeResponse response;
  const grpc::Status status =
      client.stub().TestExchange(&context, request, &response);
  if (!status.ok()) return CallError(status, client.Where("TestExchange"));
  return response;
}

Peer Meet(const std::string& name, const std::string& address, bool is_exchange,
          const Session& session) {
  Peer peer{.name = name,
            .is_exchange = is_exchange,
            .address = address,
            .server_name = session.config.server_name().empty()
                               ? HostOf(address)
                               : session.config.server_name(),
            .handshake = {}};
  if (address.empty()) return peer;
  peer.handshake = session.environment.shake_hands(address, peer.server_name,
                                                   session.config);
  return peer;
}

Peer MeetExchange(const Session& session) {
  return Meet("exchange", session.config.broker_address(),
              /*is_exchange=*/true, session);
}

// Operators have no agency's service, and send nothing.
bool IsOperator(const Facts& facts) {
  const auto own = ReadCertificate(facts.own_certificates);
  if (!own.ok()) return false;
  const auto agency = AgencyOf(*own);
  return agency.ok() && agency->agency_class() == v1::AGENCY_CLASS_OPERATOR;
}

// What this machine shows by itself.
Facts LookHere(const Arguments& arguments, absl::Duration expiring,
               const Session& session) {
  Facts facts;
  facts.now = session.environment.now();
  facts.expiring = expiring;
  facts.configuration = arguments.Has("--config")
                            ? arguments.Get("--config")
                            : session.environment.config_file;
  const std::string& context = session.config.default_context();
  if (!context.empty()) {
    absl::StrAppend(&facts.configuration, ", context ", context);
  }
  const v1::TlsConfig& tls = session.config.tls();
  facts.files = CheckTlsFiles(tls);
  facts.own_certificates = ReadFile(tls.certificate_file()).value_or("");
  facts.authorities = ReadFile(tls.ca_file()).value_or("");
  return facts;
}

void LookAround(const AgencyService& service, const Arguments& arguments,
                const Session& session, Facts* facts) {
  facts->service = Meet(absl::StrCat(service.name, " service"), service.address,
                        /*is_exchange=*/false, session);
  facts->exchange = MeetExchange(session);
  facts->test = TestExchange(arguments, session);
  facts->answered = session.environment.now();
}

ExitCode Print(const std::vector<Finding>& findings, const Session& session) {
  PrintFindings(findings, session);
  return AllGreen(findings) ? ExitCode::kOk : ExitCode::kError;
}

absl::StatusOr<ExitCode> RunDoctor(const std::vector<OptionSpec>&,
                                   const Arguments& arguments,
                                   const Session& session) {
  ASSIGN_OR_RETURN(const absl::Duration expiring, ExpiryFrom(arguments));
  if (!session.config_fault.ok()) {
    return Print(
        {Failed(
            "configuration",
            absl::StrReplaceAll(session.config_fault.message(), {{"\n", "; "}}),
            "mend the file, or name another with --config; nothing else "
            "can be checked without it")},
        session);
  }
  Facts facts = LookHere(arguments, expiring, session);
  if (arguments.Has("--config-only")) return Print(Diagnose(facts), session);
  if (IsOperator(facts) && !arguments.Has("--service")) {
    facts.exchange = MeetExchange(session);
  } else {
    ASSIGN_OR_RETURN(const AgencyService service,
                     ChooseService(arguments, session.config));
    LookAround(service, arguments, session, &facts);
  }
  return Print(Diagnose(facts), session);
}

}  // namespace

std::vector<Command> DoctorCommands() {
  return {{.family = "",
           .name = "doctor",
           .help = "whether time, certificates, service and exchange are well, "
                   "with a test message; exits with 0 only when all are",
           .options = {ServiceOption(),
                       {"--expiry-days", "DAYS",
                        "warn of certificates that end sooner; default: 30"},
                       {"--config-only", "",
                        "this machine alone: files, certificate and clock; "
                        "for before the service first starts",
                        "", Takes::kNothing}},
           .run = RunDoctor,
           .diagnoses = true}};
}

}  // namespace baton::cli
