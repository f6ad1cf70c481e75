#pragma once

#include "stream_infer/core/error.hpp"

#include <chrono>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>

namespace stream_infer {

enum class PlayState : std::uint32_t {
  idle,          ///< nothing has been played yet
  connecting,    ///< the source is being opened
  playing,       ///< frames are being played
  stalled,       ///< live: no frame has come for a while; the source has not been given up yet
  reconnecting,  ///< live: the source is lost, or could not be opened, and will be tried again: see PlayStatus
  ended,         ///< the source has ended
  stopped,       ///< stop() was called, or the play() loop was left
  failed,        ///< the source could not be opened or failed for good: see PlayStatus::error
};

[[nodiscard]] constexpr std::string_view to_string(PlayState state) {
  switch (state) {
    case PlayState::idle: return "idle";
    case PlayState::connecting: return "connecting";
    case PlayState::playing: return "playing";
    case PlayState::stalled: return "stalled";
    case PlayState::reconnecting: return "reconnecting";
    case PlayState::ended: return "ended";
    case PlayState::stopped: return "stopped";
    case PlayState::failed: return "failed";
  }
  return "unknown";
}

[[nodiscard]] constexpr bool is_active(PlayState state) {
  return state >= PlayState::connecting && state <= PlayState::reconnecting;
}

/// How a play stands.
struct PlayStatus {
  PlayState state = PlayState::idle;
  std::optional<Error> error = {};                       ///< why it failed, or why it reconnects
  std::uint32_t attempt = 0;                             ///< reconnecting: how often in a row, from 1
  std::chrono::steady_clock::time_point next_attempt{};  ///< reconnecting: when it will be tried again
};

}  // namespace stream_infer
