#pragma once

#include "stream_infer/core/handle.hpp"

#include <cstddef>
#include <utility>

namespace stream_infer::detail {

/// A queue of any length for one thread. Unlike std::deque it allocates only when it gets longer than ever before.
template <class T>
class Queue {
 public:
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }

  /// The `i`th from the front. It must exist.
  [[nodiscard]] T& operator[](std::size_t i) { return slots_[place(i)]; }
  [[nodiscard]] const T& operator[](std::size_t i) const { return slots_[place(i)]; }
  [[nodiscard]] T& front() { return slots_[first_]; }
  [[nodiscard]] const T& front() const { return slots_[first_]; }
  [[nodiscard]] T& back() { return slots_[place(size_ - 1)]; }

  void push_back(T value) {
    if (size_ == capacity_) grow();
    slots_[place(size_)] = std::move(value);
    ++size_;
  }

  /// Takes the front out. It must exist.
  T pop_front() {
    T value = std::move(slots_[first_]);
    first_ = place(1);
    --size_;
    return value;
  }

 private:
  [[nodiscard]] std::size_t place(std::size_t i) const { return (first_ + i) & (capacity_ - 1); }  // a power of two

  void grow() {
    const std::size_t capacity = capacity_ == 0 ? 16 : 2 * capacity_;
    Array<T> larger{capacity};
    for (std::size_t i = 0; i < size_; ++i) larger[i] = std::move(slots_[place(i)]);
    slots_ = std::move(larger);
    capacity_ = capacity;
    first_ = 0;
  }

  Array<T> slots_;
  std::size_t capacity_ = 0;
  std::size_t first_ = 0;
  std::size_t size_ = 0;
};

}  // namespace stream_infer::detail
