#include <stream_infer/stream_infer.hpp>

#include <string>
#include <string_view>

std::string_view what_a_missing_file_gives() try {
  static_cast<void>(stream_infer::FFmpegProducer{{}}.open("no-such-file.mp4", {}));
  return {};
} catch (const stream_infer::Error& error) {
  static const std::string what = error.what();
  return what;
}
