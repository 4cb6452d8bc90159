#include <algorithm>

#include "absl/strings/str_cat.h"
#include "baton/v1/directory_service.grpc.pb.h"
#include "services/cli/client_config.h"
#include "tests/services/cli_fixture.h"

namespace baton::cli {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class FakeDirectory final : public v1::DirectoryService::Service {
 public:
  grpc::Status ListAgencies(grpc::ServerContext*,
                            const v1::ListAgenciesRequest*,
                            v1::ListAgenciesResponse*) override {
    return grpc::Status::OK;
  }
};

// One configuration, two contexts: the night desk of a council on the same
// exchange, and another exchange for training.
class CliContextTest : public CliTest {
 protected:
  CliContextTest() {
    Serve({&service_});
    WriteContexts("");
  }

  void WriteContexts(const std::string& more) {
    WriteConfig(R"(
      checkpoint_verifier_key: "live-key"
      contexts {
        name: "night"
        council_address: "night:1"
        tls {
          ca_file: "night/ca.pem"
          certificate_file: "night/c.pem"
          key_file: "night/c.key"
        }
        actor { name: "N. Night" role: "duty social worker" }
      }
      contexts { name: "training" broker_address: "training:1" }
    )" + more);
  }

  absl::StatusOr<v1::ClientConfig> Load(const std::string& context) {
    return LoadClientConfig(dir_ / "client.txtpb", context);
  }

  // The person a request made now would name.
  std::string Acting(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(),
                     {"council", "take", "c-4k7.1", "--dry-run"});
    EXPECT_EQ(Run(arguments), ExitCode::kOk) << err_;
    return out_;
  }

  FakeDirectory service_;
};

TEST_F(CliContextTest, AContextTakesThePlaceOfAddressesTlsAndActor) {
  const auto config = Load("night");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->council_address(), "night:1");
  EXPECT_EQ(config->broker_address(), "broker:1");
  EXPECT_EQ(config->tls().certificate_file(), dir_ / "night/c.pem");
  EXPECT_EQ(config->actor().name(), "N. Night");
  EXPECT_EQ(config->default_context(), "night");
  EXPECT_EQ(config->checkpoint_verifier_key(), "live-key");
  EXPECT_EQ(config->checkpoint_file(), dir_ / "checkpoint");
}

// The services outside it are other agencies': an answer must not go out in
// their name.
TEST_F(CliContextTest, AContextWithAServiceHasOnlyItsOwn) {
  const auto config = Load("night");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->emergency_address(), "");
  EXPECT_EQ(config->police_address(), "");
  EXPECT_EQ(config->school_address(), "");
  EXPECT_EQ(Load("training")->police_address(), "police:1");
}

TEST_F(CliContextTest, AnotherExchangeHasAnotherLog) {
  const auto config = Load("training");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->broker_address(), "training:1");
  EXPECT_EQ(config->checkpoint_verifier_key(), "");
  EXPECT_THAT(config->checkpoint_file(), EndsWith("/checkpoint-training"));
}

TEST_F(CliContextTest, TheContextOfTheCommandLineIsUsed) {
  EXPECT_EQ(Run({"directory", "list"}), ExitCode::kOk) << err_;
  EXPECT_EQ(dialled_, "broker:1");
  EXPECT_EQ(dialled_with_.tls().ca_file(), dir_ / "ca.pem");
  EXPECT_EQ(Run({"directory", "list", "--context", "training"}), ExitCode::kOk);
  EXPECT_EQ(dialled_, "training:1");
  EXPECT_EQ(Run({"--context", "night", "directory", "list"}), ExitCode::kOk);
  EXPECT_EQ(dialled_with_.tls().ca_file(), dir_ / "night/ca.pem");
  EXPECT_THAT(Acting({"--context", "night"}), HasSubstr("N. Night"));
  EXPECT_THAT(Acting({}), HasSubstr("Sam Default"));
}

TEST_F(CliContextTest, TheDefaultContextCountsUnlessAnotherIsNamed) {
  WriteContexts("default_context: \"night\"");
  EXPECT_THAT(Acting({}), HasSubstr("N. Night"));
  EXPECT_THAT(Acting({"--context", "training"}), HasSubstr("Sam Default"));
}

TEST_F(CliContextTest, AnUnknownContextNamesTheNearest) {
  EXPECT_EQ(Run({"directory", "list", "--context", "trianing"}),
            ExitCode::kUsage);
  EXPECT_THAT(err_, HasSubstr("no context \"trianing\"; did you mean "
                              "\"training\"?"));
  EXPECT_THAT(err_, HasSubstr("contexts here: night, training"));
  EXPECT_EQ(Run({"council", "take", "c-4k7.1", "--context", "nihgt"}),
            ExitCode::kUsage);
  EXPECT_THAT(err_, StartsWith("NOT SENT."));
}

TEST_F(CliContextTest, FaultsOfContextsAreListedWithTheirLine) {
  Write("client.txtpb",
        "contexts { name: \"night\" }\n"
        "contexts { name: \"night\" }\n"
        "contexts { name: \"Not A Name\" }\n");
  EXPECT_EQ(Run({"directory", "list"}), ExitCode::kUsage);
  EXPECT_THAT(err_, HasSubstr("client.txtpb:2: contexts[1].name"));
  EXPECT_THAT(err_, HasSubstr("is there twice"));
  EXPECT_THAT(err_, HasSubstr("client.txtpb:3: contexts[2].name"));
}

TEST_F(CliContextTest, ThereAreAtMostThirtyTwo) {
  std::string contexts;
  for (int i = 0; i < kMaxContexts; ++i) {
    absl::StrAppend(&contexts, "contexts { name: \"c-", i, "\" }\n");
  }
  WriteConfig(contexts);
  EXPECT_TRUE(Load("c-31").ok()) << Load("c-31").status();
  WriteConfig(contexts + "contexts { name: \"one-too-many\" }\n");
  EXPECT_THAT(std::string(Load("c-31").status().message()),
              HasSubstr("more than 32"));
}

TEST_F(CliContextTest, AListShowsThemAndWhichCounts) {
  WriteContexts("default_context: \"night\"");
  EXPECT_EQ(Run({"context", "list"}), ExitCode::kOk) << err_;
  EXPECT_THAT(out_, HasSubstr("night     yes"));
  EXPECT_THAT(out_, HasSubstr("N. Night"));
  EXPECT_THAT(out_, HasSubstr("training:1"));
  EXPECT_EQ(dialled_, "");
  EXPECT_EQ(Run({"context", "list", "-o", "jsonl"}), ExitCode::kOk);
  EXPECT_THAT(out_, StartsWith("{\"name\":\"night\",\"default\":\"yes\""));
  EXPECT_EQ(std::count(out_.begin(), out_.end(), '\n'), 2);
}

TEST_F(CliContextTest, WithoutContextsTheListSaysSo) {
  WriteConfig("");
  EXPECT_EQ(Run({"context", "list"}), ExitCode::kOk) << err_;
  EXPECT_THAT(out_, StartsWith("no contexts"));
}

// A list helps to mend a configuration that nothing can be called with.
TEST_F(CliContextTest, AListNeedsNoCertificates) {
  Write("client.txtpb", "contexts { name: \"night\" }\n");
  EXPECT_EQ(Run({"context", "list"}), ExitCode::kOk) << err_;
  EXPECT_THAT(out_, HasSubstr("night"));
  EXPECT_EQ(Run({"directory", "list"}), ExitCode::kUsage);
  EXPECT_THAT(err_, HasSubstr("tls.ca_file"));
}

}  // namespace
}  // namespace baton::cli
