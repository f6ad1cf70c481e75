#pragma once

#include "stream_infer/core/min_max.hpp"
#include "stream_infer/ffmpeg/compat.hpp"
#include "stream_infer/ffmpeg/handle.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <vector>

namespace stream_infer::ffmpeg {

using Bytes = std::span<const std::uint8_t>;

/// What a packet's own bits say about the picture in it.
struct PictureTraits {
  /// Whether decoding can begin here and give the same pixels as from the start of the stream.
  enum class Entry : std::uint8_t {
    none,
    open,   ///< but for leading pictures: those that come after this one and are shown before it may refer to what was
            ///< before
    closed  ///< for all that comes after it
  };
  Entry entry = Entry::none;
  bool droppable = false;       ///< no other picture refers to it
  bool hidden = false;          ///< it is decoded and not shown
  bool sure_of_before = false;  ///< though a leading picture, it does not refer to what was before its entry
};

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

  /// Whether the decoder must be emptied where packets before an entry point are left out.
  [[nodiscard]] virtual bool flush_at_jump() const { return false; }

  /// Appends to `sets` what the packet holds that later pictures may refer to, though it is left out itself.
  virtual void keep_parameter_sets(const AVPacket& /*packet*/, std::vector<std::uint8_t>& /*sets*/) const {}
};

namespace detail {

[[nodiscard]] inline Bytes bytes_of(const std::uint8_t* data, int size) {
  return {data, data == nullptr || size < 0 ? 0 : static_cast<std::size_t>(size)};
}
[[nodiscard]] inline Bytes bytes_of(const AVPacket& packet) { return bytes_of(packet.data, packet.size); }

/// Walks through the network abstraction layer units of a packet of H.264 or HEVC.
class NalUnits {
 public:
  /// \param length_size  the bytes of the length before each unit; 0 where start codes divide them
  NalUnits(Bytes data, std::size_t length_size) : rest_{data}, length_size_{length_size} {
    if (length_size_ == 0) skip_to_start_code();
  }

  /// The next unit that is not empty, or an empty one at the end, also where the lengths make no sense.
  Bytes next() {
    Bytes unit;
    while (unit.empty() && !rest_.empty() && !broken_)
      unit = length_size_ == 0 ? up_to_start_code() : as_long_as_said();
    return unit;
  }

  [[nodiscard]] bool broken() const { return broken_; }

 private:
  Bytes as_long_as_said() {
    std::size_t length = 0;
    if (rest_.size() >= length_size_)
      for (std::size_t i = 0; i < length_size_; ++i) length = length << 8 | rest_[i];
    if (rest_.size() < length_size_ || length > rest_.size() - length_size_) {
      broken_ = true;
      return {};
    }
    const Bytes unit = rest_.subspan(length_size_, length);
    rest_ = rest_.subspan(length_size_ + length);
    return unit;
  }

  Bytes up_to_start_code() {
    const std::size_t end = find_start_code();
    const Bytes unit = rest_.first(end);
    rest_ = rest_.subspan(end);
    skip_to_start_code();
    return unit;
  }

  void skip_to_start_code() {
    const std::size_t at = find_start_code();
    rest_ = rest_.subspan(stream_infer::detail::min(at + 3, rest_.size()));
  }

  [[nodiscard]] std::size_t find_start_code() const {
    for (std::size_t i = 0; i + 3 <= rest_.size(); ++i) {
      if (rest_[i + 2] > 1)
        i += 2;  // no start code has this byte
      else if (rest_[i] == 0 && rest_[i + 1] == 0 && rest_[i + 2] == 1)
        return i;
    }
    return rest_.size();
  }

