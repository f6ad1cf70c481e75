#pragma once

#include "stream_infer/core/handle.hpp"
#include "stream_infer/core/sync.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace stream_infer::detail {

/// Two cache lines: neighbours are fetched in pairs. Fixed, because std::hardware_destructive_interference_size changes
/// with compiler flags.
inline constexpr std::size_t false_sharing_range = 128;

/// The last `capacity` values of a stream, numbered 0, 1, 2 … One writer, any number of readers, no locks.
///
/// Values sit in a fixed pool of nodes that lives as long as the ring, so no reader ever touches freed memory. Slot
/// `i % capacity` points to the node of the newest value with that remainder. A node's `pins` counts who holds it: one
/// for the ring while it is in a slot, and one for each reader that is copying out of it. A reader can only add to a
/// count that is not 0; so once the count is 0, the node belongs to the writer alone. A reader that pins a node in its
/// next life finds another index in it and lets go: there is no ABA.
///
/// push() and clear() are the writer's. They are wait-free and allocate nothing (beyond what destroying a T does).
/// read(), end() and held_from() are for anyone; read() is lock-free.
template <class T, class Sync = StdSync>
class Ring {
 public:
  /// Nodes beyond the capacity. Readers hold a node only while they copy one value, so push() finds none free only if
  /// this many readers were stopped in that very moment.
  static constexpr std::size_t default_spares = 32;

  explicit Ring(std::size_t capacity, std::size_t spares = default_spares)
      : capacity_{capacity},
        nodes_{capacity + spares},
        slots_{capacity},
        held_{capacity},
        free_{capacity + spares},
        lent_{capacity + spares} {
    for (std::size_t i = 0; i < capacity + spares; ++i) {
      nodes_[i].pins.store(0, std::memory_order_relaxed);  // nobody else knows this object yet
      free_[free_size_++] = &nodes_[i];
    }
    for (std::size_t i = 0; i < capacity; ++i) slots_[i].store(nullptr, std::memory_order_relaxed);
    end_.store(0, std::memory_order_relaxed);
  }

  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  [[nodiscard]] std::size_t capacity() const { return capacity_; }

  /// Writer. Adds `value` as number end(); it replaces the one `capacity()` before it. Returns false, and drops `value`,
  /// if readers hold every spare node.
  bool push(T value) {
    Node* const node = take_free();
    if (node == nullptr) return false;
    node->value.set(std::move(value));
    node->index.set(next_);
    const std::size_t slot = next_ % capacity_;
    retire(slot);  // before the stores, which a locked operation after them would wait for
    // release: who pins this node sees the value and the index
    node->pins.store(1, std::memory_order_release);
    // relaxed: `end_` publishes the slot, and its node's pins the node
    slots_[slot].store(node, std::memory_order_relaxed);
    held_[slot] = node;
    ++next_;
    // release: who sees this end finds the node in its slot, pinned by the ring
    end_.store(next_, std::memory_order_release);
    prefetch_next();
    return true;
  }

  /// Writer. Drops all values; the next one is number 0 again.
  void clear() {
    end_.store(0, std::memory_order_relaxed);  // publishes nothing: who still has the old end finds values or none
    next_ = 0;
    for (std::size_t slot = 0; slot < capacity_; ++slot) {
      retire(slot);
      // relaxed: whoever learns of the new play learns of this. A node that a reader still holds must not be found again
      slots_[slot].store(nullptr, std::memory_order_relaxed);
    }
  }

  /// One more than the newest value's number; 0 if there is none.
  [[nodiscard]] std::uint64_t end() const {
    // acquire: what was pushed before this end is there for us to read
    return end_.load(std::memory_order_acquire);
  }

  /// The number of the oldest value that may still be held, if the newest is `end - 1`.
  [[nodiscard]] std::uint64_t held_from(std::uint64_t end) const { return end > capacity_ ? end - capacity_ : 0; }

