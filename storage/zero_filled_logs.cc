#include "storage/zero_filled_logs.h"

#include <utility>

#include "absl/strings/match.h"

namespace baton {
namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

class ZeroFilledLog final : public rocksdb::FSWritableFile {
 public:
  explicit ZeroFilledLog(std::unique_ptr<rocksdb::FSRandomRWFile> file)
      : file_(std::move(file)) {}

  IOStatus Append(const Slice& data, const IOOptions& options,
                  IODebugContext* debug) override {
    while (filled_ < size_ + data.size()) {
      IOStatus status = Fill(options, debug);
      if (!status.ok()) return status;
    }
    IOStatus status = file_->Write(size_, data, options, debug);
    if (status.ok()) size_ += data.size();
    return status;
  }
  IOStatus Append(const Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo&,
                  IODebugContext* debug) override {
    return Append(data, options, debug);
  }

  IOStatus Flush(const IOOptions&, IODebugContext*) override {
    return IOStatus::OK();  // Nothing is kept in this process.
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    return file_->Sync(options, debug);
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return file_->Fsync(options, debug);
  }
  bool IsSyncThreadSafe() const override { return true; }
  IOStatus Close(const IOOptions& options, IODebugContext* debug) override {
    return file_->Close(options, debug);
  }
  uint64_t GetFileSize(const IOOptions&, IODebugContext*) override {
    return size_;
  }

 private:
  IOStatus Fill(const IOOptions& options, IODebugContext* debug) {
    static const std::string& zeros =
        *new std::string(ZeroFilledLogs::kFillBytes, '\0');
    IOStatus status = file_->Write(filled_, zeros, options, debug);
    if (status.ok()) filled_ += zeros.size();
    return status;
  }

  const std::unique_ptr<rocksdb::FSRandomRWFile> file_;
  uint64_t size_ = 0;    // Of what was appended.
  uint64_t filled_ = 0;  // Of the file; at least size_.
};

}  // namespace

IOStatus ZeroFilledLogs::NewWritableFile(
    const std::string& path, const rocksdb::FileOptions& options,
    std::unique_ptr<rocksdb::FSWritableFile>* file, IODebugContext* debug) {
  IOStatus status = target()->NewWritableFile(path, options, file, debug);
  if (!status.ok() || !absl::EndsWith(path, ".log")) return status;
  status = (*file)->Close(options.io_options, debug);  // Made, and empty.
  std::unique_ptr<rocksdb::FSRandomRWFile> log;
  if (status.ok()) {
    status = target()->NewRandomRWFile(path, options, &log, debug);
  }
  if (status.ok()) *file = std::make_unique<ZeroFilledLog>(std::move(log));
  return status;
}

}  // namespace baton
