#pragma once

#include "stream_infer/core/media_time.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>

namespace stream_infer::ffmpeg {

/// What FFmpeg asks, in whatever it waits for, to know whether to give up: because somebody said so, or because a deadline
/// has passed. FFmpeg asks about ten times a second while it waits, on the thread that waits.
class Interrupt {
 public:
  using Clock = std::chrono::steady_clock;

  /// Any thread. It stays requested.
  void request() { requested_.store(true, std::memory_order_relaxed); }  // a lone flag, as are the others
  [[nodiscard]] bool requested() const { return requested_.load(std::memory_order_relaxed); }
  [[nodiscard]] const std::atomic<bool>& flag() const { return requested_; }

  /// What FFmpeg waits for from now on is over after `time`; after `notice`, `listener` hears that it still waits, once, on
  /// the thread that waits. 0, or more than a century: never.
  void expect_within(MediaTime time, MediaTime notice = {}) {
    timed_out_.store(false, std::memory_order_relaxed);
    notice_.store(moment_after(notice), std::memory_order_relaxed);
    deadline_.store(moment_after(time), std::memory_order_relaxed);
  }
  /// There is nothing to wait for.
  void expect_nothing() {
    notice_.store(never, std::memory_order_relaxed);
    deadline_.store(never, std::memory_order_relaxed);
  }
  /// When FFmpeg gives up; the largest time if never.
  [[nodiscard]] Clock::time_point deadline() const {
    return Clock::time_point{MediaTime{deadline_.load(std::memory_order_relaxed)}};
  }
  /// Whether it gave up because of the deadline.
  [[nodiscard]] bool timed_out() const { return timed_out_.load(std::memory_order_relaxed); }

  /// Hears, on the thread that waits, that it has waited for long. To be set before anybody waits.
  void set_listener(void (*listener)(void*), void* self) {
    listener_ = listener;
    listening_ = self;
  }

  /// AVIOInterruptCB::callback.
  static int ask(void* self) { return static_cast<Interrupt*>(self)->is_over() ? 1 : 0; }

 private:
  static constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();

  static std::int64_t moment_after(MediaTime time) {
    constexpr MediaTime century{3'155'760'000'000'000'000};
    if (time <= MediaTime{0} || time > century) return never;
    return MediaTime{Clock::now().time_since_epoch() + time}.count();
  }

  [[nodiscard]] bool is_over() {
    if (requested()) return true;
    const std::int64_t deadline = deadline_.load(std::memory_order_relaxed);
    const std::int64_t notice = notice_.load(std::memory_order_relaxed);
    if (deadline == never && notice == never) return false;
    const std::int64_t now = MediaTime{Clock::now().time_since_epoch()}.count();
    if (now >= notice) {
      notice_.store(never, std::memory_order_relaxed);
      if (listener_ != nullptr) listener_(listening_);
    }
    if (now < deadline) return false;
    timed_out_.store(true, std::memory_order_relaxed);
    return true;
  }

  std::atomic<bool> requested_{false};
  std::atomic<bool> timed_out_{false};
  std::atomic<std::int64_t> deadline_{never};  // by Clock, in nanoseconds
  std::atomic<std::int64_t> notice_{never};    // likewise
  void (*listener_)(void*) = nullptr;
  void* listening_ = nullptr;
};

/// Makes FFmpeg give up.
struct Interrupting {
  std::shared_ptr<Interrupt> interrupt;
  void operator()() const { interrupt->request(); }
};

}  // namespace stream_infer::ffmpeg