  Bytes rest_;
  std::size_t length_size_;
  bool broken_ = false;
};

/// Appends each unit of `packet` that is one of `sets` and not yet among them.
template <class IsParameterSet>
void keep_units(Bytes packet, std::size_t length_size, IsParameterSet is_parameter_set,
                std::vector<std::uint8_t>& sets) {
  NalUnits units{packet, length_size};
  for (Bytes unit = units.next(); !unit.empty(); unit = units.next()) {
    if (!is_parameter_set(unit)) continue;
    bool kept = false;
    NalUnits known{Bytes{sets.data(), sets.size()}, length_size};
    for (Bytes old = known.next(); !old.empty() && !kept; old = known.next())
      kept = old.size() == unit.size() && std::memcmp(old.data(), unit.data(), unit.size()) == 0;
    if (kept) continue;
    for (std::size_t i = length_size == 0 ? 3 : length_size; i > 0; --i)
      sets.push_back(length_size != 0 ? static_cast<std::uint8_t>(unit.size() >> (8 * (i - 1))) : i == 1 ? 1 : 0);
    for (const std::uint8_t byte : unit) sets.push_back(byte);
  }
}

/// ITU-T H.264, 7.3.1 and 7.4.1.2.4.
/// An IDR picture clears everything, so nothing need be emptied before it.
class H264Bitstream final : public Bitstream {
 public:
  explicit H264Bitstream(const AVCodecParameters& parameters) {
    const Bytes extra = bytes_of(parameters.extradata, parameters.extradata_size);
    if (extra.size() >= 7 && extra[0] == 1) length_size_ = (extra[4] & 3U) + 1;
    context_.reset(not_null(avcodec_alloc_context3(nullptr)));
    if (avcodec_parameters_to_context(context_.get(), &parameters) < 0) throw std::bad_alloc{};
    parser_.reset(not_null(av_parser_init(AV_CODEC_ID_H264)));
    parser_->flags |= PARSER_FLAG_COMPLETE_FRAMES;
  }

  [[nodiscard]] std::optional<PictureTraits> inspect(const AVPacket& packet) override {
    if (!is_whole_frame(packet)) return {};
    NalUnits units{bytes_of(packet), length_size_};
    int first_slices = 0, slices = 0, idr_slices = 0, referred = 0;
    for (Bytes unit = units.next(); !unit.empty(); unit = units.next()) {
      const int type = unit[0] & 31;
      if (type >= 2 && type <= 4) return {};  // data partitions
      if (type != 1 && type != 5) continue;
      if (unit.size() < 2) return {};
      ++slices;
      if (type == 5) ++idr_slices;
      if ((unit[0] & 0x60) != 0) ++referred;
      if ((unit[1] & 0x80) != 0) ++first_slices;  // first_mb_in_slice is 0
    }
    if (units.broken() || first_slices != 1 || (idr_slices != 0 && idr_slices != slices)) return {};
    return PictureTraits{.entry = idr_slices != 0 ? PictureTraits::Entry::closed : PictureTraits::Entry::none,
                         .droppable = referred == 0};
  }

  void keep_parameter_sets(const AVPacket& packet, std::vector<std::uint8_t>& sets) const override {
    const auto is_one = [](Bytes unit) { return (unit[0] & 31) == 7 || (unit[0] & 31) == 8 || (unit[0] & 31) == 13; };
    keep_units(bytes_of(packet), length_size_, is_one, sets);
  }

 private:
  static void close_parser(AVCodecParserContext* parser) noexcept { av_parser_close(parser); }

  /// Of two fields, each may be a packet, and one alone may be referred to. FFmpeg's parser knows.
  [[nodiscard]] bool is_whole_frame(const AVPacket& packet) {
    std::uint8_t* out = nullptr;
    int size = 0;
    parser_->picture_structure = AV_PICTURE_STRUCTURE_UNKNOWN;
    av_parser_parse2(parser_.get(), context_.get(), &out, &size, packet.data, packet.size, packet.pts, packet.dts, 0);
    return parser_->picture_structure == AV_PICTURE_STRUCTURE_FRAME;
  }

