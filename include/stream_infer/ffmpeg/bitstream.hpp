#pragma once

#include "stream_infer/ffmpeg/compat.hpp"
#include "stream_infer/ffmpeg/picture_traits.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace stream_infer::ffmpeg {

/// Reads the beginnings of a codec's pictures: only what must be known to leave some out. Given all packets of a stream, in
/// order.
class Bitstream {
 public:
  Bitstream() = default;
  Bitstream(const Bitstream&) = delete;
  Bitstream& operator=(const Bitstream&) = delete;
  virtual ~Bitstream() = default;

  /// Of a packet that holds just one picture; nothing if it does not, or if it cannot be told.
  [[nodiscard]] virtual std::optional<PictureTraits> inspect(const AVPacket& packet) = 0;

  /// The most pictures that may be decoded before one and shown after it, if the decoder is to put them in order at once.
  [[nodiscard]] virtual std::size_t most_reordered() const { return SIZE_MAX; }

  /// Whether the decoder finds out how many pictures it must put in order, for the bits may not say it: one that has not
  /// seen them all would have to find out again, and lose a picture.
  [[nodiscard]] virtual bool finds_out_order() const { return false; }

  /// Whether the decoder must be emptied where packets before an entry point are left out.
  [[nodiscard]] virtual bool flush_at_jump() const { return false; }

  /// Appends to `sets`, which are bytes, what the packet holds that later pictures may refer to, though it is left out itself.
  /// Returns false if that is too much.
  [[nodiscard]] virtual bool keep_parameter_sets(const AVPacket& /*packet*/, std::string& /*sets*/) const {
    return true;
  }
};

}  // namespace stream_infer::ffmpeg
