#include <sys/stat.h>

#include <filesystem>

#include "absl/strings/match.h"
#include "baton/v1/case_service.grpc.pb.h"
#include "services/cli/document_file.h"
#include "storage/crypto.h"
#include "tests/services/cli_fixture.h"

namespace baton::cli {
namespace {

using ::grpc::ServerContext;
using ::grpc::Status;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

class FakeDocuments final : public v1::CaseService::Service {
 public:
  Status AddDocument(ServerContext*,
                     grpc::ServerReader<v1::AddDocumentRequest>* reader,
                     v1::AddDocumentResponse* response) override {
    v1::AddDocumentRequest request;
    reader->Read(&request);
    forms.push_back(request.form());
    while (reader->Read(&request)) bytes += request.chunk();
    *response = added;
    if (forms.size() > held_for) {
      response->set_outbox_state(v1::OUTBOX_STATE_ACCEPTED);
    }
    return add_end;
  }
  Status FetchDocument(
      ServerContext*, const v1::FetchDocumentRequest* request,
      grpc::ServerWriter<v1::FetchDocumentResponse>* writer) override {
    fetch = *request;
    v1::FetchDocumentResponse response;
    *response.mutable_attachment() = attachment;
    writer->Write(response);
    response.clear_attachment();
    for (size_t at = 0; at < content.size(); at += 100'000) {
      response.set_chunk(content.substr(at, 100'000));
      writer->Write(response);
    }
    return fetch_end;
  }

  std::vector<v1::DocumentForm> forms;
  std::string bytes;
  size_t held_for = 0;  // Calls.
  v1::AddDocumentResponse added;
  Status add_end;

  v1::FetchDocumentRequest fetch;
  v1::Attachment attachment;
  std::string content;
  Status fetch_end;
};

class CliDocumentTest : public CliTest {
 protected:
  CliDocumentTest() {
    Serve({&service_});
    Write("client.txtpb", R"(
      tls { ca_file: "ca.pem" certificate_file: "c.pem" key_file: "c.key" }
      school_address: "school:1"
      actor { name: "Sam Default" role: "teacher" }
    )");
    service_.added.set_document("0123456789abcdef");
    service_.added.mutable_status()->set_phone("0115 496 0200");
    service_.added.set_outbox_state(v1::OUTBOX_STATE_HELD);
    service_.content = std::string(300'000, 'x');
    service_.attachment.set_size_bytes(300'000);
    service_.attachment.set_media_type("text/plain");
    service_.attachment.set_sha256(
        std::string(AsBytes(Sha256(service_.content))));
  }

  ExitCode Attach(const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"case", "attach", "S-1", photo_};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Run(arguments);
  }
  ExitCode Fetch(const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"inbox",        "fetch", "c-1.1",
                                          "0123456789ab", "--to",  to_};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Run(arguments);
  }
  // Files that stand where the document should be, whatever their name.
  int FilesThere() {
    int count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(dir_.path())) {
      count += absl::StartsWith(entry.path().filename().string(), "photo");
    }
    return count;
  }

  FakeDocuments service_;
  const std::string picture_ = "\xff\xd8\xff" + std::string(600'000, 'p');
  const std::string photo_ = Write("body-map.jpg", picture_);
  const std::string to_ = dir_ / "photo.txt";
};

TEST_F(CliDocumentTest, AttachSendsTheFileAndNotItsName) {
  EXPECT_EQ(Attach({"--title", "left arm", "--matter", "2"}), ExitCode::kOk)
      << err_;
  ASSERT_EQ(service_.forms.size(), 1u);
  const v1::DocumentForm& form = service_.forms[0];
  EXPECT_EQ(form.sender_reference(), "S-1");
  EXPECT_EQ(form.child(), 2);
  EXPECT_EQ(form.title(), "left arm");
  EXPECT_EQ(form.media_type(), "image/jpeg");
  EXPECT_EQ(form.size_bytes(), 600'003);
  EXPECT_EQ(form.sha256(), std::string(AsBytes(Sha256(picture_))));
  EXPECT_EQ(form.actor().name(), "Sam Default");
  EXPECT_THAT(form.request_id(), Not(IsEmpty()));
  EXPECT_THAT(form.DebugString(), Not(HasSubstr("body-map")));
  EXPECT_TRUE(service_.bytes == picture_);
  EXPECT_THAT(out_, HasSubstr("with the exchange"));
  EXPECT_THAT(out_, HasSubstr("0123456789ab\n"));
}

TEST_F(CliDocumentTest, WhileHeldTheFormAloneAsksHowItStands) {
  service_.held_for = 2;
  EXPECT_EQ(Attach(), ExitCode::kOk);
  ASSERT_EQ(service_.forms.size(), 3u);
  EXPECT_EQ(service_.forms[2].request_id(), service_.forms[0].request_id());
  EXPECT_EQ(service_.bytes.size(), picture_.size());  // Once.

  service_.held_for = 1000;
  EXPECT_EQ(Attach(), ExitCode::kHeld);
  EXPECT_THAT(out_, StartsWith("NOT SENT, ring 0115 496 0200"));
}

TEST_F(CliDocumentTest, ARefusalByTheExchangeIsShown) {
  service_.held_for = 1;
  service_.added.set_outbox_state(v1::OUTBOX_STATE_REFUSED);
  service_.added.set_refusal("no such type here");
  EXPECT_EQ(Attach(), ExitCode::kRefused);
  EXPECT_THAT(out_, HasSubstr("refused by the exchange: no such type here"));
}

TEST_F(CliDocumentTest, WhatIsNoDocumentIsNotSent) {
  EXPECT_EQ(Run({"case", "attach", "S-1", dir_ / "nothing.jpg"}),
            ExitCode::kUsage);
  EXPECT_THAT(err_, StartsWith("NOT SENT"));
  EXPECT_EQ(Run({"case", "attach", "S-1", Write("empty", "")}),
            ExitCode::kUsage);
  const std::string program = Write("program", "MZ\x90" + std::string(9, '\0'));
  EXPECT_EQ(Run({"case", "attach", "S-1", program}), ExitCode::kUsage);
  EXPECT_THAT(err_, HasSubstr("--type"));
  std::ofstream(dir_ / "large").seekp(20 << 20).put('x');
  EXPECT_EQ(Run({"case", "attach", "S-1", dir_ / "large"}), ExitCode::kUsage);
  EXPECT_THAT(err_, HasSubstr("larger than 20 MiB"));
  EXPECT_TRUE(service_.forms.empty());
}

TEST_F(CliDocumentTest, ADryRunShowsTheFormAndSendsNothing) {
  EXPECT_EQ(Attach({"--dry-run"}), ExitCode::kOk);
  EXPECT_THAT(err_, StartsWith("NOT SENT"));
  EXPECT_THAT(out_, HasSubstr("image/jpeg"));
  EXPECT_TRUE(service_.forms.empty());
}

TEST_F(CliDocumentTest, AnAnswerAheadOfTheBytesIsTheAnswer) {
  service_.add_end = Status(grpc::StatusCode::NOT_FOUND, "no case here");
  EXPECT_EQ(Run({"matter", "attach", "c-1.1", photo_}), ExitCode::kError);
  EXPECT_EQ(service_.forms[0].matter_id(), "c-1.1");
  EXPECT_THAT(err_, StartsWith("NOT SENT"));
  EXPECT_THAT(err_, HasSubstr("no case here"));
}

TEST_F(CliDocumentTest, FetchWritesTheWholeFileForThisUserAlone) {
  EXPECT_EQ(Fetch(), ExitCode::kOk) << err_;
  EXPECT_EQ(service_.fetch.matter_id(), "c-1.1");
  EXPECT_EQ(service_.fetch.document(), "0123456789ab");
  EXPECT_EQ(service_.fetch.actor().name(), "Sam Default");
  EXPECT_TRUE(Read("photo.txt") == service_.content);
  EXPECT_EQ(FilesThere(), 1);
  struct stat info = {};
  ASSERT_EQ(stat(to_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_THAT(out_, HasSubstr("text/plain"));
}

TEST_F(CliDocumentTest, NeverOverAFileThatIsThere) {
  Write("photo.txt", "mine");
  EXPECT_EQ(Fetch(), ExitCode::kUsage);
  EXPECT_THAT(err_, HasSubstr("--force"));
  EXPECT_EQ(Read("photo.txt"), "mine");
  EXPECT_EQ(service_.fetch.matter_id(), "");  // Not even asked for.
  EXPECT_EQ(Fetch({"--force"}), ExitCode::kOk);
  EXPECT_TRUE(Read("photo.txt") == service_.content);
  EXPECT_EQ(FilesThere(), 1);
}

TEST_F(CliDocumentTest, AFileThatAppearsMeanwhileStays) {
  const auto file = NewDocumentFile::Create(to_, /*replace=*/false);
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE((*file)->Write("theirs").ok());
  Write("photo.txt", "mine");
  EXPECT_FALSE((*file)->Finish().ok());
  EXPECT_EQ(Read("photo.txt"), "mine");
}

TEST_F(CliDocumentTest, BytesOfAnotherDigestAreNotKept) {
  service_.content[7] = 'y';
  EXPECT_EQ(Fetch(), ExitCode::kError);
  EXPECT_THAT(err_, HasSubstr("not those of the document"));
  EXPECT_EQ(FilesThere(), 0);
  service_.content.resize(1000);
  EXPECT_EQ(Fetch(), ExitCode::kError);
  service_.content.resize(400'000, 'x');
  EXPECT_EQ(Fetch(), ExitCode::kError);
  EXPECT_EQ(FilesThere(), 0);
}

TEST_F(CliDocumentTest, ABrokenDownloadLeavesNothing) {
  service_.fetch_end = Status(grpc::StatusCode::UNAVAILABLE, "gone");
  Write("photo.txt", "mine");
  EXPECT_EQ(Fetch({"--force"}), ExitCode::kUnreachable);
  EXPECT_EQ(Read("photo.txt"), "mine");
  EXPECT_EQ(FilesThere(), 1);
}

TEST_F(CliDocumentTest, ProgressIsForTerminals) {
  EXPECT_EQ(Fetch(), ExitCode::kOk);
  EXPECT_THAT(err_, Not(HasSubstr("MiB")));
  err_is_terminal_ = true;
  EXPECT_EQ(Fetch({"--force"}), ExitCode::kOk);
  EXPECT_THAT(err_, HasSubstr("fetched 0.3 of 0.3 MiB\n"));
  EXPECT_EQ(Attach(), ExitCode::kOk);
  EXPECT_THAT(err_, HasSubstr("sent 0.6 of 0.6 MiB\n"));
}

TEST(DocumentFileTest, GuessesWhatADocumentIs) {
  EXPECT_EQ(GuessMediaType("\xff\xd8\xff\xe1"), "image/jpeg");
  EXPECT_EQ(GuessMediaType("\x89PNG\r\n\x1a\n"), "image/png");
  EXPECT_EQ(GuessMediaType("%PDF-1.7"), "application/pdf");
  EXPECT_EQ(GuessMediaType(absl::string_view("\0\0\0\x18"
                                             "ftypM4A ",
                                             12)),
            "audio/mp4");
  EXPECT_EQ(GuessMediaType(absl::string_view("\0\0\0\x18"
                                             "ftypisom",
                                             12)),
            "video/mp4");
  EXPECT_EQ(GuessMediaType("ID3\x04"), "audio/mpeg");
  EXPECT_EQ(GuessMediaType("Dear colleagues"), "text/plain");
  EXPECT_EQ(GuessMediaType("<html>"), "");
  EXPECT_EQ(GuessMediaType("PK\x03\x04"), "");
}

}  // namespace
}  // namespace baton::cli
