#pragma once

#include "stream_infer/core/error.hpp"
#include "stream_infer/core/media_time.hpp"
#include "stream_infer/exporter/json.hpp"
#include "stream_infer/exporter/record.hpp"
#include "stream_infer/exporter/stored_record.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>

namespace stream_infer {

/// Why a store did not take records.
class StoreError : public Error {
 public:
  enum class Kind : std::uint8_t {
    retry,   ///< the store is not there, is busy, is full, or does not let us in: the same may succeed later
    poison,  ///< it will never take one of these records, whatever happens
  };

  /// \param store  its name and address, without credentials
  /// \param after  how long the store asks to be left alone
  StoreError(Kind kind, std::error_code code, std::string_view store, std::string_view reason,
             std::optional<MediaTime> after = {})
      : Error{code, "export", store, reason}, kind_{kind}, retry_after_{after} {}

  [[nodiscard]] Kind kind() const noexcept { return kind_; }
  [[nodiscard]] std::optional<MediaTime> retry_after() const noexcept { return retry_after_; }

 private:
  Kind kind_;
  std::optional<MediaTime> retry_after_;
};

/// Where records are kept.
///
/// `write(records)` returns when the store has them all. If it throws, it may have some of them, and the same records may
/// be written again: a store that knows keys (record_key()) has each once even so. One that has a `sync()` on top of that
/// promises to survive a loss of power only once that has returned, too. One thread at a time.
template <class S>
concept RecordStore = requires(S& store, std::span<const StoredRecord> records) {
  store.write(records);
};

namespace detail {

/// Gives a RecordStore the collect() of an exporter: each record is written at once, by the thread that brings it.
template <class Derived>
class CollectsOneByOne {
 public:
  /// \throws StoreError  if the store does not take it: it is lost to it, and Inference counts it as an export failure
  /// \throws Error       if JSON cannot hold the value
  template <JsonValue T>
  void collect(const Record<T>& record) {
    const StoredRecord stored = to_stored(record);
    static_cast<Derived&>(*this).write(std::span<const StoredRecord>{&stored, 1});
  }
};

/// Calls `use` for one part of `records` after the other, each of about `most_bytes` or of one record.
template <class Use>
void in_parts(std::span<const StoredRecord> records, std::size_t most_bytes, Use use) {
  while (!records.empty()) {
    std::size_t count = 0;
    for (std::size_t bytes = 0; count < records.size() && (count == 0 || bytes < most_bytes); ++count)
      bytes += records[count].bytes();
    use(records.first(count));
    records = records.subspan(count);
  }
}

}  // namespace detail
}  // namespace stream_infer
