#pragma once

#include "stream_infer/core/min_max.hpp"
#include "stream_infer/ffmpeg/compat.hpp"

#include <cstddef>
#include <cstdint>

namespace stream_infer::ffmpeg::detail {

/// A look at bytes that somebody else owns, part of which another may be taken of, never more than there are. (Of
/// std::span, its conversions and iterators cost each including file more than all that is read through this.)
class Bytes {
 public:
  Bytes() = default;
  Bytes(const std::uint8_t* data, std::size_t size) : data_{data}, size_{size} {}

  [[nodiscard]] const std::uint8_t* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] std::uint8_t operator[](std::size_t i) const { return data_[i]; }
  [[nodiscard]] std::uint8_t back() const { return data_[size_ - 1]; }

  [[nodiscard]] Bytes first(std::size_t count) const { return {data_, stream_infer::detail::min(count, size_)}; }
  [[nodiscard]] Bytes from(std::size_t at) const {
    const std::size_t skipped = stream_infer::detail::min(at, size_);
    return {data_ + skipped, size_ - skipped};
  }

 private:
  const std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
};

[[nodiscard]] inline Bytes bytes_of(const std::uint8_t* data, int size) {
  return {data, data == nullptr || size < 0 ? 0 : static_cast<std::size_t>(size)};
}
[[nodiscard]] inline Bytes bytes_of(const AVPacket& packet) { return bytes_of(packet.data, packet.size); }

}  // namespace stream_infer::ffmpeg::detail
