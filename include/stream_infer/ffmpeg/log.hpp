#pragma once

#include "stream_infer/ffmpeg/compat.hpp"

namespace stream_infer::ffmpeg {

/// Keeps FFmpeg's chatter off stderr. Its log level is one for the whole process and belongs to the user: it is set to
/// quiet once, when the first source is opened, and only if it is still FFmpeg's default. Who wants to see it calls
/// `av_log_set_level(AV_LOG_WARNING)` before, or after.
inline void quiet_log_once() {
  [[maybe_unused]] static const bool once = [] {
    if (av_log_get_level() == AV_LOG_INFO) av_log_set_level(AV_LOG_QUIET);
    return true;
  }();
}

}  // namespace stream_infer::ffmpeg
