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

/// Whether a unit of supplemental enhancement information has a message of a kind. Its header is passed already.
[[nodiscard]] inline bool has_message(Bytes unit, unsigned kind) {
  std::size_t at = 0;
  int zeros = 0;
  const auto next = [&]() -> unsigned {
    if (zeros == 2 && at < unit.size() && unit[at] == 3) ++at, zeros = 0;  // put in so that it is no start code
    if (at >= unit.size()) return 0;
    const unsigned byte = unit[at++];
    zeros = byte == 0 ? zeros + (zeros < 2 ? 1 : 0) : 0;
    return byte;
  };
  const auto number = [&] {
    unsigned sum = 0, byte = 255;
    while (byte == 255) sum += byte = next();
    return sum;
  };
  while (at + 1 < unit.size()) {  // the last byte ends it
    if (number() == kind) return true;
    for (unsigned size = number(); size > 0 && at < unit.size(); --size) next();
  }
  return false;
}

inline constexpr unsigned film_grain = 19;  // a message's kind; ITU-T H.274

/// Counts the parameter sets of a packet: more than any stream has, or larger ones, are not kept.
class SetCount {
 public:
  void add(Bytes unit) {
    ++units_;
    bytes_ += unit.size();
  }
  [[nodiscard]] bool too_many() const { return units_ > 512 || bytes_ > (64U << 10); }

 private:
  std::size_t units_ = 0;
  std::size_t bytes_ = 0;
};

/// Appends each unit of `packet` that is one of `sets`; one that is among them already moves to the end, for a later one
/// may have taken its place. Returns false, and has not kept all, if there are too many.
template <class IsParameterSet>
[[nodiscard]] bool keep_units(Bytes packet, std::size_t length_size, IsParameterSet is_parameter_set,
                              std::string& sets) {
  const auto append = [length_size](std::string& to, Bytes unit) {
    for (std::size_t i = length_size == 0 ? 3 : length_size; i > 0; --i)
      to.push_back(static_cast<char>(length_size != 0 ? unit.size() >> (8 * (i - 1)) & 0xff : i == 1 ? 1U : 0U));
    to.append(reinterpret_cast<const char*>(unit.data()), unit.size());
  };
  NalUnits units{packet, length_size};
  for (Bytes unit = units.next(); !unit.empty(); unit = units.next()) {
    if (!is_parameter_set(unit)) continue;
    std::string others;
    SetCount count;
    count.add(unit);
    NalUnits known{{reinterpret_cast<const std::uint8_t*>(sets.data()), sets.size()}, length_size};
    for (Bytes old = known.next(); !old.empty(); old = known.next()) {
      if (old.size() == unit.size() && std::memcmp(old.data(), unit.data(), unit.size()) == 0) continue;
      append(others, old);
      count.add(old);
    }
    if (count.too_many()) return false;
    append(others, unit);
    sets = std::move(others);
  }
  return true;
}

}  // namespace stream_infer::ffmpeg::detail
