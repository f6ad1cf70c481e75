#pragma once

#include "stream_infer/core/min_max.hpp"
#include "stream_infer/core/sync.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>

namespace stream_infer::detail {

/// Lets threads sleep, with a time-out where wanted, until something they look at has changed. While nobody sleeps,
/// notify() is one atomic operation; only to wake somebody it takes the mutex that sleepers hold for a last look.
/// (std::counting_semaphore would be the plain choice, but libstdc++'s timed wait polls and overshoots.)
///
/// No wake-up is lost: the state is written before notify(), and a sleeper announces itself before its last look. Both
/// do a read-modify-write on `sleepers_`. Whichever comes second in its modification order sees the other: either the
/// sleeper sees the new state, or notify() sees the sleeper.
template <class Sync = StdSync>
class BasicWakeUp {
 public:
  void notify() noexcept {
    // release: a sleeper that comes later sees the state written before. A plain load could miss a sleeper: only a
    // read-modify-write is sure to see the newest count
    if (sleepers_.fetch_add(0, std::memory_order_release) == 0) return;
    { const std::lock_guard lock{mutex_}; }  // a sleeper that looked too early is now inside wait()
    changed_.notify_all();
  }

  /// Sleeps until `changed()` or the time-out; returns changed(), which must only look at atomics.
  template <class Predicate>
  bool wait_for(std::chrono::nanoseconds timeout, Predicate changed) {
    if (changed()) return true;
    std::unique_lock lock{mutex_};
    const Announced announced{sleepers_};
    // the clock must not overflow: "for ever" becomes a year
    return changed_.wait_for(lock, detail::min<std::chrono::nanoseconds>(timeout, std::chrono::years{1}), changed);
  }

  /// Sleeps until `changed()`.
  template <class Predicate>
  void wait(Predicate changed) {
    if (changed()) return;
    std::unique_lock lock{mutex_};
    const Announced announced{sleepers_};
    changed_.wait(lock, changed);
  }

 private:
  using Count = typename Sync::template atomic<std::uint32_t>;

  struct Announced {
    explicit Announced(Count& count) : sleepers{count} {
      // acquire: pairs with the release in notify(): if that came first, the last look sees the new state
      sleepers.fetch_add(1, std::memory_order_acquire);
    }
    ~Announced() { sleepers.fetch_sub(1, std::memory_order_relaxed); }  // only a count: nothing is published
    Announced(const Announced&) = delete;
    Announced& operator=(const Announced&) = delete;
    Count& sleepers;
  };

  Count sleepers_{0};
  typename Sync::mutex mutex_;
  typename Sync::condition_variable changed_;
};

using WakeUp = BasicWakeUp<>;

}  // namespace stream_infer::detail
