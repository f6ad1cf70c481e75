// With FFmpeg, from two translation units.
#include <stream_infer/stream_infer.hpp>

#include <string_view>

std::string_view what_a_missing_file_gives();

int main() {
  return what_a_missing_file_gives().find("no-such-file.mp4") != std::string_view::npos &&
                 stream_infer::version_major >= 0
             ? 0
             : 1;
}
