#pragma once

#include "stream_infer/core/sync.hpp"

#include <atomic>
#include <cstdint>

namespace stream_infer::detail {

/// Work that is done at most once, by the first who needs it; who needs it meanwhile waits. Work that throws counts as
/// not done, and the next who needs it tries again.
template <class Sync = StdSync>
class Once {
 public:
  /// Returns when `work` has been done, by us or by somebody before; what it wrote is then ours to read.
  template <class Work>
  void ensure(Work work) {
    // acquire: pairs with the store of `done`
    if (phase_.load(std::memory_order_acquire) != done) wait_or_do(work);
  }

  /// Makes the work undone, or done. Only before the object is shared: sharing it publishes this.
  void reset(bool is_done) noexcept { phase_.store(is_done ? done : undone, std::memory_order_relaxed); }

 private:
  enum Phase : std::uint32_t { undone, at_work, done };

  template <class Work>
  void wait_or_do(Work& work) {
    for (;;) {
      std::uint32_t phase = undone;
      // acquire, if it succeeds: what an attempt that threw has left; if it fails: it may just have been done
      if (phase_.compare_exchange_strong(phase, at_work, std::memory_order_acquire)) break;
      if (phase == done) return;
      phase_.wait(phase, std::memory_order_relaxed);  // the exchange above looks again
    }
    try {
      work();
    } catch (...) {
      settle(undone);
      throw;
    }
    settle(done);
  }

  void settle(Phase phase) {
    // release: who sees it sees what the work wrote. seq_cst besides: libstdc++'s notify_all() first looks whether anybody
    // waits, and that look must not come before this store
    phase_.store(phase, std::memory_order_seq_cst);
    phase_.notify_all();
  }

  typename Sync::template atomic<std::uint32_t> phase_{undone};
};

}  // namespace stream_infer::detail
