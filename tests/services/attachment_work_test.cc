#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "baton/v1/attachment_service.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "services/broker/attachment_service.h"
#include "services/common/rpc_status.h"
#include "storage/crypto.h"
#include "tests/support/exchange_fixture.h"
#include "tests/support/limit_of.h"

namespace baton {
namespace {

class EverybodyIsTheHospital final : public IdentitySource {
 public:
  absl::StatusOr<Identity> Identify(
      const grpc::ServerContextBase&) const override {
    return HospitalCaller();
  }
};

// The front door of documents, without TLS.
class Door {
 public:
  Door(const AttachmentServiceImpl::Parts& parts,
       const v1::BrokerConfig& config)
      : service_(parts, config) {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                             &port);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    stub_ = v1::AttachmentService::NewStub(grpc::CreateChannel(
        absl::StrCat("127.0.0.1:", port), grpc::InsecureChannelCredentials()));
  }
  ~Door() { server_->Shutdown(); }

  v1::AttachmentService::Stub* operator->() { return stub_.get(); }

 private:
  AttachmentServiceImpl service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::AttachmentService::Stub> stub_;
};

class AttachmentWorkTest : public testing::Test {
 protected:
  void SetUp() override {
    exchange_.Start();
    opened_ = exchange_.Accept(HospitalCaller(), FlagMessage({"Ann"}));
    Sequencer::Options options;
    options.deliver = [this](StepResult::Delivery delivery) {
      exchange_.Deliver(std::move(delivery));
    };
    sequencer_.emplace(&exchange_.exchange(), &exchange_.clock(),
                       std::move(options));
    doorway_.emplace(&identities_, &*sequencer_, &readers_);
    run_ = std::thread([this] { EXPECT_TRUE(sequencer_->Run().ok()); });
    finish_ = std::thread([this] { sequencer_->Finish(); });
  }

  void TearDown() override {
    sequencer_->Stop();
    run_.join();
    finish_.join();
  }

  std::unique_ptr<Door> Open(size_t max_pending_work) {
    return std::make_unique<Door>(
        AttachmentServiceImpl::Parts{.doorway = &*doorway_,
                                     .sequencer = &*sequencer_,
                                     .streams = &streams_,
                                     .store = &exchange_.store(),
                                     .vault = &exchange_.vault(),
                                     .max_pending_work = max_pending_work},
        exchange_.config);
  }

  absl::Status Upload(Door& door, const std::string& bytes) {
    grpc::ClientContext context;
    v1::UploadAttachmentResponse response;
    const auto writer = door->UploadAttachment(&context, &response);
    v1::UploadAttachmentRequest begin;
    begin.mutable_begin()->set_conversation_id(opened_.conversation_id());
    v1::Attachment& attachment = *begin.mutable_begin()->mutable_attachment();
    attachment.set_sha256(std::string(AsBytes(Sha256(bytes))));
    attachment.set_size_bytes(static_cast<int64_t>(bytes.size()));
    attachment.set_media_type("image/jpeg");
    v1::UploadAttachmentRequest chunk;
    chunk.set_chunk(bytes);
    if (writer->Write(begin)) writer->Write(chunk);
    writer->WritesDone();
    return FromGrpc(writer->Finish());
  }

  absl::Status Download(Door& door) {
    grpc::ClientContext context;
    v1::DownloadAttachmentRequest request;
    request.set_message_id(opened_.message_id());
    request.set_sha256(std::string(32, 'a'));
    v1::DownloadAttachmentResponse response;
    const auto reader = door->DownloadAttachment(&context, request);
    while (reader->Read(&response)) {
    }
    return FromGrpc(reader->Finish());
  }

  ExchangeFixture exchange_;
  v1::PublishReceipt opened_;
  std::optional<Sequencer> sequencer_;
  StreamRegistry streams_{"streams", 8, 8};
  EverybodyIsTheHospital identities_;
  Executor readers_{1, 8};
  std::optional<Doorway> doorway_;
  std::thread run_;
  std::thread finish_;
};

TEST_F(AttachmentWorkTest, WhenTooManyDocumentsAreUnderWayTheNextIsToldSo) {
  const std::string photo = "\xff\xd8\xff\xe0 of Ann";
  {
    const auto full = Open(/*max_pending_work=*/0);
    EXPECT_EQ(LimitOf(Upload(*full, photo)), "attachment work");
    EXPECT_EQ(LimitOf(Download(*full)), "attachment work");
  }
  const auto door = Open(/*max_pending_work=*/1);
  EXPECT_TRUE(Upload(*door, photo).ok()) << "of what was begun above";
  EXPECT_EQ(Download(*door).code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace baton
