#include "stream_infer/ffmpeg/log.hpp"

#include "ffmpeg/clips.hpp"
#include "ffmpeg/reference.hpp"
#include "support/capture_stderr.hpp"
#include "support/catch.hpp"
#include "support/files.hpp"

#include <cstdlib>
#include <filesystem>
#include <string>

using namespace stream_infer;

namespace {

/// Runs one of the hidden cases below in a process of its own: FFmpeg's log level is one for the whole process.
bool passes_alone(const std::string& name) {
  const std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
  return std::system(("'" + program + "' '" + name + "' >/dev/null").c_str()) == 0;
}

/// A file with something to complain about.
std::string damaged_clip(const test::TemporaryFolder& folder) {
  test::Bytes file = test::read_file(test::path_of("pyramid.ts"));
  for (std::size_t i = 3000; i < file.size(); i += 97) file[i] ^= 0x55;
  return folder.file("damaged.ts", file);
}

}  // namespace

TEST_CASE("FFmpeg is quiet, unless the user wants to hear it", "[ffmpeg][log]") {
  CHECK(passes_alone("The default level becomes quiet"));
  CHECK(passes_alone("A level set before stays"));
  CHECK(passes_alone("A level set after stays"));
}

TEST_CASE("The default level becomes quiet", "[.][log]") {
  REQUIRE(av_log_get_level() == AV_LOG_INFO);
  const test::TemporaryFolder folder;
  const std::string clip = damaged_clip(folder);
  const std::string no_index = folder.file("cut.mp4", test::Bytes(1000, 0));
  test::CaptureStderr capture;
  static_cast<void>(test::prints_of(clip));
  CHECK_THROWS_AS(test::prints_of(no_index), Error);
  CHECK_THROWS_AS(test::prints_of("lavfi:no_such_filter"), Error);
  const std::string said = capture.text();
  CHECK(said.empty());
  CHECK(av_log_get_level() == AV_LOG_QUIET);
}

TEST_CASE("A level set before stays", "[.][log]") {
  av_log_set_level(AV_LOG_ERROR);
  const test::TemporaryFolder folder;
  const std::string clip = damaged_clip(folder);
  test::CaptureStderr capture;
  static_cast<void>(test::prints_of(clip, {.threads = 1}));
  const std::string said = capture.text();
  CHECK_FALSE(said.empty());
  CHECK(av_log_get_level() == AV_LOG_ERROR);
}

TEST_CASE("A level set after stays", "[.][log]") {
  ffmpeg::quiet_log_once();
  av_log_set_level(AV_LOG_INFO);
  ffmpeg::quiet_log_once();
  CHECK(av_log_get_level() == AV_LOG_INFO);
}
