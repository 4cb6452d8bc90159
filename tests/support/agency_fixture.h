#ifndef BATON_TESTS_SUPPORT_AGENCY_FIXTURE_H_
#define BATON_TESTS_SUPPORT_AGENCY_FIXTURE_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "services/agency/agency_loop.h"
#include "services/agency/agency_store.h"
#include "services/agency/document_link.h"
#include "services/agency/exchange_link.h"
#include "storage/format.h"
#include "storage/rocksdb_store.h"
#include "tests/support/temp_dir.h"

namespace baton {

// The disk of an agency service that a test can crash and reopen, and a clock
// it moves.
class AgencyDisk {
 public:
  AgencyDisk() { Reopen(); }

  // What a restart finds: uncommitted batches are gone.
  void Reopen() {
    store.reset();
    database.reset();
    RocksDbStore::Options options;
    options.directory = directory_ / "db";
    options.database.set_format_version(kFormatVersion);
    options.database.set_owner("test");
    options.database.set_environment(v1::ENVIRONMENT_TRAINING);
    options.file_system = rocksdb::FileSystem::Default();
    auto opened = RocksDbStore::Open(std::move(options));
    ASSERT_TRUE(opened.ok()) << opened.status();
    database = *std::move(opened);
    auto agency =
        AgencyStore::Open(database.get(), std::string(32, 'k'), &random_);
    ASSERT_TRUE(agency.ok()) << agency.status();
    store = *std::move(agency);
  }

  void Commit() { ASSERT_TRUE(store->Commit(now.wall).ok()); }
  void Advance(absl::Duration by) {
    now.wall += by;
    now.steady += by;
  }

  Instant now{.wall = absl::FromUnixSeconds(1'767'225'600),
              .steady = absl::Seconds(1000)};
  std::unique_ptr<RocksDbStore> database;
  std::unique_ptr<AgencyStore> store;
  const std::string& path() const { return directory_.path(); }

 private:
  TempDir directory_;
  SystemRandom random_;
};

// The far side of both links: keeps what was asked until the test answers.
class HeldLink final : public ExchangeLink, public DocumentLink {
 public:
  template <typename Request, typename Response>
  struct Asked {
    Request request;
    ExchangeLink::Callback<Response> done;
  };
  struct Uploading {
    v1::UploadBegin begin;
    ReadBytes read;
    ExchangeLink::Callback<v1::UploadAttachmentResponse> done;
  };

  void Publish(v1::PublishRequest request,
               ExchangeLink::Callback<v1::PublishResponse> done) override {
    published.push_back({std::move(request), std::move(done)});
  }
  void GetConversation(
      v1::GetConversationRequest request,
      ExchangeLink::Callback<v1::GetConversationResponse> done) override {
    looked_up.push_back({std::move(request), std::move(done)});
  }
  void RecordFirstRead(
      v1::RecordFirstReadRequest request,
      ExchangeLink::Callback<v1::RecordFirstReadResponse> done) override {
    first_reads.push_back({std::move(request), std::move(done)});
  }
  void Acknowledge(const std::string&,
                   std::vector<std::string> ack_ids) override {
    for (std::string& id : ack_ids) acknowledged.push_back(std::move(id));
  }
  void GetUpload(v1::GetUploadRequest request,
                 DocumentLink::Callback<v1::GetUploadResponse> done) override {
    asked_uploads.push_back({std::move(request), std::move(done)});
  }
  void Upload(
      v1::UploadBegin begin, ReadBytes read,
      DocumentLink::Callback<v1::UploadAttachmentResponse> done) override {
    uploads.push_back({std::move(begin), std::move(read), std::move(done)});
  }
  std::shared_ptr<DocumentDownload> Download(
      v1::DownloadAttachmentRequest, std::shared_ptr<DownloadSink>) override {
    return nullptr;
  }

  std::vector<Asked<v1::PublishRequest, v1::PublishResponse>> published;
  std::vector<Asked<v1::GetConversationRequest, v1::GetConversationResponse>>
      looked_up;
  std::vector<Asked<v1::RecordFirstReadRequest, v1::RecordFirstReadResponse>>
      first_reads;
  std::vector<std::string> acknowledged;
  std::vector<Asked<v1::GetUploadRequest, v1::GetUploadResponse>> asked_uploads;
  std::vector<Uploading> uploads;
};

}  // namespace baton

#endif  // BATON_TESTS_SUPPORT_AGENCY_FIXTURE_H_
