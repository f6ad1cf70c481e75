#pragma once

#include <algorithm>
#include <chrono>

namespace stream_infer::test {

/// Wall time since it was made.
class Stopwatch {
 public:
  [[nodiscard]] std::chrono::nanoseconds elapsed() const { return std::chrono::steady_clock::now() - begin_; }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

/// Tells what ends by itself from a wait that should not be there, even on a machine that has much else to do. What is
/// promised to take less is held against its promise with at_best().
inline constexpr std::chrono::seconds soon{1};

/// How long `attempt()`, which gives that, takes at best: it is made again, up to five times, while it takes longer than
/// `limit`. So a test of a time limit does not fail because the machine has other things to do at that moment, and a
/// wait that should not be there fails it all the same.
template <class Attempt>
[[nodiscard]] std::chrono::nanoseconds at_best(std::chrono::nanoseconds limit, Attempt attempt) {
  std::chrono::nanoseconds best = attempt();
  for (int i = 1; i < 5 && best > limit; ++i) best = std::min<std::chrono::nanoseconds>(best, attempt());
  return best;
}

}  // namespace stream_infer::test
