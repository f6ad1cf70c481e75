#pragma once

#include "stream_infer/core/frame_pool.hpp"

#include <chrono>
#include <cstdint>
#include <cstring>

/// Frames that tell by index, time and every pixel which one they are.
namespace stream_infer::test {

inline constexpr ImageSpec numbered_spec{.width = 24, .height = 4, .format = PixelFormat::gray8};

[[nodiscard]] inline MediaTime numbered_time(std::uint64_t index) {
  return std::chrono::milliseconds{40} * static_cast<std::int64_t>(index);
}

inline void write_number(ImageSpan out, std::uint64_t index) {
  for (int y = 0; y < out.height; ++y)
    for (std::size_t x = 0; x + sizeof index <= out.row(y).size(); x += sizeof index)
      std::memcpy(out.row(y).data() + x, &index, sizeof index);
}

/// Frame `index` as the player would publish it.
[[nodiscard]] inline Frame numbered_frame(FramePool<>& pool, std::uint64_t index) {
  Frame frame = pool.make(numbered_spec, numbered_time(index), [index](ImageSpan out) { write_number(out, index); });
  detail::FrameAccess::number(frame, index, Timing{.time = numbered_time(index)});
  return frame;
}

/// Whether index, time and all pixels are those of frame `index`.
[[nodiscard]] inline bool is_numbered(const Frame& frame, std::uint64_t index) {
  if (!frame || frame.index() != index || frame.time() != numbered_time(index)) return false;
  const ImageView image = frame.image();
  if (image.spec() != numbered_spec) return false;
  for (int y = 0; y < image.height; ++y) {
    for (std::size_t x = 0; x + sizeof index <= image.row(y).size(); x += sizeof index) {
      std::uint64_t written = 0;
      std::memcpy(&written, image.row(y).data() + x, sizeof written);
      if (written != index) return false;
    }
  }
  return true;
}

}  // namespace stream_infer::test
