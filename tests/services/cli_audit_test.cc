#include <algorithm>
#include <filesystem>
#include <optional>

#include "baton/v1/audit_service.grpc.pb.h"
#include "openssl/evp.h"
#include "openssl/pem.h"
#include "storage/checkpoint.h"
#include "storage/merkle.h"
#include "tests/services/cli_fixture.h"

namespace baton::cli {
namespace {

using ::grpc::ServerContext;
using ::grpc::Status;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::string NewPrivateKey() {
  EVP_PKEY* key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PKCS8PrivateKey(bio, key, nullptr, nullptr, 0, nullptr,
                                nullptr);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string pem(data, static_cast<size_t>(size));
  BIO_free(bio);
  EVP_PKEY_free(key);
  return pem;
}

// A log kept by the real tree and signer, which a test can make lie.
class FakeAudit final : public v1::AuditService::Service {
 public:
  FakeAudit()
      : signer_(*CheckpointSigner::Create("baton.test/log", NewPrivateKey())) {}

  void Append(const std::string& message_id, v1::AuditType type) {
    v1::AuditEntry entry;
    entry.set_index(static_cast<int64_t>(leaves.size()));
    entry.add_message_ids(message_id);
    entry.set_type(type);
    leaves.push_back(entry.SerializeAsString());
  }

  Status GetCheckpoint(ServerContext*, const v1::GetCheckpointRequest*,
                       v1::GetCheckpointResponse* response) override {
    response->set_checkpoint(note.has_value() ? *note : TrueNote());
    return Status::OK;
  }
  Status ListEntries(ServerContext*, const v1::ListEntriesRequest* request,
                     v1::ListEntriesResponse* response) override {
    const size_t end = std::min<size_t>(
        leaves.size() - withheld,
        static_cast<size_t>(request->start_index() +
                            std::min(request->page_size(), 2)));
    for (size_t i = static_cast<size_t>(request->start_index()); i < end; ++i) {
      response->add_entries(leaves[i]);
    }
    return Status::OK;
  }
  Status GetConsistencyProof(
      ServerContext*, const v1::GetConsistencyProofRequest* request,
      v1::GetConsistencyProofResponse* response) override {
    auto proof = ConsistencyProof(
        static_cast<uint64_t>(request->first_tree_size()),
        static_cast<uint64_t>(request->second_tree_size()),
        [this](const Subtree& subtree) { return Subroot(subtree); });
    for (const Hash& hash : *proof) {
      response->add_hashes(std::string(AsBytes(hash)));
    }
    return Status::OK;
  }

  std::string verifier_key() const { return signer_.verifier_key(); }
  std::string SignedNote(const Hash& root) {
    return signer_.Sign(leaves.size(), root);
  }

  std::string TrueNote() { return SignedNote(Root(leaves.size())); }

  std::vector<std::string> leaves;
  std::optional<std::string> note;  // Instead of the true one.
  size_t withheld = 0;              // Entries it will not give.

 private:
  Hash Root(size_t size) {
    CompactRange range;
    for (size_t i = 0; i < size; ++i) range.Append(LeafHash(leaves[i]));
    return range.Root();
  }
  absl::StatusOr<Hash> Subroot(const Subtree& subtree) {
    CompactRange range;
    const uint64_t first = subtree.index << subtree.height;
    for (uint64_t i = 0; i < (uint64_t{1} << subtree.height); ++i) {
      range.Append(LeafHash(leaves[first + i]));
    }
    return range.Root();
  }

  CheckpointSigner signer_;
};

class CliAuditTest : public CliTest {
 protected:
  CliAuditTest() {
    Serve({&service_});
    WriteConfig("checkpoint_verifier_key: \"" + service_.verifier_key() + "\"");
    for (int i = 0; i < 5; ++i) {
      service_.Append("m-1", v1::AUDIT_TYPE_PUBLISHED);
    }
    service_.Append("m-2", v1::AUDIT_TYPE_DELIVERED);
  }

