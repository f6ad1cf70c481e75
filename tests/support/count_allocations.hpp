#pragma once

#include "support/sanitizers.hpp"

#include <cstdint>

/// For programs that are built with count_allocations.cpp, which replaces operator new and delete.
namespace stream_infer::test {

/// How often this process has taken memory from operator new so far, on all its threads.
[[nodiscard]] std::uint64_t allocations() noexcept;

/// Whether it counts malloc() too, and so what FFmpeg takes: clang's sanitizers do not let operator new be replaced.
#ifdef __clang__
inline constexpr bool counts_malloc = is_sanitized;
#else
inline constexpr bool counts_malloc = false;
#endif

/// How many of those have not been given back.
[[nodiscard]] std::uint64_t live_allocations() noexcept;

/// Waits until the other threads have taken no memory for a while: until whatever runs ahead is as far ahead as it goes,
/// and has all the memory that it will ever need.
void wait_until_none_is_taken();

}  // namespace stream_infer::test
