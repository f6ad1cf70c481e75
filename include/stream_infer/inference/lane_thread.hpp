#pragma once

#include "stream_infer/core/callback.hpp"
#include "stream_infer/core/clock.hpp"

#include <atomic>
#include <cstdint>
#include <thread>
#include <utility>

namespace stream_infer::detail {

/// The thread of one lane in realtime. It sleeps until post() says that a due has come up, and then calls `work` until
/// no further post has come meanwhile. post() never waits. On a clock that is driven by hand, the lane counts as working
/// from the post to its return to sleep.
template <Clock C>
class LaneThread {
 public:
  LaneThread(C clock, Callback<void()> work) : clock_{std::move(clock)}, work_{std::move(work)} {
    thread_ = std::thread{[this] { loop(); }};  // last: the thread uses all of the above
  }

  LaneThread(const LaneThread&) = delete;
  LaneThread& operator=(const LaneThread&) = delete;
  ~LaneThread() { finish(); }

  /// There is something to do. Any thread; not after finish().
  void post() { tell(State::posted); }

  /// Lets it do what has been posted, and ends the thread.
  void finish() {
    if (!thread_.joinable()) return;
    tell(State::finishing);
    thread_.join();
  }

 private:
  enum class State : std::uint32_t { idle, working, posted, finishing };

  void tell(State news) {
    clock_.begin_work();
    // seq_cst, also below: the exchange and the lane's going idle are ordered, and notify_one() sees a waiter
    if (state_.exchange(news) == State::idle)
      state_.notify_one();
    else
      clock_.end_work();  // it is awake, counted as working, and will look again
  }

  void loop() {
    for (bool last = false; !last;) {
      state_.wait(State::idle);
      State expected{};
      do {
        // an exchange, not a store: sees what was done before every post so far
        last = state_.exchange(State::working) == State::finishing;
        work_();
        expected = State::working;
      } while (!state_.compare_exchange_strong(expected, State::idle));
      clock_.end_work();
    }
  }

  C clock_;
  Callback<void()> work_;
  std::atomic<State> state_{State::idle};
  std::thread thread_;
};

}  // namespace stream_infer::detail
