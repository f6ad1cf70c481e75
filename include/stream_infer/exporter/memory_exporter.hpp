#pragma once

#include "stream_infer/core/min_max.hpp"
#include "stream_infer/exporter/base_exporter.hpp"

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <type_traits>
#include <vector>

namespace stream_infer {

/// Keeps the records in memory: for tests, and for programs that look at the results afterwards.
///
///     si::MemoryExporter<double> exporter;
///     …
///     for (const auto& record : exporter.results()) std::cout << record.frame_index << ' ' << record.value << '\n';
///
/// With several types a record is a `std::variant<Record<Ts>…>`. The latest `capacity` records are kept; dropped() counts
/// the others. All methods may be called from any thread.
template <class... Ts>
class MemoryExporter {
 public:
  static_assert(sizeof...(Ts) > 0, "stream_infer: MemoryExporter<T...> needs the result types that it collects");
  using AnyRecord = typename detail::AnyRecordOf<Ts...>::type;
  static constexpr std::size_t default_capacity = 1'000'000;

  /// \param capacity  records kept, at least 1
  explicit MemoryExporter(std::size_t capacity = default_capacity) : records_{detail::max<std::size_t>(1, capacity)} {}

  template <class T>
    requires(std::is_same_v<T, Ts> || ...)
  void collect(const Record<T>& record) {
    const std::lock_guard lock{mutex_};
    if (records_.full()) ++dropped_;
    records_.push(AnyRecord{record});
  }

  /// A copy of the records that are kept, in the order of their collection.
  [[nodiscard]] std::vector<AnyRecord> results() const {
    const std::lock_guard lock{mutex_};
    return records_.copy();
  }

  void clear() {
    const std::lock_guard lock{mutex_};
    records_.clear();
  }

  /// Records that had to make room for later ones.
  [[nodiscard]] std::uint64_t dropped() const {
    const std::lock_guard lock{mutex_};
    return dropped_;
  }

 private:
  mutable std::mutex mutex_;
  detail::BoundedHistory<AnyRecord> records_;
  std::uint64_t dropped_ = 0;
};

}  // namespace stream_infer
