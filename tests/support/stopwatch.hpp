#pragma once

#include <chrono>

namespace stream_infer::test {

/// Wall time since it was made.
class Stopwatch {
 public:
  [[nodiscard]] std::chrono::nanoseconds elapsed() const { return std::chrono::steady_clock::now() - begin_; }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

}  // namespace stream_infer::test
