#pragma once

#include "stream_infer/core/media_time.hpp"

#include <chrono>
#include <concepts>
#include <condition_variable>
#include <mutex>
#include <stop_token>

namespace stream_infer {

/// What a realtime play goes by.
///
/// 1. `now()` is the time since any fixed point and never goes back. Any thread.
/// 2. `sleep_until(time, stop)` returns true once `now() >= time`, or false as soon as `stop` is requested. It is called
///    only between begin_work() and end_work() of the calling thread.
/// 3. `begin_work()` … `end_work()` enclose what takes no time on a clock that is driven by hand: such a clock stands
///    still until everybody who works has ended it or sleeps. They nest like a counter and may be called from different
///    threads. A clock that runs by itself does nothing.
/// 4. `settle(stop)`, called while working, waits until nobody else works, or `stop` is requested. A clock that runs by
///    itself returns at once.
///
/// Clocks are copied freely: a copy shows the same time.
template <class C>
concept Clock = std::copyable<C> && requires(C& clock, const C& view, MediaTime time, const std::stop_token& stop) {
  { view.now() } -> std::same_as<MediaTime>;
  { clock.sleep_until(time, stop) } -> std::same_as<bool>;
  clock.begin_work();
  clock.end_work();
  clock.settle(stop);
};

/// The machine's monotonic clock. It does not notice when the wall clock is set.
class SteadyClock {
 public:
  [[nodiscard]] MediaTime now() const {
    return std::chrono::duration_cast<MediaTime>(std::chrono::steady_clock::now().time_since_epoch());
  }

  bool sleep_until(MediaTime time, const std::stop_token& stop) {
    const std::chrono::steady_clock::time_point deadline{
        std::chrono::duration_cast<std::chrono::steady_clock::duration>(time)};
    if (std::chrono::steady_clock::now() >= deadline) return !stop.stop_requested();
    std::mutex mutex;
    std::condition_variable stopped;  // not condition_variable_any: that one allocates
    const std::stop_callback wake{stop, [&] {
                                    { const std::lock_guard lock{mutex}; }
                                    stopped.notify_all();
                                  }};
    std::unique_lock lock{mutex};
    stopped.wait_until(lock, deadline, [&] { return stop.stop_requested(); });
    return !stop.stop_requested();
  }

  void begin_work() noexcept {}
  void end_work() noexcept {}
  void settle(const std::stop_token&) noexcept {}
};

static_assert(Clock<SteadyClock>);

}  // namespace stream_infer
