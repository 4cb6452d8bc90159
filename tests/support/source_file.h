#ifndef BATON_TESTS_SUPPORT_SOURCE_FILE_H_
#define BATON_TESTS_SUPPORT_SOURCE_FILE_H_

#include <string>

namespace baton {

// The absolute name of a file of the project, "deploy/make-certs".
std::string SourceFile(const std::string& path);

}  // namespace baton

#endif  // BATON_TESTS_SUPPORT_SOURCE_FILE_H_
