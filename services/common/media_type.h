#ifndef BATON_SERVICES_COMMON_MEDIA_TYPE_H_
#define BATON_SERVICES_COMMON_MEDIA_TYPE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

// What kinds of document the exchange carries: pictures, sound, film, plain
// text and PDF. Never programs, archives or pages, whatever they are called.
// Pure functions.
namespace baton {

// The allow-list of an exchange that configures none.
std::vector<std::string> DefaultMediaTypes();

// True for types an operator may put on the list: image/..., audio/...,
// video/... (but no SVG, which can hold programs), text/plain and
// application/pdf, in lower case and without parameters.
bool IsCarriedMediaType(absl::string_view media_type);

// OK when a document that begins with `first_bytes` may be of `media_type`: it
// has the signature of its type where that is known, and otherwise not that of
// a program, an archive or a page; plain text has no zero bytes.
// INVALID_ARGUMENT with reason ATTACHMENT_TYPE says which.
absl::Status CheckSignature(absl::string_view media_type,
                            absl::string_view first_bytes);

}  // namespace baton

#endif  // BATON_SERVICES_COMMON_MEDIA_TYPE_H_
