#pragma once

#include "stream_infer/core/clock.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <stop_token>
#include <vector>

namespace stream_infer::test {

/// A clock that jumps to every time that somebody sleeps until, and remembers them.
class JumpClock {
 public:
  [[nodiscard]] MediaTime now() const { return shared_->now; }
  bool sleep_until(MediaTime time, const std::stop_token& stop) {
    shared_->asked.push_back(time);
    if (stop.stop_requested()) return false;
    shared_->now = std::max(shared_->now, time);
    return true;
  }
  void begin_work() {}
  void end_work() {}
  void settle(const std::stop_token&) {}

  void go_on(MediaTime by) { shared_->now += by; }
  [[nodiscard]] const std::vector<MediaTime>& asked() const { return shared_->asked; }

 private:
  struct Shared {
    MediaTime now{std::chrono::seconds{100}};
    std::vector<MediaTime> asked;
  };
  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

static_assert(Clock<JumpClock>);

}  // namespace stream_infer::test
