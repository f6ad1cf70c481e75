#pragma once

#include "support/sanitizers.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include <unistd.h>

/// What this process holds. Linux only: elsewhere the counts are 0, and tests of them say nothing.
namespace stream_infer::test {

namespace detail {

[[nodiscard]] inline std::size_t entries_of(const char* folder) {
  std::error_code none;
  const std::filesystem::directory_iterator entries{folder, none};
  return none ? 0 : static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
}

}  // namespace detail

[[nodiscard]] inline std::size_t count_threads() { return detail::entries_of("/proc/self/task"); }
[[nodiscard]] inline std::size_t count_descriptors() { return detail::entries_of("/proc/self/fd"); }

/// Whether resident_memory() says what the program needs: under a sanitizer, freed memory stays for a while.
inline constexpr bool measures_memory = !is_sanitized;

/// Memory in use, in bytes.
[[nodiscard]] inline std::size_t resident_memory() {
  std::ifstream statm{"/proc/self/statm"};
  std::size_t all = 0, resident = 0;
  statm >> all >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

/// Waits until `condition()` holds, but not for ever. Returns whether it does.
template <class Condition>
[[nodiscard]] bool eventually(Condition condition, std::chrono::milliseconds limit = std::chrono::seconds{10}) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  return true;
}

}  // namespace stream_infer::test