  /// Copies value number `index` into `out`. Returns false if it is not held: replaced already, or, as far as this thread
  /// can know, not yet pushed. Once it has seen end() above `index`, it finds the value for as long as it is held.
  bool read(std::uint64_t index, T& out) const {
    // relaxed: pin() orders our look at the node, and an old pointer leads to another index or to a free node
    Node* const node = slots_[index % capacity_].load(std::memory_order_relaxed);
    if (node == nullptr || !pin(*node)) return false;
    const bool found = node->index.get() == index;
    if (found) out = node->value.get();
    // release: our reads of the node end before the writer may use it again
    node->pins.fetch_sub(1, std::memory_order_release);
    return found;
  }

 private:
  /// Alone in its cache lines: the writer retires, and uses again, the neighbours of what readers look at.
  struct alignas(false_sharing_range) Node {
    typename Sync::template atomic<std::uint32_t> pins;
    typename Sync::template var<std::uint64_t> index;
    typename Sync::template var<T> value;
  };
  using Slot = typename Sync::template atomic<Node*>;

  /// Holds on to `node` unless nobody else does.
  static bool pin(Node& node) {
    std::uint32_t pins = node.pins.load(std::memory_order_relaxed);  // a guess, which the exchange checks
    while (pins != 0)
      // acquire: the value and index that the writer stored before it set the count
      if (node.pins.compare_exchange_weak(pins, pins + 1, std::memory_order_acquire, std::memory_order_relaxed))
        return true;
    return false;
  }

  /// Lets go of the node in `slot`. Until something else is put there, readers find a free node, or one in its next life.
  void retire(std::size_t slot) {
    Node* const old = std::exchange(held_[slot], nullptr);
    if (old == nullptr) return;
    // acquire: if nobody else holds it, the readers' looks at the node are over and it can be emptied
    if (old->pins.fetch_sub(1, std::memory_order_acquire) == 1)
      reclaim(old);
    else
      lent_[lent_size_++] = old;
  }

  /// Readers on other processors were the last to write to what the next calls retire. Asks for it now, so that it is here
  /// when they come: the next call's value, and the node of the one after that, since the one leads to the other.
  /// (Inlined by force: GCC takes a function that only prefetches for one without effect.)
  [[gnu::always_inline]] void prefetch_next() const {
    if (const Node* node = held_[next_ % capacity_]) prefetch(node->value.get());
    if (const Node* node = held_[(next_ + 1) % capacity_]) __builtin_prefetch(node, 1);
  }

  [[gnu::always_inline]] static void prefetch(const T& value) {
    if constexpr (requires { prefetch_for_writing(value); }) prefetch_for_writing(value);
  }

  /// A node that nobody holds, or null.
  Node* take_free() {
    for (std::size_t i = 0; i < lent_size_;) {
      // acquire: as in replace()
      if (lent_[i]->pins.load(std::memory_order_acquire) == 0) {
        reclaim(lent_[i]);
        lent_[i] = lent_[--lent_size_];
      } else {
        ++i;
      }
    }
    return free_size_ == 0 ? nullptr : free_[--free_size_];
  }

  void reclaim(Node* node) {
    node->value.set(T{});  // let go now of what it holds, not at its next use
    free_[free_size_++] = node;
  }

  // Read by everybody, written by nobody.
  const std::size_t capacity_;
  Array<Node> nodes_;
  Array<Slot> slots_;

  // The writer's own.
  alignas(false_sharing_range) Array<Node*> held_;  // in the slots, which are in the readers' caches
  Array<Node*> free_;                               // pinned by nobody
  Array<Node*> lent_;                               // retired, but a reader held them when last seen
  std::size_t free_size_ = 0;
  std::size_t lent_size_ = 0;
  std::uint64_t next_ = 0;

  // Written by the writer, read by everybody.
  alignas(false_sharing_range) typename Sync::template atomic<std::uint64_t> end_;
};

}  // namespace stream_infer::detail
