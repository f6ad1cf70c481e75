#pragma once

#include <cstdint>

/// For programs that are built with count_allocations.cpp, which replaces operator new and delete.
namespace stream_infer::test {

/// How often this process has taken memory from operator new so far, on all its threads.
[[nodiscard]] std::uint64_t allocations() noexcept;

/// How many of those have not been given back.
[[nodiscard]] std::uint64_t live_allocations() noexcept;

}  // namespace stream_infer::test
