#pragma once

// relacy renames `new`, `assert`, the memory orders and more, so every standard header comes before it.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iostream>
#include <memory>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <relacy/relacy.hpp>

#undef new
#undef delete
#undef malloc
#undef calloc
#undef realloc
#undef free
#undef assert
#undef errno
#undef memory_order_relaxed
#undef memory_order_consume
#undef memory_order_acquire
#undef memory_order_release
#undef memory_order_acq_rel
#undef memory_order_seq_cst

namespace si_model {

/// Where in the code under test something happens, for relacy's histories.
struct Where {
  Where(const char* in_file = __builtin_FILE(), int in_line = __builtin_LINE())  // NOLINT(google-explicit-constructor)
      : file{in_file}, line{static_cast<unsigned>(in_line)} {}
  operator rl::debug_info() const { return {"", file, line}; }  // NOLINT(google-explicit-constructor)
  const char* file;
  unsigned line;
};

inline void check(bool condition, const char* what, Where where = {}) {
  if (!condition) rl::ctx().fail_test(what, rl::test_result_user_assert_failed, where);
}

inline rl::memory_order to_relacy(std::memory_order order) {
  switch (order) {
    case std::memory_order_relaxed: return rl::mo_relaxed;
    case std::memory_order_consume: return rl::mo_consume;
    case std::memory_order_acquire: return rl::mo_acquire;
    case std::memory_order_release: return rl::mo_release;
    case std::memory_order_acq_rel: return rl::mo_acq_rel;
    case std::memory_order_seq_cst: break;
  }
  return rl::mo_seq_cst;
}

/// Stands in for stream_infer::detail::StdSync: the library's own code on relacy's atomics, data and mutexes.
struct RelacySync {
  template <class T>
  class atomic {
   public:
    atomic() : atomic{T{}} {}
    atomic(T value) : impl_{value} {}  // NOLINT(google-explicit-constructor): as std::atomic
    atomic(const atomic&) = delete;
    atomic& operator=(const atomic&) = delete;

    T load(std::memory_order order = std::memory_order_seq_cst, Where where = {}) const {
      return impl_.load(to_relacy(order), where);
    }
    void store(T value, std::memory_order order = std::memory_order_seq_cst, Where where = {}) {
      impl_.store(value, to_relacy(order), where);
    }
    T exchange(T value, std::memory_order order = std::memory_order_seq_cst, Where where = {}) {
      return impl_.exchange(value, to_relacy(order), where);
    }
    T fetch_add(T value, std::memory_order order = std::memory_order_seq_cst, Where where = {}) {
      return impl_.fetch_add(value, to_relacy(order), where);
    }
    T fetch_sub(T value, std::memory_order order = std::memory_order_seq_cst, Where where = {}) {
      return impl_.fetch_sub(value, to_relacy(order), where);
    }
    bool compare_exchange_weak(T& expected, T value, std::memory_order success, std::memory_order failure,
                               Where where = {}) {
      return impl_.compare_exchange_weak(expected, value, to_relacy(success), where, to_relacy(failure), where);
    }
    bool compare_exchange_strong(T& expected, T value, std::memory_order success, std::memory_order failure,
                                 Where where = {}) {
      return impl_.compare_exchange_strong(expected, value, to_relacy(success), where, to_relacy(failure), where);
    }
    bool compare_exchange_strong(T& expected, T value, std::memory_order order = std::memory_order_seq_cst,
                                 Where where = {}) {
      return impl_.compare_exchange_strong(expected, value, to_relacy(order), where);
    }

    void wait(T old, std::memory_order order = std::memory_order_seq_cst, Where where = {}) {
      while (load(order, where) == old)
        if (impl_.debug_value() ==
            old)  // the newest value, as the kernel compares it: no switch before the thread parks
          impl_.wait(rl::ctx(), false, false, where);
        else
          rl::yield(1, where);  // the load was behind
    }
    void notify_all(Where where = {}) { impl_.wake(rl::ctx(), rl::ctx().get_thread_count(), where); }

   private:
    rl::atomic<T> impl_;
  };

  /// A tripwire beside the value: relacy checks every get() against every set() that is not ordered before or after it.
  template <class T>
  class var {
   public:
    const T& get(Where where = {}) const {
      static_cast<void>(used_(where).load());
      return value_;
    }
    void set(T value, Where where = {}) {
      used_(where).store(true);
      value_ = std::move(value);
    }

   private:
    rl::var<bool> used_;
    T value_{};
  };

  class mutex {
   public:
    void lock(Where where = {}) { impl_.lock(where); }
    void unlock(Where where = {}) { impl_.unlock(where); }

   private:
    friend struct RelacySync;
    rl::mutex impl_;
  };

  /// Never wakes without cause, so that a lost wake-up is a deadlock, which relacy reports.
  class condition_variable {
   public:
    condition_variable() { impl_.init(false, Where{}); }
    ~condition_variable() { impl_.deinit(Where{}); }
    condition_variable(const condition_variable&) = delete;
    condition_variable& operator=(const condition_variable&) = delete;

    void notify_all(Where where = {}) { impl_.notify_all(where); }

    template <class Predicate>
    void wait(std::unique_lock<mutex>& lock, Predicate predicate, Where where = {}) {
      while (!predicate()) impl_.wait(lock.mutex()->impl_, false, where);
    }

    /// Time runs out whenever relacy likes.
    template <class Predicate>
    bool wait_for(std::unique_lock<mutex>& lock, std::chrono::nanoseconds, Predicate predicate, Where where = {}) {
      while (!predicate())
        if (impl_.wait(lock.mutex()->impl_, true, where) == rl::sema_wakeup_reason_timeout) return predicate();
      return true;
    }

   private:
    rl::condvar<condition_variable> impl_;
  };
};

/// Base of every model. Relacy's own heap finds leaks and uses after free, but doubles the schedules with every free(),
/// so an exhaustive search goes without it.
class Heap {
 public:
  Heap() {
    if (!rl::ctx().is_random_sched()) ++Context::disabled();
  }
  ~Heap() {
    if (!rl::ctx().is_random_sched()) --Context::disabled();
  }
  Heap(const Heap&) = delete;
  Heap& operator=(const Heap&) = delete;

 private:
  struct Context : rl::context {
    static int& disabled() { return rl::ctx().*(&Context::disable_alloc_); }
  };
};

}  // namespace si_model