  std::size_t length_size_ = 0;
  UniqueCodecContext context_;
  Handle<AVCodecParserContext, close_parser> parser_;
};

/// ITU-T H.265, 7.3.1, 7.4.2.2 and 8.1.3.
class HevcBitstream final : public Bitstream {
 public:
  explicit HevcBitstream(const AVCodecParameters& parameters) {
    const Bytes extra = bytes_of(parameters.extradata, parameters.extradata_size);
    if (extra.size() > 22 && (extra[0] != 0 || extra[1] != 0 || extra[2] > 1)) {
      length_size_ = (extra[21] & 3U) + 1;
      read_configuration(extra);
    } else {
      NalUnits units{extra, 0};
      for (Bytes unit = units.next(); !unit.empty(); unit = units.next()) read_video_parameters(unit);
    }
  }

  [[nodiscard]] bool flush_at_jump() const override { return true; }  // the numbers of pictures count on

  void keep_parameter_sets(const AVPacket& packet, std::vector<std::uint8_t>& sets) const override {
    const auto is_one = [](Bytes unit) { return type_of(unit) >= 32 && type_of(unit) <= 34; };
    keep_units(bytes_of(packet), length_size_, is_one, sets);
  }

  [[nodiscard]] std::optional<PictureTraits> inspect(const AVPacket& packet) override {
    NalUnits units{bytes_of(packet), length_size_};
    PictureTraits traits;
    int first_slices = 0;
    for (Bytes unit = units.next(); !unit.empty(); unit = units.next()) {
      if (unit.size() < 3) return {};
      if (((unit[0] & 1) << 5 | unit[1] >> 3) != 0) continue;  // another layer: not decoded
      const int type = type_of(unit);
      read_video_parameters(unit);
      if (type == 36 || type == 37) return {};  // an end of sequence changes what comes after it
      if (type > 31) continue;
      if (type >= 10 && (type < 16 || type > 21)) return {};  // reserved
      if (type >= 16 && type <= 18) return {};                // a broken link: what leads it is not shown
      if ((unit[2] & 0x80) == 0) continue;                    // not the picture's first slice
      ++first_slices;
      if (type >= 16 && (unit[2] & 0x40) != 0) return {};  // pictures before it that were not shown yet never are
      if (type == 19 || type == 20) traits.entry = PictureTraits::Entry::closed;
      if (type == 21) traits.entry = PictureTraits::Entry::open;
      // even types: no picture of the same temporal layer refers to it; of a higher layer, if there is one, it may
      traits.droppable = type < 10 && type % 2 == 0 && (unit[1] & 7) - 1 == highest_layer_;
      traits.sure_of_before = type == 6 || type == 7;  // RADL
    }
    if (units.broken() || first_slices != 1) return {};
    return traits;
  }

 private:
  static int type_of(Bytes unit) { return unit[0] >> 1 & 63; }

  void read_video_parameters(Bytes unit) {
    if (unit.size() < 4 || type_of(unit) != 32) return;
    highest_layer_ = stream_infer::detail::max(highest_layer_, unit[3] >> 1 & 7);
  }

  /// ISO/IEC 14496-15, 8.3.3.1: arrays of units with their lengths.
  void read_configuration(Bytes extra) {
    std::size_t at = 23;
    for (int arrays = extra[22]; arrays > 0 && at + 3 <= extra.size(); --arrays) {
      int units = extra[at + 1] << 8 | extra[at + 2];
      for (at += 3; units > 0 && at + 2 <= extra.size(); --units) {
        const auto size = static_cast<std::size_t>(extra[at] << 8 | extra[at + 1]);
        at += 2;
        if (size > extra.size() - at) return;
        read_video_parameters(extra.subspan(at, size));
        at += size;
      }
    }
  }

  std::size_t length_size_ = 0;
  int highest_layer_ = 0;
};

/// ISO/IEC 11172-2 and 13818-2, 6.2.
class Mpeg2Bitstream final : public Bitstream {
 public:
  [[nodiscard]] bool flush_at_jump() const override { return true; }  // its decoder keeps two pictures to refer to

