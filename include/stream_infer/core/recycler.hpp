#pragma once

#include "stream_infer/core/handle.hpp"
#include "stream_infer/core/sync.hpp"

#include <array>
#include <atomic>
#include <cstddef>

namespace stream_infer::detail {

/// A lock-free cache of up to `Size` unused objects. Any thread may take and put. An object is moved in and out by one
/// atomic exchange of its pointer, so there is no ABA: a pointer never passes through a slot without its ownership.
template <class T, std::size_t Size = 128, class Sync = StdSync>
class Recycler {
 public:
  Recycler() = default;
  Recycler(const Recycler&) = delete;
  Recycler& operator=(const Recycler&) = delete;
  ~Recycler() {
    for (Slot& slot : slots_) delete slot.load(std::memory_order_relaxed);
  }

  /// An unused object, or null if there is none. Now and then it overlooks one that is put at this very moment.
  [[nodiscard]] Handle<T> take() noexcept {
    if (count_.load(std::memory_order_relaxed) <= 0) return nullptr;  // only a hint: a miss costs an allocation
    for (Slot& slot : slots_) {
      if (slot.load(std::memory_order_relaxed) == nullptr) continue;  // the exchange below decides
      // acquire: what the thread that put it here did to the object happens before we use it
      if (T* object = slot.exchange(nullptr, std::memory_order_acquire)) {
        count_.fetch_sub(1, std::memory_order_relaxed);
        return Handle<T>{object};
      }
    }
    return nullptr;
  }

  /// Keeps `object` for a later take(), or destroys it if the cache is full.
  void put(Handle<T> object) noexcept {
    for (Slot& slot : slots_) {
      T* empty = nullptr;
      if (slot.load(std::memory_order_relaxed) != nullptr) continue;
      // release: pairs with the acquire in take()
      if (slot.compare_exchange_strong(empty, object.get(), std::memory_order_release, std::memory_order_relaxed)) {
        static_cast<void>(object.release());
        count_.fetch_add(1, std::memory_order_relaxed);
        return;
      }
    }
  }

 private:
  using Slot = typename Sync::template atomic<T*>;

  std::array<Slot, Size> slots_{};
  typename Sync::template atomic<std::ptrdiff_t> count_{0};  // briefly negative: a take may be counted before its put
};

}  // namespace stream_infer::detail
