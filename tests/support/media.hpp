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

}  // namespace stream_infer::test
