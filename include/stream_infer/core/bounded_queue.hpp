#pragma once

#include "stream_infer/core/handle.hpp"

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace stream_infer::detail {

/// A queue of bounded length from one thread to one other, without locks. Either side sleeps where it must: the producer
/// while the queue is full, the consumer while it is empty. close() ends both, from any thread.
template <class T>
class BoundedQueue {
 public:
  /// \param capacity  at least 1; rounded up to a power of two
  explicit BoundedQueue(std::uint32_t capacity) : mask_{std::bit_ceil(capacity) - 1}, values_(std::size_t{mask_} + 1) {}

  BoundedQueue(const BoundedQueue&) = delete;
  BoundedQueue& operator=(const BoundedQueue&) = delete;

  /// Producer. Waits for room. Returns false, and drops `value`, once the queue is closed.
  bool push(T value) {
    const std::uint32_t at = position(pushed_.load(std::memory_order_relaxed));  // ours alone, but for the closed bit
    for (;;) {
      // acquire: the consumer is done with the slots that it popped
      const std::uint32_t popped = popped_.load(std::memory_order_acquire);
      if (is_closed(popped)) return false;
      if (((at - position(popped)) & position_mask) <= mask_) break;
      popped_.wait(popped);
    }
    values_[at & mask_] = std::move(value);
    // seq_cst: publishes the value, and is ordered before notify_one() looks for a sleeper
    pushed_.fetch_add(step);
    pushed_.notify_one();
    return true;
  }

  /// Consumer. Waits for a value. Returns false once the queue is closed.
  bool pop(T& value) {
    const std::uint32_t at = position(popped_.load(std::memory_order_relaxed));
    for (;;) {
      // acquire: the value in the slot
      const std::uint32_t pushed = pushed_.load(std::memory_order_acquire);
      if (is_closed(pushed)) return false;
      if (position(pushed) != at) break;
      pushed_.wait(pushed);
    }
    value = std::exchange(values_[at & mask_], T{});
    popped_.fetch_add(step);  // seq_cst: as in push()
    popped_.notify_one();
    return true;
  }

  /// Any thread.
  void close() noexcept {
    for (std::atomic<std::uint32_t>* side : {&pushed_, &popped_}) {
      side->fetch_or(closed_bit);
      side->notify_one();
    }
  }

 private:
  // Each side's word is a count, in steps of 2, and in the lowest bit whether the queue is closed: a sleeper has one word
  // to wait for.
  static constexpr std::uint32_t closed_bit = 1;
  static constexpr std::uint32_t step = 2;
  static constexpr std::uint32_t position_mask = ~std::uint32_t{0} >> 1;
  static std::uint32_t position(std::uint32_t word) { return word >> 1; }
  static bool is_closed(std::uint32_t word) { return (word & closed_bit) != 0; }

  const std::uint32_t mask_;
  Array<T> values_;
  alignas(64) std::atomic<std::uint32_t> pushed_{0};
  alignas(64) std::atomic<std::uint32_t> popped_{0};
};

}  // namespace stream_infer::detail
