#include "services/common/text_config.h"

#include <sys/stat.h>

#include <fstream>

#include "absl/strings/str_cat.h"
#include "baton/v1/config.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/temp_dir.h"

namespace baton {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class TextConfigTest : public testing::Test {
 protected:
  std::string Write(const std::string& text) {
    const std::string file = dir_ / "broker.txtpb";
    std::ofstream(file) << text;
    return file;
  }
  absl::Status Read(const std::string& text) {
    return config_file_.Read(Write(text), &config_);
  }
  std::string Place(int line) {
    return absl::StrCat(dir_ / "broker.txtpb", ":", line);
  }

  TempDir dir_;
  TextConfig config_file_;
  v1::BrokerConfig config_;
};

constexpr char kGood[] = R"(# A broker.
listen_address: "localhost:7400"
tls {
  ca_file: "ca.pem"
  key_file: "/etc/baton/key.pem"
}
data_directory: "data"
agencies {
  agency { agency_class: AGENCY_CLASS_COUNCIL code: "E06000018" }
  desks { name: "intake" }
  desks {
    name: "duty"
    max_messages: 7
  }
}
agencies {
  desks { name: "replies" }
}
)";

TEST_F(TextConfigTest, ReadsAFile) {
  const absl::Status read = Read(kGood);
  ASSERT_TRUE(read.ok()) << read;
  EXPECT_EQ(config_.listen_address(), "localhost:7400");
  EXPECT_EQ(config_.agencies_size(), 2);
}

TEST_F(TextConfigTest, FilesAreRelativeToTheConfiguration) {
  ASSERT_TRUE(Read(kGood).ok());
  EXPECT_EQ(config_.tls().ca_file(), dir_ / "ca.pem");
  EXPECT_EQ(config_.tls().key_file(), "/etc/baton/key.pem");
  EXPECT_EQ(config_.data_directory(), dir_ / "data");
  EXPECT_EQ(config_.port_file(), "");
}

TEST_F(TextConfigTest, NamesSeveralFaultsAtOnce) {
  const absl::Status status = Read(R"(listen_adress: "localhost:7400"
tls {
  ca_file: "ca.pem"
  sertificate_file: "cert.pem"
}
data_directory: 7
)");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  const std::string text(status.message());
  EXPECT_THAT(text, HasSubstr(Place(1)));
  EXPECT_THAT(text, HasSubstr("listen_adress"));
  EXPECT_THAT(text, HasSubstr(Place(4)));
  EXPECT_THAT(text, HasSubstr("sertificate_file"));
  EXPECT_THAT(text, HasSubstr(Place(6)));
}

// The parser places it at the token behind the value.
TEST_F(TextConfigTest, NamesAnUnknownValueOfAnEnum) {
  const absl::Status status = Read("environment: ENVIRONMENT_LIFE\n");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("\"ENVIRONMENT_LIFE\" for field \"environment\""));
}

TEST_F(TextConfigTest, AMissingFileIsNotFound) {
  const absl::Status status =
      config_file_.Read(dir_ / "nowhere.txtpb", &config_);
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("nowhere.txtpb"));
}

TEST_F(TextConfigTest, KnowsWhereAFieldStands) {
  ASSERT_TRUE(Read(kGood).ok());
  const auto where = [this](const std::string& path) {
    return config_file_.Where(path);
  };
  EXPECT_EQ(where("listen_address"), Place(2) + ": listen_address");
  EXPECT_EQ(where("tls.ca_file"), Place(4) + ": tls.ca_file");
  EXPECT_EQ(where("agencies[0].desks[1].max_messages"),
            Place(13) + ": agencies[0].desks[1].max_messages");
  EXPECT_EQ(where("agencies[1].desks[0].name"),
            Place(17) + ": agencies[1].desks[0].name");
}

TEST_F(TextConfigTest, AFieldThatIsNotThereStandsWhereItBelongs) {
  ASSERT_TRUE(Read(kGood).ok());
  EXPECT_EQ(config_file_.Where("tls.certificate_file"),
            Place(3) + ": tls.certificate_file");
  EXPECT_EQ(config_file_.Where("agencies[1].agency"),
            Place(16) + ": agencies[1].agency");
  EXPECT_EQ(config_file_.Where("agencies[9].agency"),
            Place(1) + ": agencies[9].agency");
  EXPECT_EQ(config_file_.Where("no such field"), Place(1) + ": no such field");
}

TEST_F(TextConfigTest, AKeyFileIsReadOnlyWhenItIsPrivateAndWhole) {
  const std::string file = dir_ / "vault.key";
  std::ofstream(file) << std::string(32, 'k');
  ASSERT_EQ(chmod(file.c_str(), 0640), 0);
  EXPECT_EQ(ReadKeyFile(file, 32).status().code(),
            absl::StatusCode::kFailedPrecondition);
  ASSERT_EQ(chmod(file.c_str(), 0600), 0);
  EXPECT_EQ(ReadKeyFile(file, 32).value(), std::string(32, 'k'));
  const absl::Status status = ReadKeyFile(file, 31).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("kkk")));
  EXPECT_EQ(ReadKeyFile(dir_ / "none.key", 32).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(TextConfigTest, ADirectoryIsNoFile) {
  EXPECT_EQ(config_file_.Read(dir_.path(), &config_).code(),
            absl::StatusCode::kPermissionDenied);
}

}  // namespace
}  // namespace baton