  FakeAudit service_;
};

TEST_F(CliAuditTest, VerifiesTheWholeLogAndRemembersIt) {
  EXPECT_EQ(Run({"audit", "verify"}), ExitCode::kOk) << err_;
  EXPECT_THAT(out_, StartsWith("audit verified: 6 entries, root "));
  EXPECT_THAT(out_, HasSubstr("signed by baton.test/log"));
  EXPECT_THAT(Read("checkpoint"), StartsWith("baton.test/log\n6\n"));
  service_.Append("m-3", v1::AUDIT_TYPE_READ);
  EXPECT_EQ(Run({"audit", "verify"}), ExitCode::kOk) << err_;
  EXPECT_THAT(Read("checkpoint"), StartsWith("baton.test/log\n7\n"));
}

TEST_F(CliAuditTest, EntriesAsJsonLinesAreOneObjectALine) {
  EXPECT_EQ(Run({"audit", "verify", "--message", "m-1", "-o", "jsonl"}),
            ExitCode::kOk)
      << err_;
  EXPECT_THAT(out_, StartsWith("{\"index\":"));
  EXPECT_EQ(std::count(out_.begin(), out_.end(), '\n'), 5);
  EXPECT_THAT(err_, StartsWith("audit verified: 6 entries"));
}

TEST_F(CliAuditTest, AnEmptyLogVerifies) {
  service_.leaves.clear();
  EXPECT_EQ(Run({"audit", "verify"}), ExitCode::kOk) << err_;
  service_.Append("m-1", v1::AUDIT_TYPE_PUBLISHED);
  EXPECT_EQ(Run({"audit", "verify"}), ExitCode::kOk) << err_;
}

TEST_F(CliAuditTest, PrintsTheEntriesOfAMessage) {
  EXPECT_EQ(Run({"audit", "verify", "--message", "m-2"}), ExitCode::kOk);
  EXPECT_THAT(out_, HasSubstr("delivered"));
  EXPECT_THAT(out_, Not(HasSubstr("published")));
  EXPECT_EQ(Run({"audit", "verify", "--message", "m-9"}), ExitCode::kError);
  EXPECT_THAT(out_, HasSubstr("audit verified"));
  EXPECT_THAT(out_, HasSubstr("no entry names message m-9"));
}

TEST_F(CliAuditTest, ACheckpointIsPrintedOnceItsSignatureHolds) {
  EXPECT_EQ(Run({"audit", "checkpoint"}), ExitCode::kOk);
  EXPECT_THAT(out_, StartsWith("baton.test/log\n6\n"));
}

TEST_F(CliAuditTest, ACheckpointOfAnotherSignerIsNotBelieved) {
  FakeAudit other;
  service_.note = other.SignedNote(EmptyRoot());
  EXPECT_EQ(Run({"audit", "checkpoint"}), ExitCode::kAuditFailed);
  EXPECT_EQ(Run({"audit", "verify"}), ExitCode::kAuditFailed);
  EXPECT_THAT(err_, HasSubstr("AUDIT FAILED"));
  EXPECT_EQ(out_, "");
}

TEST_F(CliAuditTest, AChangedEntryIsFound) {
  service_.note = service_.TrueNote();
  v1::AuditEntry entry;
  entry.set_index(2);
  entry.add_message_ids("m-other");
  service_.leaves[2] = entry.SerializeAsString();
  EXPECT_EQ(Run({"audit", "verify"}), ExitCode::kAuditFailed);
  EXPECT_THAT(err_, HasSubstr("the entries are not what was signed"));
  EXPECT_THAT(err_, HasSubstr("KEEP AS EVIDENCE"));
  EXPECT_FALSE(std::filesystem::exists(dir_ / "checkpoint"));
}

TEST_F(CliAuditTest, ALogRewrittenSinceTheLastLookIsFound) {
  ASSERT_EQ(Run({"audit", "verify"}), ExitCode::kOk);
  const std::string seen = Read("checkpoint");
  service_.leaves.pop_back();
  service_.Append("m-rewritten", v1::AUDIT_TYPE_READ);
  service_.Append("m-4", v1::AUDIT_TYPE_READ);
  for (const char* command : {"verify", "checkpoint"}) {
    EXPECT_EQ(Run({"audit", command}), ExitCode::kAuditFailed);
    EXPECT_THAT(err_, HasSubstr("the audit log was REWRITTEN"));
    EXPECT_THAT(err_, HasSubstr("KEEP AS EVIDENCE"));
  }
  EXPECT_EQ(Read("checkpoint"), seen);
  EXPECT_THAT(Read("checkpoint.conflict"), StartsWith("baton.test/log\n7\n"));
  EXPECT_THAT(Read("checkpoint.conflict-2"), StartsWith("baton.test/log\n7\n"));
}

TEST_F(CliAuditTest, ALogOfTheSameSizeWithAnotherRootIsFound) {
  ASSERT_EQ(Run({"audit", "verify"}), ExitCode::kOk);
  service_.leaves.pop_back();
  service_.Append("m-rewritten", v1::AUDIT_TYPE_READ);
  EXPECT_EQ(Run({"audit", "verify"}), ExitCode::kAuditFailed);
  EXPECT_THAT(err_, HasSubstr("the same size has another root"));
}

TEST_F(CliAuditTest, ALogThatWasCutIsFound) {
  ASSERT_EQ(Run({"audit", "verify"}), ExitCode::kOk);
  service_.leaves.pop_back();
  EXPECT_EQ(Run({"audit", "verify"}), ExitCode::kAuditFailed);
  EXPECT_THAT(err_, HasSubstr("it has become shorter"));
}

TEST_F(CliAuditTest, EntriesThatAreSignedButNotGivenAreFound) {
  service_.withheld = 1;
  EXPECT_EQ(Run({"audit", "verify"}), ExitCode::kAuditFailed);
  EXPECT_THAT(err_, HasSubstr("answered entry 5 with 0"));
}

TEST_F(CliAuditTest, EntriesOutOfTheirPlaceAreFound) {
  std::swap(service_.leaves[4], service_.leaves[5]);
  EXPECT_EQ(Run({"audit", "verify"}), ExitCode::kAuditFailed);
  EXPECT_THAT(err_, HasSubstr("audit entry 4 is not entry 4"));
}

TEST_F(CliAuditTest, ADamagedMemoryIsNotTakenForNone) {
  Write("checkpoint", "nothing of the kind");
  EXPECT_EQ(Run({"audit", "verify"}), ExitCode::kError);
  EXPECT_THAT(err_, HasSubstr("the stored checkpoint"));
  EXPECT_EQ(Read("checkpoint"), "nothing of the kind");
}

TEST_F(CliAuditTest, WithoutAKeyNothingIsVerified) {
  WriteConfig("");
  EXPECT_EQ(Run({"audit", "verify"}), ExitCode::kUsage);
  EXPECT_THAT(err_, HasSubstr("checkpoint_verifier_key"));
}

}  // namespace
}  // namespace baton::cli