  [[nodiscard]] std::optional<PictureTraits> inspect(const AVPacket& packet) override {
    NalUnits units{bytes_of(packet), 0};  // its start codes are the same
    bool sequence = false, closed = false, broken_link = false;
    int pictures = 0, type = 0;
    for (Bytes unit = units.next(); !unit.empty(); unit = units.next()) {
      if (unit[0] == 0xb3) sequence = true;
      if (unit[0] == 0xb7) return {};  // the end of a sequence
      if (unit[0] == 0xb8 && unit.size() > 4) {
        closed = (unit[4] & 0x40) != 0;
        broken_link = (unit[4] & 0x20) != 0;
      }
      if (unit[0] == 0x00 && unit.size() > 2) {
        ++pictures;
        type = unit[2] >> 3 & 7;
      }
      const bool is_field = unit[0] == 0xb5 && unit.size() > 3 && unit[1] >> 4 == 8 && (unit[3] & 3) != 3;
      if (is_field) return {};
    }
    if (pictures != 1 || type < 1 || type > 3 || broken_link) return {};
    using Entry = PictureTraits::Entry;
    const Entry entry = type != 1 || !sequence ? Entry::none : closed ? Entry::closed : Entry::open;
    return PictureTraits{.entry = entry, .droppable = type == 3};
  }
};

/// RFC 6386, 9.1.
class Vp8Bitstream final : public Bitstream {
 public:
  [[nodiscard]] std::optional<PictureTraits> inspect(const AVPacket& data) override {
    Bytes packet = bytes_of(data);
    if (packet.size() < 10) return {};
    const bool shown = (packet[0] & 0x10) != 0;
    const bool key = (packet[0] & 1) == 0 && shown;
    return PictureTraits{.entry = key ? PictureTraits::Entry::closed : PictureTraits::Entry::none, .hidden = !shown};
  }
};

/// VP9 Bitstream & Decoding Process Specification, 6.2 and annex B.
class Vp9Bitstream final : public Bitstream {
 public:
  [[nodiscard]] std::optional<PictureTraits> inspect(const AVPacket& data) override {
    Bytes packet = bytes_of(data);
    if (packet.empty()) return {};
    const unsigned marker = packet.back();
    std::size_t frames = 1, size_bytes = 0;
    if ((marker & 0xe0) == 0xc0) {  // a superframe, with an index of its frames' sizes at its end
      frames = (marker & 7) + 1;
      size_bytes = (marker >> 3 & 3) + 1;
      const std::size_t index_size = 2 + frames * size_bytes;
      if (packet.size() < index_size || packet[packet.size() - index_size] != marker) return {};
    }
    const Bytes index = size_bytes == 0 ? Bytes{} : packet.subspan(packet.size() - 1 - frames * size_bytes);
    int shown = 0;
    bool key = false;
    for (std::size_t i = 0; i < frames; ++i) {
      std::size_t size = packet.size();
      if (size_bytes != 0) {
        size = 0;
        for (std::size_t byte = size_bytes; byte > 0; --byte) size = size << 8 | index[i * size_bytes + byte - 1];
        if (size > packet.size()) return {};
      }
      if (size == 0) return {};
      const unsigned head = static_cast<unsigned>(packet[0]) << 8 | (size > 1 ? packet[1] : 0U);
      if (head >> 14 != 2) return {};
      const bool profile_3 = (head >> 12 & 3) == 3;
      const unsigned bits = head << (profile_3 ? 5 : 4);  // from show_existing_frame on, at bit 15
      const bool existing = (bits & 0x8000) != 0;
      const bool is_key = !existing && (bits & 0x4000) == 0;
      const bool is_shown = existing || (bits & 0x2000) != 0;
      if (i == 0) key = is_key && is_shown;
      if (is_shown) ++shown;
      packet = packet.subspan(size_bytes == 0 ? 0 : size);
    }
    if (shown > 1) return {};
    return PictureTraits{.entry = key ? PictureTraits::Entry::closed : PictureTraits::Entry::none,
                         .hidden = shown == 0};
  }
};

/// AV1 Bitstream & Decoding Process Specification, 5.3 to 5.9.
class Av1Bitstream final : public Bitstream {
 public:
  [[nodiscard]] std::optional<PictureTraits> inspect(const AVPacket& data) override {
    Bytes packet = bytes_of(data);
    bool sequence = false, key = false, any = false;
    int shown = 0;
    while (!packet.empty()) {
      const unsigned head = packet[0];
      const unsigned type = head >> 3 & 15;
      const bool extended = (head & 4) != 0, sized = (head & 2) != 0;
      if (extended && (packet.size() < 2 || (packet[1] >> 3 & 3) != 0)) return {};  // spatial layers
      packet = packet.subspan(extended ? 2 : 1);
      std::size_t size = packet.size();
      if (sized && !read_size(packet, size)) return {};
      const Bytes payload = packet.first(size);
      packet = packet.subspan(size);
      if (type == 1) {
        if (payload.empty() || (payload[0] & 8) != 0) return {};  // a still picture's short header
        sequence = true;
      }
      if (type != 3 && type != 6) continue;
      if (payload.empty()) return {};
      const bool existing = (payload[0] & 0x80) != 0;
      const bool is_key = !existing && (payload[0] & 0x60) == 0;
      const bool is_shown = existing || (payload[0] & 0x10) != 0;
      if (!any) key = is_key && is_shown;
      any = true;
      if (is_shown) ++shown;
    }
    if (!any || shown > 1) return {};
    return PictureTraits{.entry = key && sequence ? PictureTraits::Entry::closed : PictureTraits::Entry::none,
                         .hidden = shown == 0};
  }

