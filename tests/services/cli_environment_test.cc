#include <filesystem>
#include <sstream>

#include "baton/v1/directory_service.grpc.pb.h"
#include "services/cli/environment_tag.h"
#include "tests/services/cli_fixture.h"
#include "tests/support/test_certificates.h"

namespace baton::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::string Tagged(const std::string& json) {
  std::ostringstream out;
  EnvironmentTag tag(v1::ENVIRONMENT_TRAINING, &out);
  tag.stream() << json << std::flush;
  return out.str();
}

TEST(EnvironmentTagTest, EveryOutermostObjectSaysWhereItIsFrom) {
  const std::string field = "\"environment\":\"training\"";
  EXPECT_EQ(Tagged("{\"a\":1}\n"), "{" + field + ",\"a\":1}\n");
  EXPECT_EQ(Tagged("{}"), "{" + field + "}");
  EXPECT_EQ(Tagged("{\"a\":{\"b\":{}}}"), "{" + field + ",\"a\":{\"b\":{}}}");
  EXPECT_EQ(Tagged("[{\"a\":1},{\"a\":2}]"),
            "[{" + field + ",\"a\":1},{" + field + ",\"a\":2}]");
  EXPECT_EQ(Tagged("[]\n"), "[]\n");
}

TEST(EnvironmentTagTest, BracesInTextAreText) {
  EXPECT_EQ(Tagged("{\"a\":\"}{\\\"{\"}{\"b\":1}"),
            "{\"environment\":\"training\",\"a\":\"}{\\\"{\"}"
            "{\"environment\":\"training\",\"b\":1}");
}

class FakeDirectory final : public v1::DirectoryService::Service {
 public:
  grpc::Status ListAgencies(grpc::ServerContext*,
                            const v1::ListAgenciesRequest*,
                            v1::ListAgenciesResponse*) override {
    return grpc::Status::OK;
  }
};

class CliEnvironmentTest : public CliTest {
 protected:
  CliEnvironmentTest() { Serve({&service_}); }

  // A certificate of `trust_domain`, as the configuration names it.
  void UseCertificateOf(const std::string& trust_domain) {
    const TestCertificates certificates(trust_domain);
    std::filesystem::copy_file(
        certificates / "operator-OPS.pem", dir_ / "c.pem",
        std::filesystem::copy_options::overwrite_existing);
  }

  FakeDirectory service_;
};

TEST_F(CliEnvironmentTest, TrainingIsShownByWhoeverTalksToIt) {
  UseCertificateOf("baton.test");
  EXPECT_EQ(Run({"directory", "list"}), ExitCode::kOk) << err_;
  EXPECT_THAT(err_, StartsWith("TRAINING\n"));
  EXPECT_EQ(Run({"-o", "csv", "directory", "list"}), ExitCode::kOk) << err_;
  EXPECT_THAT(err_, StartsWith("TRAINING\n"));
  EXPECT_EQ(Run({"-o", "json", "directory", "list"}), ExitCode::kOk) << err_;
  EXPECT_THAT(out_, StartsWith("{\"environment\":\"training\","));
}

// Nothing is added to what --file reads again.
TEST_F(CliEnvironmentTest, ADryRunIsARequestAndNothingElse) {
  UseCertificateOf("baton.test");
  EXPECT_EQ(Run({"council", "take", "c-4k7.1", "--dry-run", "-o", "json"}),
            ExitCode::kOk);
  EXPECT_THAT(err_, StartsWith("TRAINING\nNOT SENT: this is a dry run."));
  EXPECT_THAT(out_, Not(HasSubstr("environment")));
  EXPECT_EQ(Run({"council", "take", "--dry-run", "--file",
                 Write("again.json", out_)}),
            ExitCode::kOk)
      << err_;
  EXPECT_THAT(out_, HasSubstr("c-4k7.1"));
}

TEST_F(CliEnvironmentTest, LiveIsAFieldAndNoBanner) {
  UseCertificateOf("baton.example");
  EXPECT_EQ(Run({"directory", "list"}), ExitCode::kOk) << err_;
  EXPECT_THAT(err_, Not(HasSubstr("TRAINING")));
  EXPECT_EQ(Run({"-o", "json", "directory", "list"}), ExitCode::kOk) << err_;
  EXPECT_THAT(out_, StartsWith("{\"environment\":\"live\","));
}

}  // namespace
}  // namespace baton::cli
