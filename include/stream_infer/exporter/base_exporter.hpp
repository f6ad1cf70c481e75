#pragma once

#include "stream_infer/core/error.hpp"
#include "stream_infer/core/min_max.hpp"
#include "stream_infer/exporter/record.hpp"

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace stream_infer {
namespace detail {

/// A record of one of several types; of one type it is the record itself.
template <class... Ts>
struct AnyRecordOf {
  using type = std::variant<Record<Ts>...>;
};
template <class T>
struct AnyRecordOf<T> {
  using type = Record<T>;
};

/// The last `capacity` values, oldest first; grows up to there, then overwrites.
template <class T>
class BoundedHistory {
 public:
  explicit BoundedHistory(std::size_t capacity) : capacity_{capacity} {}

  void push(T value) {
    if (values_.size() < capacity_) {
      values_.push_back(std::move(value));
    } else {
      values_[first_] = std::move(value);
      first_ = (first_ + 1) % capacity_;
    }
  }
  [[nodiscard]] const T& at(std::size_t i) const { return values_[(first_ + i) % values_.size()]; }
  [[nodiscard]] std::size_t size() const { return values_.size(); }
  [[nodiscard]] bool full() const { return values_.size() == capacity_; }
  void clear() {
    values_.clear();
    first_ = 0;
  }
  [[nodiscard]] std::vector<T> copy() const {
    std::vector<T> out;
    out.reserve(size());
    for (std::size_t i = 0; i < size(); ++i) out.push_back(at(i));
    return out;
  }

 private:
  std::size_t capacity_;
  std::size_t first_ = 0;
  std::vector<T> values_;
};

template <class Derived, class T>
concept Sends = requires(Derived& derived, const Record<T>& record) {
  derived.send(record);
};

}  // namespace detail

/// The base of exporters that collect now and send later. `Derived` writes `send(const Record<T>&)` for each of `Ts`;
/// collect(), results(), send(), send_all() and clear() come with it.
///
///     struct ToSocket : si::BaseExporter<ToSocket, double, std::string> {
///       void send(const si::Record<double>& record);
///       void send(const si::Record<std::string>& record);
///     };
///
/// The latest `capacity` records are kept, sent or not. A record that must make room before it was sent is counted by
/// dropped(). All methods may be called from any thread; sends never overlap.
template <class Derived, class... Ts>
class BaseExporter {
 public:
  static_assert(sizeof...(Ts) > 0, "stream_infer: BaseExporter<Derived, T...> needs the result types that it collects");
  using AnyRecord = typename detail::AnyRecordOf<Ts...>::type;  ///< Record<T>, or a std::variant of several
  static constexpr std::size_t default_capacity = 4096;

  /// \param capacity  records kept, at least 1
  explicit BaseExporter(std::size_t capacity = default_capacity) : records_{detail::max<std::size_t>(1, capacity)} {
    static_assert(
        (detail::Sends<Derived, Ts> && ...),
        "stream_infer: an exporter on BaseExporter<Derived, T...> needs a public send(const si::Record<T>&) for "
        "each T");
  }

  template <class T>
    requires(std::is_same_v<T, Ts> || ...)
  void collect(const Record<T>& record) {
    const std::lock_guard lock{mutex_};
    if (records_.full()) {
      if (sent_ == 0)
        ++dropped_;
      else
        --sent_;
    }
    records_.push(AnyRecord{record});
  }

  /// A copy of the records that are kept, oldest first, sent or not.
  [[nodiscard]] std::vector<AnyRecord> results() const {
    const std::lock_guard lock{mutex_};
    return records_.copy();
  }

  /// Sends the oldest record that has not been sent. Returns false if there is none. Where `Derived` hides it:
  /// `using Derived::BaseExporter::send;`. If sending throws, the record counts as not sent.
  bool send() {
    const std::lock_guard sending{send_mutex_};
    return send_next();
  }

  /// Sends all records that have not been sent, oldest first. If sending throws, the rest is still to be sent.
  void send_all() {
    const std::lock_guard sending{send_mutex_};
    while (send_next()) {}
  }

  /// Forgets all records, sent or not; unsent ones count as dropped.
  void clear() {
    const std::lock_guard lock{mutex_};
    dropped_ += records_.size() - sent_;
    records_.clear();
    sent_ = 0;
    ++cleared_;
  }

  /// Records that had to go before they were sent.
  [[nodiscard]] std::uint64_t dropped() const {
    const std::lock_guard lock{mutex_};
    return dropped_;
  }

 private:
  bool send_next() {
    std::unique_lock lock{mutex_};
    if (sent_ == records_.size()) return false;
    const AnyRecord record = records_.at(sent_);
    const std::uint64_t dropped = dropped_;
    const std::uint64_t cleared = cleared_;
    lock.unlock();  // sending may take long: collecting goes on
    if constexpr (sizeof...(Ts) == 1)
      static_cast<Derived&>(*this).send(record);
    else
      std::visit([this](const auto& one) { static_cast<Derived&>(*this).send(one); }, record);
    lock.lock();
    if (cleared == cleared_ && dropped == dropped_)
      ++sent_;
    else
      --dropped_;  // it was cleared, or had to make room, while it was being sent: not dropped after all
    return true;
  }

  mutable std::mutex mutex_;
  std::mutex send_mutex_;
  detail::BoundedHistory<AnyRecord> records_;
  std::size_t sent_ = 0;  // of records_, from the oldest
  std::uint64_t dropped_ = 0;
  std::uint64_t cleared_ = 0;
};

}  // namespace stream_infer
