#pragma once

#include "stream_infer/core/error.hpp"
#include "stream_infer/exporter/exporter.hpp"
#include "stream_infer/exporter/record.hpp"
#include "stream_infer/inference/latest_records.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <string>

namespace stream_infer::detail {

/// Where the lanes' results go: one at a time to the exporter, and kept as the latest ones if a process hook wants them.
template <class E, class... Values>
class Outlet {
 public:
  using Latest = LatestRecords<Values...>;

  explicit Outlet(E& exporter) : exporter_{&exporter} {}

  /// Hands a record of algorithm number `I` over. Returns the message of what the exporter, or copying the record, threw;
  /// empty if nothing did.
  template <std::size_t I, class T>
  std::string collect(const Record<T>& record) {
    const std::lock_guard lock{mutex_};
    try {
      if constexpr (std::copyable<T>) {
        if (keep_latest_) {
          latest_.template set<I>(record);
          ++version_;
        }
      }
      exporter_->collect(record);
      return {};
    } catch (...) {
      return report(RunError{record.time, record.frame_index, record.algo, {}, std::current_exception(), record.epoch});
    }
  }

  /// Lets the exporter send what it collected, if it is one that sends later.
  void send_all() {
    if constexpr (SendsAll<E>) {
      const std::lock_guard lock{mutex_};
      try {
        exporter_->send_all();
      } catch (...) {
        ++send_failures_;
        last_send_error_ = report(RunError{{}, 0, Name{"exporter"}, {}, std::current_exception()});
      }
    }
  }

  void fail(RunError error) {
    const std::lock_guard lock{mutex_};
    report(std::move(error));
  }

  void keep_latest() { keep_latest_ = true; }

  /// How often send_all() threw in this run, and what it said last.
  [[nodiscard]] std::uint64_t send_failures() const {
    const std::lock_guard lock{mutex_};
    return send_failures_;
  }
  [[nodiscard]] std::string last_send_error() const {
    const std::lock_guard lock{mutex_};
    return last_send_error_;
  }

  /// A new run: forgets the latest records, and counts from nothing.
  void begin_run() {
    const std::lock_guard lock{mutex_};
    latest_ = Latest{};
    ++version_;
    send_failures_ = 0;
    last_send_error_.clear();
  }

  /// Brings `copy` up to date, if it is not.
  void latest(Latest& copy, std::uint64_t& version) const {
    const std::lock_guard lock{mutex_};
    if (version == version_) return;
    copy = latest_;
    version = version_;
  }

 private:
  std::string report(RunError error) {
    error.message = message_of(error.exception);
    if constexpr (CollectsErrors<E>) {
      try {
        exporter_->on_error(error);
      } catch (...) {  // it was told not to; the failure is counted and kept in the report all the same
      }
    }
    return error.message;
  }

  E* exporter_;
  mutable std::mutex mutex_;
  bool keep_latest_ = false;
  std::uint64_t version_ = 1;
  std::uint64_t send_failures_ = 0;
  std::string last_send_error_;
  Latest latest_;
};

}  // namespace stream_infer::detail
