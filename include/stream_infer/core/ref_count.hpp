#pragma once

#include "stream_infer/core/sync.hpp"

#include <atomic>
#include <cstdint>

namespace stream_infer::detail {

/// How many handles hold an object.
template <class Sync = StdSync>
class RefCount {
 public:
  /// For who holds the object already, or alone knows it.
  void retain() noexcept { count_.fetch_add(1, std::memory_order_relaxed); }

  /// Returns true to the last holder, to whom the object then belongs.
  [[nodiscard]] bool let_go() noexcept {
    // release: our uses end before the last holder goes on; acquire: the last holder sees everybody's uses ended
    return count_.fetch_sub(1, std::memory_order_acq_rel) == 1;
  }

 private:
  typename Sync::template atomic<std::uint32_t> count_{0};
};

}  // namespace stream_infer::detail
