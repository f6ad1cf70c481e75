#pragma once

#include "stream_infer/core/callback.hpp"
#include "stream_infer/core/error.hpp"
#include "stream_infer/core/media_time.hpp"
#include "stream_infer/core/min_max.hpp"

#include <cstdint>
#include <optional>

namespace stream_infer {

/// A live source that could not be opened, or was lost.
struct ConnectionLoss {
  const Error& error;         ///< why
  std::uint32_t attempt = 1;  ///< how often in a row, from 1; anew after it has played for 30 s
  bool permanent = false;     ///< the source says, or it stands to reason, that another attempt will not help
  std::uint64_t random = 0;   ///< for jitter: evenly distributed bits
};

/// How long to wait before a live source is opened again; nothing gives it up, and its error ends the play. Called on any
/// thread, also by several plays at once. Files are never opened again.
using ReconnectPolicy = Callback<std::optional<MediaTime>(const ConnectionLoss&)>;

/// Waits for a random time between 0 and a limit that doubles with each attempt ("full jitter", so that many who have lost
/// the same server do not all come back at once; M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
/// Goes on for ever, but for losses that are permanent.
struct BackOff {
  MediaTime first{500'000'000};       ///< the limit at the first attempt
  MediaTime longest{30'000'000'000};  ///< the highest limit

  [[nodiscard]] std::optional<MediaTime> operator()(const ConnectionLoss& loss) const {
    if (loss.permanent) return std::nullopt;
    const MediaTime most = limit(loss.attempt);
    return MediaTime{static_cast<std::int64_t>(static_cast<double>(most.count()) *
                                               (static_cast<double>(loss.random >> 11) * 0x1p-53))};
  }

  /// The longest pause before that attempt.
  [[nodiscard]] MediaTime limit(std::uint32_t attempt) const {
    MediaTime limit = first;
    for (std::uint32_t i = 1; i < attempt && limit < longest; ++i) limit *= 2;
    return detail::min(limit, longest);
  }
};

/// Gives a live source up at its first failure.
struct NoReconnect {
  [[nodiscard]] std::optional<MediaTime> operator()(const ConnectionLoss&) const { return std::nullopt; }
};

}  // namespace stream_infer
