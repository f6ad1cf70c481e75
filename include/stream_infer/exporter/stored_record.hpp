#pragma once

#include "stream_infer/core/media_time.hpp"
#include "stream_infer/core/name.hpp"
#include "stream_infer/core/source_id.hpp"

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace stream_infer {

/// A record as stores keep it, all of them in the same words. This is version 1 of the schema:
///
/// | field         | type           | meaning |
/// |---------------|----------------|---------|
/// | `key`         | text, 32 chars | the same for the same result, however often it is sent: record_key() |
/// | `source`      | text           | what was played, without credentials: SourceId::name |
/// | `began_at_ns` | integer        | live: when its media time began, in ns since 1970 (UTC); 0 for recordings |
/// | `epoch`       | integer        | Frame::epoch() |
/// | `algorithm`   | text           | the name given to load_algo |
/// | `frame_index` | integer        | of the window's last frame |
/// | `time_ns`     | integer        | of the window's last frame, in ns since the source's start |
/// | `value`       | JSON           | what run() returned |
///
/// `began_at_ns + time_ns` is the moment of a live frame by this machine's clock.
struct StoredRecord {
  static constexpr int schema = 1;

  SourceId source{};
  std::uint32_t epoch = 0;
  Name algorithm{};
  std::uint64_t frame_index = 0;
  MediaTime time{};
  std::string value{};  ///< JSON text, without line breaks

  [[nodiscard]] std::int64_t began_at_ns() const { return source.began_at.time_since_epoch().count(); }
  [[nodiscard]] std::int64_t time_ns() const { return time.count(); }

  /// About how much memory it takes.
  [[nodiscard]] std::size_t bytes() const { return sizeof(StoredRecord) + value.size(); }
};

namespace detail {

/// The FNV-1a hash (G. Fowler, L. C. Noll, K.-P. Vo) of some texts, each followed by a byte that is 0: 128 bits as 32
/// lower-case hexadecimal digits.
[[nodiscard]] inline std::string hash_of(std::initializer_list<std::string_view> texts) {
  __extension__ using Wide = unsigned __int128;
  constexpr Wide prime = Wide{1} << 88 | 0x13bU;
  Wide hash = Wide{0x6c62272e07bb0142U} << 64 | 0x62b821756295c58dU;
  for (const std::string_view text : texts) {
    for (const char character : text) hash = (hash ^ static_cast<unsigned char>(character)) * prime;
    hash *= prime;  // the byte that is 0
  }
  std::string digits(32, '0');
  for (std::size_t i = digits.size(); i > 0; --i, hash >>= 4)
    digits[i - 1] = "0123456789abcdef"[static_cast<int>(hash & 15)];
  return digits;
}

}  // namespace detail

/// What a record is known by: the 128 bits of the FNV-1a hash of its source, `began_at_ns`, epoch, algorithm, frame index and
/// `time_ns`, as text, each followed by a byte that is 0; written as 32 lower-case hexadecimal digits. So a repeat does no harm in a
/// store that knows its keys, and a recording that is played again gives the same ones.
[[nodiscard]] inline std::string record_key(const StoredRecord& record) {
  return detail::hash_of({record.source.name, std::to_string(record.began_at_ns()), std::to_string(record.epoch),
                          record.algorithm, std::to_string(record.frame_index), std::to_string(record.time_ns())});
}

}  // namespace stream_infer
