#include "support/media.hpp"

#include "support/catch.hpp"

#include <filesystem>

namespace stream_infer::test {

std::string clip_path() { return STREAM_INFER_TEST_CLIP; }

std::optional<std::string> real_clip_path(std::string_view name) {
  const std::filesystem::path path = std::filesystem::path{STREAM_INFER_MEDIA_DIR} / name;
  if (std::filesystem::exists(path)) return path.string();
  WARN("skipped: there is no " << path.string() << " (STREAM_INFER_MEDIA_DIR sets the folder)");
  return std::nullopt;
}

}  // namespace stream_infer::test
