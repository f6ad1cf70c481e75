#include "stream_infer/ffmpeg/error.hpp"

#include "support/catch.hpp"

#include <cerrno>
#include <string>
#include <system_error>

using Catch::Matchers::ContainsSubstring;
using stream_infer::Error;
using stream_infer::ffmpeg_category;
using stream_infer::ffmpeg::make_error;

TEST_CASE("FFmpeg's codes have a category with FFmpeg's own words", "[ffmpeg][error]") {
  CHECK(std::string{ffmpeg_category().name()} == "ffmpeg");
  CHECK(&ffmpeg_category() == &ffmpeg_category());
  CHECK(ffmpeg_category().message(AVERROR_EOF) == "End of file");
  CHECK(ffmpeg_category().message(AVERROR_INVALIDDATA) == "Invalid data found when processing input");
  CHECK(ffmpeg_category().message(AVERROR(ENOENT)) == "No such file or directory");
  CHECK_FALSE(ffmpeg_category().message(-987654321).empty());
  CHECK_FALSE(ffmpeg_category().message(0).empty());
}

TEST_CASE("Codes that stand for an errno compare equal to it", "[ffmpeg][error]") {
  const std::error_code missing{AVERROR(ENOENT), ffmpeg_category()};
  CHECK(missing == std::errc::no_such_file_or_directory);
  CHECK(missing != std::errc::permission_denied);
  CHECK(std::error_code{AVERROR(EACCES), ffmpeg_category()} == std::errc::permission_denied);
  CHECK(std::error_code{AVERROR(ECONNREFUSED), ffmpeg_category()} == std::errc::connection_refused);
}

TEST_CASE("Codes of FFmpeg's own are no errno", "[ffmpeg][error]") {
  for (const int code :
       {AVERROR_EOF, AVERROR_INVALIDDATA, AVERROR_EXIT, AVERROR_EXPERIMENTAL, AVERROR_HTTP_NOT_FOUND}) {
    const std::error_condition condition = ffmpeg_category().default_error_condition(code);
    CHECK(condition.category() == ffmpeg_category());
    CHECK(condition.value() == code);
  }
}

TEST_CASE("An error of FFmpeg names the step, the source, FFmpeg's words and ours", "[ffmpeg][error]") {
  const Error plain = make_error(AVERROR(ENOENT), "open", "a.mp4");
  CHECK(plain.code() == std::error_code{AVERROR(ENOENT), ffmpeg_category()});
  CHECK(plain.step() == "open");
  CHECK(plain.source() == "a.mp4");
  CHECK(std::string{plain.what()} == "open 'a.mp4': No such file or directory");

  const Error explained = make_error(AVERROR_INVALIDDATA, "open", "a.mp4", "the file is empty");
  CHECK_THAT(explained.what(), ContainsSubstring("Invalid data") && ContainsSubstring("(the file is empty)"));
  CHECK(explained.reason() == "Invalid data found when processing input (the file is empty)");
}
