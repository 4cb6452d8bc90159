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

}  // namespace baton

#endif  // BATON_TESTS_SUPPORT_BROKER_TEXT_H_
