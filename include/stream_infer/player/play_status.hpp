#pragma once

#include "stream_infer/core/error.hpp"

#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>

namespace stream_infer {

enum class PlayState : std::uint32_t {
  idle,     ///< nothing has been played yet
  opening,  ///< the source is being opened
  playing,  ///< frames are being played
  ended,    ///< the source has ended
  stopped,  ///< stop() was called, or the play() loop was left
  failed,   ///< the source could not be opened or failed for good: see PlayStatus::error
};

[[nodiscard]] constexpr std::string_view to_string(PlayState state) {
  switch (state) {
    case PlayState::idle: return "idle";
    case PlayState::opening: return "opening";
    case PlayState::playing: return "playing";
    case PlayState::ended: return "ended";
    case PlayState::stopped: return "stopped";
    case PlayState::failed: return "failed";
  }
  return "unknown";
}

[[nodiscard]] constexpr bool is_active(PlayState state) {
  return state == PlayState::opening || state == PlayState::playing;
}

/// How a play stands.
struct PlayStatus {
  PlayState state = PlayState::idle;
  std::optional<Error> error = {};  ///< why it failed
};

namespace detail {

/// The exception that is being handled, as an Error that names `step` and `source`.
[[nodiscard]] inline Error current_error(std::string_view step, const std::string& source) {
  try {
    throw;
  } catch (const Error& error) {
    return error;
  } catch (...) {
    return Error{Errc::producer_failed, step, source, message_of(std::current_exception())};
  }
}

}  // namespace detail
}  // namespace stream_infer
