#pragma once

#include "stream_infer/core/clock.hpp"
#include "stream_infer/core/media_time.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

namespace stream_infer {

/// Tells how far a realtime play has fallen behind: how long ago a frame at some media time ought to have been played. 0
/// while that is not known: before the first frame, and always on a live source. Copies tell the same; any thread, also
/// when the play is over.
template <Clock C>
class Lateness {
 public:
  explicit Lateness(C clock) : clock_{std::move(clock)} {}

  /// Media time `t` is to be played when the clock shows `offset + t`.
  void set_offset(MediaTime offset) { offset_->store(offset.count(), std::memory_order_relaxed); }  // a lone value

  [[nodiscard]] MediaTime operator()(MediaTime time) const {
    const std::int64_t offset = offset_->load(std::memory_order_relaxed);
    return offset == unknown ? MediaTime{0} : clock_.now() - MediaTime{offset} - time;
  }

 private:
  static constexpr std::int64_t unknown = INT64_MIN;

  C clock_;
  std::shared_ptr<std::atomic<std::int64_t>> offset_ = std::make_shared<std::atomic<std::int64_t>>(unknown);
};

}  // namespace stream_infer
