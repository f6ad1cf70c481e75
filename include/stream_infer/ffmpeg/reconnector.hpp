#pragma once

#include "stream_infer/core/error.hpp"
#include "stream_infer/core/media_time.hpp"
#include "stream_infer/core/min_max.hpp"
#include "stream_infer/ffmpeg/compat.hpp"
#include "stream_infer/ffmpeg/error.hpp"
#include "stream_infer/producer/back_off.hpp"
#include "stream_infer/producer/producer.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <system_error>
#include <utility>

namespace stream_infer::ffmpeg {

/// Whether opening a source again will not help. What has played before was right in most ways: then a path that is not
/// there, or does not make sense, may be so only until its publisher is back.
[[nodiscard]] inline bool is_permanent(const Error& error, bool has_played) {
  const std::error_code code = error.code();
  if (code.category() == error_category())
    return !has_played || code == Errc::not_allowed || code == Errc::limit_exceeded || code == Errc::invalid_argument;
  if (code.category() != ffmpeg_category()) return false;
  switch (code.value()) {
    case AVERROR_HTTP_UNAUTHORIZED:
    case AVERROR_HTTP_FORBIDDEN: return true;
    case AVERROR_HTTP_BAD_REQUEST:
    case AVERROR_HTTP_NOT_FOUND:
    case AVERROR_HTTP_OTHER_4XX:
    case AVERROR_PROTOCOL_NOT_FOUND:
    case AVERROR_DEMUXER_NOT_FOUND:
    case AVERROR_DECODER_NOT_FOUND:
    case AVERROR_OPTION_NOT_FOUND:
    case AVERROR(EINVAL): return !has_played;
    default: return false;
  }
}

/// Asks a ReconnectPolicy what to do about the losses of one source. One thread at a time.
class Reconnector {
 public:
  using Clock = std::chrono::steady_clock;

  static constexpr MediaTime healthy{30'000'000'000};                ///< after that long, a loss is a first one
  static constexpr MediaTime longest_pause{86'400'000'000'000'000};  ///< whatever the policy says: 1000 days

  explicit Reconnector(ReconnectPolicy policy)
      : policy_{std::move(policy)},
        random_{static_cast<std::uint64_t>(Clock::now().time_since_epoch().count()) ^
                static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(this))} {}

  /// Frames come.
  void playing() {
    if (!playing_since_) playing_since_ = Clock::now();
    has_played_ = true;
  }

  /// The source is lost, or could not be opened. What becomes of it: reconnecting, or nothing if it is given up.
  [[nodiscard]] std::optional<Connection> lost(const Error& error) {
    const Clock::time_point now = Clock::now();
    if (playing_since_ && now - *playing_since_ >= healthy) attempts_ = 0;
    playing_since_.reset();
    if (attempts_ != UINT32_MAX) ++attempts_;
    if (!policy_) return std::nullopt;
    const std::optional<MediaTime> pause = policy_(
        {.error = error, .attempt = attempts_, .permanent = is_permanent(error, has_played_), .random = next_random()});
    if (!pause) return std::nullopt;
    return Connection{.state = Connection::State::reconnecting,
                      .attempt = attempts_,
                      .next_attempt = now + stream_infer::detail::clamp(*pause, MediaTime{0}, longest_pause),
                      .error = error};
  }

 private:
  /// S. Vigna's SplitMix64.
  std::uint64_t next_random() {
    std::uint64_t z = random_ += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }

  ReconnectPolicy policy_;
  std::uint64_t random_;
  std::uint32_t attempts_ = 0;
  std::optional<Clock::time_point> playing_since_;
  bool has_played_ = false;
};

}  // namespace stream_infer::ffmpeg
