#ifndef BATON_SERVICES_AGENCY_DOCUMENT_LINK_H_
#define BATON_SERVICES_AGENCY_DOCUMENT_LINK_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baton/v1/attachment_service.pb.h"

namespace baton {

// Takes what a download brings. Called from any thread, one call at a time.
class DownloadSink {
 public:
  virtual ~DownloadSink() = default;
  virtual void OnPiece(v1::DownloadAttachmentResponse piece) = 0;
  // Last call.
  virtual void OnEnd(const absl::Status& status) = 0;
};

// A document on its way from the exchange, piece by piece: the next one comes
// when it is asked for. Thread-safe.
class DocumentDownload {
 public:
  virtual ~DocumentDownload() = default;
  // Begins, and asks for the first piece. Once.
  virtual void Start() = 0;
  // Asks for the next piece, or for the end: exactly once after each OnPiece,
  // also when it was cancelled, or OnEnd never comes.
  virtual void Next() = 0;
  virtual void Cancel() = 0;
};

// What an agency service asks of the exchange about documents: beside
// ExchangeLink, because it takes minutes. Calls never block; each callback is
// called once, on the agency loop, unless the link goes away first.
class DocumentLink {
 public:
  template <typename Result>
  using Callback = std::function<void(absl::StatusOr<Result>)>;
  // The document's bytes from an offset on: as many as are at hand, at least
  // one. Called off the loop.
  using ReadBytes = std::function<absl::StatusOr<std::string>(int64_t offset)>;

  virtual ~DocumentLink() = default;

  virtual void GetUpload(v1::GetUploadRequest request,
                         Callback<v1::GetUploadResponse> done) = 0;
  // Uploads from `begin.offset()` to the end.
  virtual void Upload(v1::UploadBegin begin, ReadBytes read,
                      Callback<v1::UploadAttachmentResponse> done) = 0;
  virtual std::shared_ptr<DocumentDownload> Download(
      v1::DownloadAttachmentRequest request,
      std::shared_ptr<DownloadSink> sink) = 0;
};

}  // namespace baton

#endif  // BATON_SERVICES_AGENCY_DOCUMENT_LINK_H_
