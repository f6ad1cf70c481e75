#pragma once

#include "support/catch.hpp"
#include "support/media.hpp"

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

/// Small clips in every codec and container that tests of decoding go through: 96x64, 50 frames, 25 a second.
namespace stream_infer::test {

/// A clip, and how ffmpeg makes it from the pattern.
struct Clip {
  std::string_view name;
  std::string_view arguments;
};

inline constexpr std::string_view test_pattern = "-f lavfi -i testsrc2=size=96x64:rate=25:duration=2 ";

// clang-format off
inline const std::vector<Clip> clips{
    {"baseline.mp4", "-pix_fmt yuv420p -c:v libx264 -profile:v baseline -g 20"},
    {"pyramid.mp4", "-pix_fmt yuv420p -c:v libx264 -bf 3 -x264-params b-pyramid=normal:keyint=20:scenecut=0"},
    {"pyramid.mkv", "-pix_fmt yuv420p -c:v libx264 -bf 3 -x264-params b-pyramid=normal:keyint=20:scenecut=0"},
    {"pyramid.ts", "-pix_fmt yuv420p -c:v libx264 -bf 3 -x264-params b-pyramid=normal:keyint=20:scenecut=0"},
    {"pyramid.avi", "-pix_fmt yuv420p -c:v libx264 -bf 3 -x264-params b-pyramid=normal:keyint=20:scenecut=0"},
    {"pyramid.flv", "-pix_fmt yuv420p -c:v libx264 -bf 3 -x264-params b-pyramid=normal:keyint=20:scenecut=0"},
    {"pyramid.h264", "-pix_fmt yuv420p -c:v libx264 -bf 3 -x264-params b-pyramid=normal:keyint=20:scenecut=0"},
    {"fragments.mp4", "-pix_fmt yuv420p -c:v libx264 -bf 3 -g 20 -movflags frag_keyframe"},
    {"open_gop.mp4", "-pix_fmt yuv420p -c:v libx264 -bf 3 -x264-params open-gop=1:keyint=20:min-keyint=20:scenecut=0"},
    {"open_gop.ts", "-pix_fmt yuv420p -c:v libx264 -bf 3 -x264-params open-gop=1:keyint=20:min-keyint=20:scenecut=0"},
    {"refresh.mp4", "-pix_fmt yuv420p -c:v libx264 -x264-params intra-refresh=1:keyint=12:bframes=0"},
    {"refresh.ts", "-pix_fmt yuv420p -c:v libx264 -x264-params intra-refresh=1:keyint=12:bframes=0"},
    {"sliced.mp4", "-pix_fmt yuv420p -c:v libx264 -x264-params slices=4:sliced-threads=1:keyint=20"},
    {"interlaced.ts", "-pix_fmt yuv420p -c:v libx264 -x264-params tff=1:keyint=20 -flags +ildct+ilme"},
    {"ten_bit.mkv", "-pix_fmt yuv420p10le -c:v libx264 -g 20"},
    {"open_gop_h265.mp4", "-pix_fmt yuv420p -c:v libx265 -x265-params log-level=none:keyint=20:min-keyint=20:open-gop=1:bframes=4"},
    {"closed_gop_h265.mkv", "-pix_fmt yuv420p -c:v libx265 -x265-params log-level=none:keyint=20:min-keyint=20:open-gop=0:bframes=4"},
    {"h265.ts", "-pix_fmt yuv420p -c:v libx265 -x265-params log-level=none:keyint=20:min-keyint=20:bframes=4"},
    {"vp8.webm", "-pix_fmt yuv420p -c:v libvpx -g 20 -auto-alt-ref 1 -lag-in-frames 16 -b:v 200k"},
    {"vp9_alt_ref.webm", "-pix_fmt yuv420p -c:v libvpx-vp9 -g 20 -auto-alt-ref 1 -lag-in-frames 16 -cpu-used 5 -b:v 200k"},
    {"vp9.mp4", "-pix_fmt yuv420p -c:v libvpx-vp9 -g 20 -deadline realtime -cpu-used 8 -b:v 200k"},
    {"av1.mkv", "-pix_fmt yuv420p -c:v libaom-av1 -cpu-used 8 -g 20 -usage realtime"},
    {"av1.mp4", "-pix_fmt yuv420p -c:v libaom-av1 -cpu-used 8 -g 20 -lag-in-frames 16"},
    {"mpeg1.mpg", "-pix_fmt yuv420p -c:v mpeg1video -bf 2 -g 12"},
    {"mpeg2.mpg", "-pix_fmt yuv420p -c:v mpeg2video -bf 2 -g 12"},
    {"mpeg2.ts", "-pix_fmt yuv420p -c:v mpeg2video -bf 2 -g 12"},
    {"mpeg2.mkv", "-pix_fmt yuv420p -c:v mpeg2video -bf 2 -g 12"},
    {"mpeg4.mp4", "-pix_fmt yuv420p -c:v mpeg4 -bf 2 -g 12"},
    {"mpeg4.avi", "-pix_fmt yuv420p -c:v mpeg4 -bf 2 -g 12"},
    {"mpeg4.mkv", "-pix_fmt yuv420p -c:v mpeg4 -bf 2 -g 12"},
    {"wmv2.asf", "-pix_fmt yuv420p -c:v wmv2 -g 12"},
    {"theora.ogv", "-pix_fmt yuv420p -c:v libtheora -g 12"},
    {"mjpeg.avi", "-pix_fmt yuvj420p -c:v mjpeg"},
    {"prores.mov", "-pix_fmt yuv422p10le -c:v prores_ks"},
    {"ffv1.mkv", "-pix_fmt yuv420p -c:v ffv1 -g 10"},
    {"palette.gif", "-pix_fmt rgb8"},
    {"palette.avi", "-pix_fmt pal8 -c:v rawvideo"},
    {"alpha.mov", "-pix_fmt rgba -c:v png"},
};
// clang-format on

/// The clip's path; nothing, said aloud, where this ffmpeg has no such encoder.
[[nodiscard]] inline std::optional<std::string> path_of(const Clip& clip, std::string_view source = test_pattern) {
  try {
    return make_media(std::string{source} + std::string{clip.arguments}, std::string{clip.name});
  } catch (const std::runtime_error& error) {
    if (std::string_view{error.what()}.find("Unknown encoder") == std::string_view::npos) throw;
    WARN("skipped: this ffmpeg cannot encode " << clip.name);
    return std::nullopt;
  }
}

/// The clip of that name.
[[nodiscard]] inline const Clip& find_clip(std::string_view name, const std::vector<Clip>& among = clips) {
  for (const Clip& clip : among)
    if (clip.name == name) return clip;
  throw std::runtime_error{"no clip is called " + std::string{name}};
}

[[nodiscard]] inline std::string path_of(std::string_view name) { return path_of(find_clip(name)).value(); }

}  // namespace stream_infer::test
