#include "services/cli/environment_tag.h"

#include "absl/strings/str_cat.h"
#include "services/cli/output.h"
#include "services/common/environment.h"

namespace baton::cli {

EnvironmentTag::EnvironmentTag(v1::Environment environment, std::ostream* out)
    : field_(absl::StrCat("\"environment\":",
                          JsonString(EnvironmentName(environment)))),
      out_(out),
      stream_(this) {}

EnvironmentTag::int_type EnvironmentTag::overflow(int_type c) {
  if (c == traits_type::eof()) return traits_type::not_eof(c);
  Pass(static_cast<char>(c));
  return out_->good() ? c : traits_type::eof();
}

int EnvironmentTag::sync() {
  out_->flush();
  return out_->good() ? 0 : -1;
}

void EnvironmentTag::Pass(char c) {
  if (tagged_) {
    if (c != '}') out_->put(',');
    tagged_ = false;
  }
  out_->put(c);
  if (in_text_) {
    in_text_ = escaped_ || c != '"';
    escaped_ = !escaped_ && c == '\\';
    return;
  }
  in_text_ = c == '"';
  if (c == '}') --depth_;
  if (c == '{' && depth_++ == 0) {
    *out_ << field_;
    tagged_ = true;
  }
}

}  // namespace baton::cli
