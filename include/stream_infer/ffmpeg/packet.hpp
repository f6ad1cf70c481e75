#pragma once

#include "stream_infer/ffmpeg/handle.hpp"

namespace stream_infer::ffmpeg {

/// One AVPacket that is used again and again: whoever fills it finds it empty.
class Packet {
 public:
  /// Empty, ready to be filled.
  [[nodiscard]] AVPacket* refill() noexcept {
    av_packet_unref(packet_.get());
    return packet_.get();
  }
  void move_to(AVPacket& empty) noexcept { av_packet_move_ref(&empty, packet_.get()); }
  [[nodiscard]] const AVPacket& operator*() const noexcept { return *packet_; }
  [[nodiscard]] const AVPacket* operator->() const noexcept { return packet_.get(); }
  [[nodiscard]] const AVPacket* get() const noexcept { return packet_.get(); }

 private:
  UniquePacket packet_ = make_packet();
};

}  // namespace stream_infer::ffmpeg
