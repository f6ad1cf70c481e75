#pragma once

#include "stream_infer/ffmpeg/bitstream.hpp"
#include "stream_infer/ffmpeg/bytes.hpp"
#include "stream_infer/ffmpeg/compat.hpp"

#include <cstddef>
#include <optional>

namespace stream_infer::ffmpeg::detail {

/// Codecs whose pictures all stand alone.
class IntraBitstream final : public Bitstream {
 public:
  explicit IntraBitstream(AVCodecID codec) : codec_{codec} {}

  [[nodiscard]] std::size_t most_reordered() const override { return 0; }

  [[nodiscard]] std::optional<PictureTraits> inspect(const AVPacket& data) override {
    const Bytes packet = bytes_of(data);
    if (packet.empty() || (codec_ == AV_CODEC_ID_MJPEG && !has_tables(packet))) return {};
    return PictureTraits{.entry = PictureTraits::Entry::closed, .droppable = true};
  }

 private:
  /// ITU-T T.81, annex B: a picture may leave out its tables and use those of one before it.
  static bool has_tables(Bytes packet) {
    bool quantisation = false, huffman = false;
    int pictures = 0;
    for (std::size_t at = 2; at + 4 <= packet.size() && packet[at] == 0xff;) {
      const unsigned marker = packet[at + 1];
      if (marker == 0xda) break;
      if (marker == 0xdb) quantisation = true;
      if (marker == 0xc4) huffman = true;
      if (marker >= 0xc0 && marker <= 0xc3) ++pictures;
      at += 2 + static_cast<std::size_t>(packet[at + 2] << 8 | packet[at + 3]);
    }
    return quantisation && huffman && pictures == 1;
  }

  AVCodecID codec_;
};

}  // namespace stream_infer::ffmpeg::detail
