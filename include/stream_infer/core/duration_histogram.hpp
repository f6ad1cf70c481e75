#pragma once

#include "stream_infer/core/media_time.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace stream_infer {

/// Counts durations, so that their quantiles can be told to within 1/32, in fixed memory: buckets that grow with what they
/// hold, as in HdrHistogram (G. Tene). Up to 19 hours, in microseconds. One thread.
class DurationHistogram {
 public:
  void add(MediaTime duration) noexcept {
    const std::int64_t microseconds = duration.count() <= 0 ? 0 : duration.count() / 1000;
    ++counts_[bucket_of(static_cast<std::uint64_t>(microseconds))];
    ++count_;
    if (duration > longest_) longest_ = duration;
  }

  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  [[nodiscard]] MediaTime longest() const noexcept { return longest_; }

  /// The duration that this share of them does not exceed; 0 if there are none. \param share  from 0 to 1
  [[nodiscard]] MediaTime quantile(double share) const noexcept {
    const double wanted = share * static_cast<double>(count_);
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (counts_[i] == 0 || static_cast<double>(seen) < wanted) continue;
      const MediaTime end{static_cast<MediaTime::rep>(end_of(i)) * 1000};
      return end < longest_ ? end : longest_;
    }
    return longest_;
  }

 private:
  static constexpr unsigned most_bits = 36;  // of microseconds
  static constexpr std::uint64_t part = 32;  // buckets for each power of two
  static constexpr std::size_t buckets = (most_bits - 4) * part;

  static constexpr std::size_t bucket_of(std::uint64_t value) noexcept {
    constexpr std::uint64_t most = (std::uint64_t{1} << most_bits) - 1;
    if (value > most) value = most;
    if (value < 2 * part) return static_cast<std::size_t>(value);
    const auto shift = static_cast<unsigned>(std::bit_width(value)) - 6;  // leaves a number from 32 to 63
    return static_cast<std::size_t>(shift * part + (value >> shift));
  }

  /// The first value that is too large for it.
  static constexpr std::uint64_t end_of(std::size_t bucket) noexcept {
    if (bucket < 2 * part) return bucket + 1;
    const std::uint64_t shift = bucket / part - 1;
    return (bucket - shift * part + 1) << shift;
  }

  std::array<std::uint64_t, buckets> counts_{};
  std::uint64_t count_ = 0;
  MediaTime longest_{};
};

}  // namespace stream_infer
