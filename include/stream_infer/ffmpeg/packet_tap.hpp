#pragma once

#include "stream_infer/core/media_time.hpp"
#include "stream_infer/ffmpeg/compat.hpp"

#include <cstdint>
#include <optional>

namespace stream_infer {

/// Hears of every compressed packet of a source while it is played: FFmpegOptions::taps. Its calls come from one thread at a
/// time, but for played(); what they throw ends the play.
class PacketTap {
 public:
  PacketTap() = default;
  PacketTap(const PacketTap&) = delete;
  PacketTap& operator=(const PacketTap&) = delete;
  virtual ~PacketTap() = default;

  /// A source has been opened, perhaps again. \param video  the index of the stream that is played
  virtual void open(AVFormatContext& source, int video) = 0;
  /// A packet of that stream, or of an audio stream, has been read.
  virtual void packet(const AVPacket& packet) = 0;
  /// What has that time stamp in the video stream is a frame at that media time.
  virtual void shown(std::int64_t timestamp, MediaTime time) = 0;
  /// What comes next does not join what has come: the source ends, is lost, or is gone to another place.
  virtual void cut() = 0;
  /// The frame of that media time is handed out: reading may be well ahead of it. Nothing: for now there is no more. On the
  /// thread of the player, at the same time as the other calls.
  virtual void played(std::optional<MediaTime> time) = 0;
};

}  // namespace stream_infer
