#include "support/count_allocations.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <thread>

namespace {

// Counts, relaxed throughout: nothing is published through them.
std::atomic<std::uint64_t> taken{0};
std::atomic<std::uint64_t> given_back{0};

}  // namespace

namespace stream_infer::test {

std::uint64_t allocations() noexcept { return taken.load(std::memory_order_relaxed); }

std::uint64_t live_allocations() noexcept {
  const std::uint64_t back = given_back.load(std::memory_order_relaxed);
  return taken.load(std::memory_order_relaxed) - back;
}

void wait_until_none_is_taken() {
  using Clock = std::chrono::steady_clock;
  std::uint64_t last = allocations();
  Clock::time_point since = Clock::now();
  while (Clock::now() - since < std::chrono::milliseconds{300}) {
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
    if (const std::uint64_t now = allocations(); now != last) {
      last = now;
      since = Clock::now();
    }
  }
}

}  // namespace stream_infer::test

#ifdef __has_feature
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZER_HAS_OPERATORS  // clang's sanitizers bring their own, which do not let themselves be replaced
#endif
#endif

#ifdef SANITIZER_HAS_OPERATORS

#include <sanitizer/allocator_interface.h>

namespace {

[[maybe_unused]] const int installed = __sanitizer_install_malloc_and_free_hooks(
    [](const volatile void*, std::size_t) { taken.fetch_add(1, std::memory_order_relaxed); },
    [](const volatile void* memory) {
      if (memory != nullptr) given_back.fetch_add(1, std::memory_order_relaxed);
    });

}  // namespace

#else

namespace {

void* take_or_null(std::size_t size) noexcept {
  taken.fetch_add(1, std::memory_order_relaxed);
  return std::malloc(size == 0 ? 1 : size);
}

void* take(std::size_t size) {
  if (void* memory = take_or_null(size)) return memory;
  throw std::bad_alloc{};
}

void* take(std::size_t size, std::align_val_t alignment) {
  taken.fetch_add(1, std::memory_order_relaxed);
  const auto to = static_cast<std::size_t>(alignment);
  if (void* memory = std::aligned_alloc(to, (size + to - 1) / to * to)) return memory;
  throw std::bad_alloc{};
}

void give_back(void* memory) noexcept {
  if (memory != nullptr) given_back.fetch_add(1, std::memory_order_relaxed);
  std::free(memory);
}

}  // namespace

// All forms: what is left out may come from a sanitizer, whose memory ours must not free.
void* operator new(std::size_t size) { return take(size); }
void* operator new[](std::size_t size) { return take(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return take_or_null(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return take_or_null(size); }
void* operator new(std::size_t size, std::align_val_t alignment) { return take(size, alignment); }
void* operator new[](std::size_t size, std::align_val_t alignment) { return take(size, alignment); }
void operator delete(void* memory) noexcept { give_back(memory); }
void operator delete[](void* memory) noexcept { give_back(memory); }
void operator delete(void* memory, std::size_t) noexcept { give_back(memory); }
void operator delete[](void* memory, std::size_t) noexcept { give_back(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { give_back(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { give_back(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { give_back(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { give_back(memory); }

#endif
