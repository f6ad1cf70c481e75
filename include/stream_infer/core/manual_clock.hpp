#pragma once

#include "stream_infer/core/clock.hpp"
#include "stream_infer/core/min_max.hpp"

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <stop_token>

namespace stream_infer {

/// A clock that moves only when told to, so that a realtime run can be repeated to the bit and needs no real time.
///
/// It wakes one sleeper at a time, in the order of their deadlines, and goes on only when everybody it woke has gone
/// back to sleep or ended its work. An algorithm can imitate slowness by `clock.sleep_until(clock.now() + 80ms, {})`.
///
///     si::ManualClock clock;
///     si::Player player{producer, tracker, "clip.mp4", clock};
///     std::jthread time{[&](std::stop_token stop) { clock.run(stop); }};   // as fast as the work allows
///     inference.start(player, {.mode = si::Mode::realtime});
///
/// Copies share one time. Every method may be called from any thread.
class ManualClock {
 public:
  [[nodiscard]] MediaTime now() const {
    const std::lock_guard lock{shared_->mutex};
    return shared_->now;
  }

  bool sleep_until(MediaTime time, const std::stop_token& stop) {
    State& state = *shared_;
    std::unique_lock lock{state.mutex};
    if (stop.stop_requested()) return false;
    if (state.now >= time) return true;
    Sleeper self{time};
    state.add(self);
    state.count_working(-1);
    self.changed.wait(lock, stop, [&] { return self.woken; });
    if (!self.woken) state.count_working(+1);  // who wakes a sleeper counts it as working already; a stop does not
    state.remove(self);
    return self.woken;
  }

  void begin_work() {
    const std::lock_guard lock{shared_->mutex};
    shared_->count_working(+1);
  }

  void end_work() {
    const std::lock_guard lock{shared_->mutex};
    shared_->count_working(-1);
  }

  void settle(const std::stop_token& stop) {
    State& state = *shared_;
    std::unique_lock lock{state.mutex};
    ++state.settling;  // who waits here does not work: two that settle must not wait for each other
    state.count_working(0);
    state.settled.wait(lock, stop, [&] { return state.working <= state.settling; });
    --state.settling;
  }

  /// Moves time on by `step`. Blocks until everything that happens within it has happened.
  void advance(MediaTime step) {
    State& state = *shared_;
    std::unique_lock lock{state.mutex};
    const MediaTime target = state.now + step;
    for (;;) {
      state.all_asleep.wait(lock, [&] { return state.working <= 0; });
      Sleeper* next = state.next();
      if (next == nullptr || next->deadline > target) break;
      state.wake(*next);
    }
    state.now = detail::max(state.now, target);  // another advance() or run() may have gone further meanwhile
  }

  /// Jumps from deadline to deadline for as long as somebody sleeps on this clock; returns when `stop` is requested.
  void run(const std::stop_token& stop) {
    State& state = *shared_;
    std::unique_lock lock{state.mutex};
    const auto everybody_sleeps = [&] { return state.working <= 0 && state.next() != nullptr; };
    while (state.all_asleep.wait(lock, stop, everybody_sleeps) && !stop.stop_requested()) state.wake(*state.next());
  }

 private:
  struct Sleeper {
    explicit Sleeper(MediaTime time) : deadline{time} {}
    MediaTime deadline;
    bool woken = false;
    Sleeper* next = nullptr;
    std::condition_variable_any changed;  // one each: waking everybody for every step is slow on a busy machine
  };

  struct State {
    /// Who wakes next: the earliest deadline; of equal ones, who has slept longest.
    [[nodiscard]] Sleeper* next() const {
      Sleeper* found = nullptr;
      for (Sleeper* sleeper = first; sleeper != nullptr; sleeper = sleeper->next)
        if (!sleeper->woken && (found == nullptr || sleeper->deadline < found->deadline)) found = sleeper;
      return found;
    }

    void add(Sleeper& sleeper) {
      Sleeper** end = &first;
      while (*end != nullptr) end = &(*end)->next;
      *end = &sleeper;
    }

    void remove(Sleeper& sleeper) {
      Sleeper** at = &first;
      while (*at != &sleeper) at = &(*at)->next;
      *at = sleeper.next;
    }

    void wake(Sleeper& sleeper) {
      now = sleeper.deadline;
      sleeper.woken = true;
      ++working;
      sleeper.changed.notify_one();
    }

    void count_working(std::int64_t change) {
      working += change;
      if (working <= 0) all_asleep.notify_all();
      if (working <= settling) settled.notify_all();
    }

    std::mutex mutex;
    std::condition_variable_any all_asleep;  // for who moves time on
    std::condition_variable_any settled;
    MediaTime now{0};
    std::int64_t working = 0;
    std::int64_t settling = 0;  // of those
    Sleeper* first = nullptr;   // of a list on the sleepers' own stacks: who has slept longest comes first
  };

  std::shared_ptr<State> shared_{new State};
};

static_assert(Clock<ManualClock>);

}  // namespace stream_infer
