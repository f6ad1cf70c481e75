#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <utility>

namespace stream_infer::detail {

/// What the parts that threads share are made of. A model checker puts its own types here.
struct StdSync {
  template <class T>
  using atomic = std::atomic<T>;
  using mutex = std::mutex;
  using condition_variable = std::condition_variable;

  /// Plain data that an algorithm guards: a model checker reports every unguarded use.
  template <class T>
  class var {
   public:
    [[nodiscard]] const T& get() const { return value_; }
    void set(T value) { value_ = std::move(value); }

   private:
    T value_{};
  };
};

}  // namespace stream_infer::detail
