#pragma once

#include "stream_infer/exporter/record.hpp"

#include <concepts>
#include <cstddef>
#include <optional>
#include <string_view>
#include <tuple>
#include <type_traits>

namespace stream_infer {

/// The latest record of each algorithm, in the order of loading: what a process hook sees beside the frame. `Values` are
/// the result types; an algorithm without results has the type void. Results that cannot be copied are not among them.
template <class... Values>
class LatestRecords {
 public:
  /// Calls `fn(const Record<T>&)` for every algorithm that has a result.
  template <class F>
  void for_each(F&& fn) const {
    std::apply([&](const auto&... record) { (call(fn, record), ...); }, records_);
  }

  /// The latest record of the algorithm `name` whose run() returns a T; null if it has no result yet, or another type.
  template <class T>
  [[nodiscard]] const Record<T>* find(std::string_view name) const {
    const Record<T>* found = nullptr;
    for_each([&]<class U>(const Record<U>& record) {
      if constexpr (std::is_same_v<T, U>)
        if (record.algo == name) found = &record;
    });
    return found;
  }

  /// The latest record of algorithm number `I`, or nullopt.
  template <std::size_t I>
  [[nodiscard]] const auto& get() const {
    return std::get<I>(records_);
  }

  template <std::size_t I, class T>
  void set(const Record<T>& record) {
    std::get<I>(records_) = record;
  }

 private:
  struct Nothing {};
  template <class V>
  struct SlotOf {
    using type = std::optional<Nothing>;
  };
  template <std::copyable V>
  struct SlotOf<V> {
    using type = std::optional<Record<V>>;
  };

  template <class F, class R>
  static void call(F& fn, const std::optional<R>& record) {
    if constexpr (!std::is_same_v<R, Nothing>)
      if (record) fn(*record);
  }

  std::tuple<typename SlotOf<Values>::type...> records_;
};

}  // namespace stream_infer
