#pragma once

#include "stream_infer/core/clock.hpp"
#include "stream_infer/core/media_time.hpp"

#include <stop_token>
#include <utility>

namespace stream_infer {

/// Keeps a stream's pace: media time goes by as the clock does, from the first frame on. A frame that comes late is
/// played at once, and the pace is kept from where it was. A gap longer than `longest_gap` is not waited for (recordings
/// jump, clocks of cameras are set). A live source sets its own pace: its frames never wait.
template <Clock C>
class Pacer {
 public:
  static constexpr MediaTime longest_gap{60'000'000'000};  ///< one minute

  Pacer(C clock, bool live) : clock_{std::move(clock)}, live_{live} {}

  /// Sleeps until a frame at `time` is to be played. Returns false if `stop` is requested before that.
  [[nodiscard]] bool wait(MediaTime time, const std::stop_token& stop) {
    if (live_) return !stop.stop_requested();
    if (!started_ || time - previous_ > longest_gap) offset_ = clock_.now() - time;
    started_ = true;
    previous_ = time;
    return clock_.sleep_until(offset_ + time, stop);
  }

 private:
  C clock_;
  bool live_;
  bool started_ = false;
  MediaTime previous_{};  // of the frame before
  MediaTime offset_{};    // of the clock's time from media time
};

}  // namespace stream_infer