 private:
  /// Takes a leb128() number off the front.
  static bool read_size(Bytes& packet, std::size_t& size) {
    size = 0;
    for (unsigned i = 0; i < 5 && i < packet.size(); ++i) {
      size |= static_cast<std::size_t>(packet[i] & 0x7f) << (7 * i);
      if ((packet[i] & 0x80) != 0) continue;
      packet = packet.subspan(i + 1);
      return size <= packet.size();
    }
    return false;
  }
};

/// Codecs whose pictures all stand alone.
class IntraBitstream final : public Bitstream {
 public:
  explicit IntraBitstream(AVCodecID codec) : codec_{codec} {}

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

}  // namespace detail

namespace detail {

/// std::make_unique, but not of each kind: that costs as much as reading this header does.
template <class B, class... Args>
std::unique_ptr<Bitstream> make(const Args&... arguments) {
  return std::unique_ptr<Bitstream>{new B{arguments...}};
}

}  // namespace detail

/// What can be read of the pictures of a stream; null where nothing can be relied on.
[[nodiscard]] inline std::unique_ptr<Bitstream> make_bitstream(const AVCodecParameters& parameters) {
  switch (parameters.codec_id) {
    case AV_CODEC_ID_H264:
      // FFmpeg makes up for an old encoder's errors in 4:4:4, which it knows by a comment in the first packet.
      if (parameters.profile == 244 || parameters.profile == 44) return nullptr;
      return detail::make<detail::H264Bitstream>(parameters);
    case AV_CODEC_ID_HEVC: return detail::make<detail::HevcBitstream>(parameters);
    case AV_CODEC_ID_MPEG1VIDEO:
    case AV_CODEC_ID_MPEG2VIDEO: return detail::make<detail::Mpeg2Bitstream>();
    case AV_CODEC_ID_VP8: return detail::make<detail::Vp8Bitstream>();
    case AV_CODEC_ID_VP9: return detail::make<detail::Vp9Bitstream>();
    case AV_CODEC_ID_AV1: return detail::make<detail::Av1Bitstream>();
    case AV_CODEC_ID_MJPEG:
    case AV_CODEC_ID_PRORES:
    case AV_CODEC_ID_DNXHD:
    case AV_CODEC_ID_JPEG2000:
    case AV_CODEC_ID_HUFFYUV:
    case AV_CODEC_ID_UTVIDEO:
    case AV_CODEC_ID_V210: return detail::make<detail::IntraBitstream>(parameters.codec_id);
    case AV_CODEC_ID_RAWVIDEO:
      if (parameters.format == AV_PIX_FMT_PAL8) return nullptr;  // a palette may come with an earlier picture
      return detail::make<detail::IntraBitstream>(parameters.codec_id);
    default: return nullptr;
  }
}

}  // namespace stream_infer::ffmpeg
