#include "services/common/media_type.h"

#include <string>

#include "gtest/gtest.h"
#include "services/common/faults.h"

namespace baton {
namespace {

const std::string kPng = "\x89PNG\r\n\x1a\n and the picture";
const std::string kMp4(
    "\0\0\0\x18"
    "ftypisom",
    12);

void ExpectRefused(const std::string& media_type, const std::string& bytes) {
  const absl::Status status = CheckSignature(media_type, bytes);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << media_type;
  EXPECT_EQ(ReasonOf(status), "ATTACHMENT_TYPE");
}

TEST(MediaTypeTest, TheDefaultListCanBeConfigured) {
  for (const std::string& type : DefaultMediaTypes()) {
    EXPECT_TRUE(IsCarriedMediaType(type)) << type;
  }
}

TEST(MediaTypeTest, ProgramsArchivesAndPagesCannotBePutOnTheList) {
  EXPECT_TRUE(IsCarriedMediaType("image/heic"));
  for (const char* type :
       {"application/zip", "application/x-msdownload", "text/html",
        "text/javascript", "image/svg+xml", "application/octet-stream",
        "image/", "image/jpeg; q=1", "IMAGE/JPEG", "*/*", ""}) {
    EXPECT_FALSE(IsCarriedMediaType(type)) << type;
  }
}

TEST(MediaTypeTest, TakesDocumentsThatBeginAsTheirType) {
  EXPECT_TRUE(CheckSignature("image/jpeg", "\xff\xd8\xff\xe0 ...").ok());
  EXPECT_TRUE(CheckSignature("image/png", kPng).ok());
  EXPECT_TRUE(CheckSignature("application/pdf", "%PDF-1.7").ok());
  EXPECT_TRUE(CheckSignature("video/mp4", kMp4).ok());
  EXPECT_TRUE(CheckSignature("audio/mpeg", "ID3\x04").ok());
  EXPECT_TRUE(CheckSignature("text/plain", "MZ was seen by the nurse").ok());
}

TEST(MediaTypeTest, RefusesDocumentsOfAnotherType) {
  ExpectRefused("image/jpeg", kPng);
  ExpectRefused("image/png", "\x89PNG");
  ExpectRefused("application/pdf", " %PDF-1.7");
  ExpectRefused("video/mp4", "fty");
}

TEST(MediaTypeTest, RefusesProgramsArchivesAndPagesUnderOtherNames) {
  const std::string program("MZ\x90\0\x03", 5);
  ExpectRefused("audio/mpeg", program);
  ExpectRefused("text/plain", program);
  ExpectRefused("audio/mpeg", "PK\x03\x04");
  ExpectRefused("image/heic",
                "\x7f"
                "ELF");
  ExpectRefused("text/plain", "#!/bin/sh");
  ExpectRefused("text/plain", "\xef\xbb\xbf \n<HTML><body>");
  ExpectRefused("text/plain", std::string("UTF-16\0", 7));
}

}  // namespace
}  // namespace baton
