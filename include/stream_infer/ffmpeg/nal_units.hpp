#pragma once

#include "stream_infer/ffmpeg/bytes.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

namespace stream_infer::ffmpeg::detail {

/// Walks through the network abstraction layer units of a packet of H.264 or HEVC.
class NalUnits {
 public:
  /// \param length_size  the bytes of the length before each unit; 0 where start codes divide them
  NalUnits(Bytes data, std::size_t length_size) : rest_{data}, length_size_{length_size} {
    if (length_size_ == 0) skip_to_start_code();
  }

  /// The next unit that is not empty, or an empty one at the end, also where the lengths make no sense.
  Bytes next() {
    Bytes unit;
    while (unit.empty() && !rest_.empty() && !broken_)
      unit = length_size_ == 0 ? up_to_start_code() : as_long_as_said();
    return unit;
  }

  [[nodiscard]] bool broken() const { return broken_; }

 private:
  Bytes as_long_as_said() {
    std::size_t length = 0;
    if (rest_.size() >= length_size_)
      for (std::size_t i = 0; i < length_size_; ++i) length = length << 8 | rest_[i];
    if (rest_.size() < length_size_ || length > rest_.size() - length_size_) {
      broken_ = true;
      return {};
    }
    const Bytes unit = rest_.from(length_size_).first(length);
    rest_ = rest_.from(length_size_ + length);
    return unit;
  }

  Bytes up_to_start_code() {
    const std::size_t end = find_start_code();
    const Bytes unit = rest_.first(end);
    rest_ = rest_.from(end);
    skip_to_start_code();
    return unit;
  }

  void skip_to_start_code() { rest_ = rest_.from(find_start_code() + 3); }

  [[nodiscard]] std::size_t find_start_code() const {
    for (std::size_t i = 0; i + 3 <= rest_.size(); ++i) {
      if (rest_[i + 2] > 1)
        i += 2;  // no start code has this byte
      else if (rest_[i] == 0 && rest_[i + 1] == 0 && rest_[i + 2] == 1)
        return i;
    }
    return rest_.size();
  }

  Bytes rest_;
  std::size_t length_size_;
  bool broken_ = false;
};

/// Appends each unit of `packet` that is one of `sets`; one that is among them already moves to the end, for a later one
/// may have taken its place.
template <class IsParameterSet>
void keep_units(Bytes packet, std::size_t length_size, IsParameterSet is_parameter_set, std::string& sets) {
  const auto append = [length_size](std::string& to, Bytes unit) {
    for (std::size_t i = length_size == 0 ? 3 : length_size; i > 0; --i)
      to.push_back(static_cast<char>(length_size != 0 ? unit.size() >> (8 * (i - 1)) & 0xff : i == 1 ? 1U : 0U));
    to.append(reinterpret_cast<const char*>(unit.data()), unit.size());
  };
  NalUnits units{packet, length_size};
  for (Bytes unit = units.next(); !unit.empty(); unit = units.next()) {
    if (!is_parameter_set(unit)) continue;
    std::string others;
    NalUnits known{{reinterpret_cast<const std::uint8_t*>(sets.data()), sets.size()}, length_size};
    for (Bytes old = known.next(); !old.empty(); old = known.next())
      if (old.size() != unit.size() || std::memcmp(old.data(), unit.data(), unit.size()) != 0) append(others, old);
    append(others, unit);
    sets = std::move(others);
  }
}

}  // namespace stream_infer::ffmpeg::detail
