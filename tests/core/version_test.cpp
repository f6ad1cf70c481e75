#include "stream_infer/version.hpp"

#include "support/catch.hpp"

#include <string>

TEST_CASE("the version that CMake read is the header's") {
  const std::string version = std::to_string(stream_infer::version_major) + '.' +
                              std::to_string(stream_infer::version_minor) + '.' +
                              std::to_string(stream_infer::version_patch);
  CHECK(version == STREAM_INFER_CMAKE_VERSION);
}
