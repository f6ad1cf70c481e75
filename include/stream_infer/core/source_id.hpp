#pragma once

#include "stream_infer/core/media_time.hpp"
#include "stream_infer/core/name.hpp"

namespace stream_infer {

/// Which play of which source something comes from. Two plays of a recording have the same; two of a live source do not.
struct SourceId {
  Name name{};          ///< what the Player was given, through redact(); empty for frames that no Player played
  WallTime began_at{};  ///< live: when its media time began, by this machine's clock; 1970 for recordings

  friend bool operator==(const SourceId&, const SourceId&) = default;
};

}  // namespace stream_infer
