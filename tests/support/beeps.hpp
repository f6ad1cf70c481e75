#pragma once

#include "stream_infer/core/media_time.hpp"
#include "support/catch.hpp"
#include "support/files.hpp"
#include "support/media.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace stream_infer::test {

/// 6 s of 25 pictures a second, with a beep at each full second, of which check_beeps() can tell whether it is in time.
[[nodiscard]] inline std::string make_beeps(const std::string& name) {
  return make_media(
      "-f lavfi -i testsrc2=size=160x96:rate=25 -f lavfi -i "
      "\"aevalsrc=if(lt(mod(t\\,1)\\,0.1)\\,0.8*sin(2000*t)\\,0):s=44100\" -t 6 "
      "-pix_fmt yuv420p -c:v libx264 -g 25 -c:a aac",
      name);
}

/// Checks the sound of a file that was made of it. \param begin  where it begins in that \param length  of the file
inline void check_beeps(const std::string& path, MediaTime begin, MediaTime length) {
  const std::string wave = path + ".wav";
  run_ffmpeg("-i " + path + " -vn -ar 8000 -c:a pcm_s16le " + wave);
  const Bytes bytes = read_file(wave);
  const std::size_t samples = (bytes.size() - 78) / 2;
  CHECK(std::abs(static_cast<double>(samples) / 8000 - to_seconds(length)) < 0.2);
  double loud = 0, silent = 0;
  for (std::size_t i = 0; i < samples; ++i) {
    const auto value = static_cast<std::int16_t>(bytes[78 + 2 * i] | bytes[78 + 2 * i + 1] << 8);
    const double phase = std::fmod(static_cast<double>(i) / 8000 + to_seconds(begin), 1.0);
    (phase < 0.15 || phase > 0.95 ? loud : silent) += std::abs(static_cast<double>(value));
  }
  CHECK(loud > 4 * silent);  // although it is a fifth of the time
}

}  // namespace stream_infer::test
