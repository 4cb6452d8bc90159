#ifndef BATON_TESTS_SUPPORT_BROKER_TEXT_H_
#define BATON_TESTS_SUPPORT_BROKER_TEXT_H_

namespace baton {

// A BrokerConfig for training in text format, but for its agencies and the
// desk for unknown recipients. CERTS stands for the directory of certificates.
inline constexpr char kBrokerText[] = R"(
  listen_address: "127.0.0.1:0"
  tls {
    ca_file: "CERTS/ca.pem"
    certificate_file: "CERTS/exchange-baton.pem"
    key_file: "CERTS/exchange-baton.key"
  }
  trust_domain: "baton.test"
  environment: ENVIRONMENT_TRAINING
  data_directory: "broker"
  vault_key_file: "CERTS/vault.key"
  checkpoint_key_file: "CERTS/checkpoint.key"
  checkpoint_origin: "baton.test/nottingham"
  access_file: "access.txtpb"
)";

// Agencies for it: emergency/RX1RA, and two councils of which the first,
// council/E06000018, has the desk for unknown recipients.
inline constexpr char kHospitalAndCouncils[] = R"(
  agencies {
    agency { agency_class: AGENCY_CLASS_EMERGENCY code: "RX1RA" }
    desks { name: "replies" }
  }
  agencies {
    agency { agency_class: AGENCY_CLASS_COUNCIL code: "E06000018" }
    phone: "0115 496 0200"
    desks { name: "intake" }
  }
  agencies {
    agency { agency_class: AGENCY_CLASS_COUNCIL code: "E10000024" }
    phone: "0115 496 0300"
    desks { name: "intake" }
  }
  unknown_recipient_desk {
    agency { agency_class: AGENCY_CLASS_COUNCIL code: "E06000018" }
    desk: "intake"
  }
)";

}  // namespace baton

#endif  // BATON_TESTS_SUPPORT_BROKER_TEXT_H_
