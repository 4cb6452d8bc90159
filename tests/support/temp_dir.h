#ifndef BATON_TESTS_SUPPORT_TEMP_DIR_H_
#define BATON_TESTS_SUPPORT_TEMP_DIR_H_

#include <string>

namespace baton {

// A directory that lives as long as this object.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const {
    return path_ + "/" + name;
  }

 private:
  std::string path_;
};

}  // namespace baton

#endif  // BATON_TESTS_SUPPORT_TEMP_DIR_H_
