#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace stream_infer::test {

/// The generated clip: 320x180, 250 frames at 25 fps, H.264 with B-frames, a key frame every 50 frames. ctest makes it
/// before the tests that need it; to run a test by hand, run `ctest -R '^clip$'` once.
[[nodiscard]] std::string clip_path();

/// A real clip's path, for example "car-detection.mp4"; nothing where the folder of real clips is absent, in which case
/// it says so in the test's output: `const auto path = real_clip_path("…"); if (!path) return;`
[[nodiscard]] std::optional<std::string> real_clip_path(std::string_view name);

/// What `ffmpeg <arguments> <name>` makes, as a path in the build folder. It is made once for all test programs, also for
/// those that run at the same time, and made again when the arguments change. `name` may be that of an image sequence.
/// \throws std::runtime_error  with what ffmpeg said
[[nodiscard]] std::string make_media(const std::string& arguments, const std::string& name);

/// Runs `ffmpeg <arguments>`. \throws std::runtime_error  with what ffmpeg said
void run_ffmpeg(const std::string& arguments);

}  // namespace stream_infer::test
