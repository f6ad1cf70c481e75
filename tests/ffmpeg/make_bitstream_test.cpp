#include "stream_infer/ffmpeg/make_bitstream.hpp"

#include "ffmpeg/clips.hpp"
#include "stream_infer/ffmpeg/demuxer.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace si = stream_infer;
using si::ffmpeg::PictureTraits;
using Entry = PictureTraits::Entry;

namespace {

struct Count {
  std::size_t packets = 0, closed = 0, open = 0, droppable = 0, hidden = 0, refused = 0;
};

Count count(const std::string& path) {
  si::ffmpeg::Demuxer demuxer{path, {}, {}};
  const auto bitstream = si::ffmpeg::make_bitstream(*demuxer.stream().codecpar);
  REQUIRE(bitstream);
  si::ffmpeg::Packet packet;
  Count count;
  while (demuxer.read(packet) == si::ffmpeg::Demuxer::Status::packet) {
    ++count.packets;
    const std::optional<PictureTraits> traits = bitstream->inspect(*packet);
    if (!traits) {
      ++count.refused;
      continue;
    }
    if (traits->entry == Entry::closed) ++count.closed;
    if (traits->entry == Entry::open) ++count.open;
    if (traits->droppable) ++count.droppable;
    if (traits->hidden) ++count.hidden;
  }
  return count;
}

}  // namespace

TEST_CASE("The bits of a picture say where decoding can begin, and what nobody refers to", "[ffmpeg][bitstream]") {
  // clang-format off
  struct Expected { std::string_view name; std::size_t closed, open; bool some_droppable, all_droppable; };
  const std::vector<Expected> all{
      {"baseline.mp4", 3, 0, false, false},  // 50 pictures, a key frame every 20
      {"pyramid.mp4", 3, 0, true, false},
      {"pyramid.ts", 3, 0, true, false},
      {"open_gop.mp4", 1, 0, true, false},  // the others are not IDR pictures
      {"refresh.mp4", 1, 0, false, false},
      {"sliced.mp4", 3, 0, true, false},
      {"open_gop_h265.mp4", 1, 2, true, false},
      {"closed_gop_h265.mkv", 3, 0, true, false},
      {"vp8.webm", 3, 0, false, false},
      {"vp9.mp4", 3, 0, false, false},
      {"av1.mkv", 3, 0, false, false},
      {"mpeg2.ts", 1, 4, true, false},  // every 12; only the first group is closed
      {"mjpeg.avi", 50, 0, true, true},
      {"prores.mov", 50, 0, true, true},
  };
  // clang-format on
  for (const Expected& expected : all) {
    CAPTURE(expected.name);
    const std::optional<std::string> path = si::test::path_of(si::test::find_clip(expected.name));
    if (!path) continue;
    const Count found = count(*path);
    CHECK(found.refused == 0);
    CHECK(found.packets >= 50);
    CHECK(found.packets - found.hidden == 50);
    CHECK(found.closed == expected.closed);
    CHECK(found.open == expected.open);
    CHECK((found.droppable > 0) == expected.some_droppable);
    CHECK((found.droppable == found.packets) == expected.all_droppable);
  }
}

TEST_CASE("Nothing is read of codecs that nothing can be proved of", "[ffmpeg][bitstream]") {
  for (const std::string_view name : {"mpeg4.mp4", "ffv1.mkv", "palette.gif", "palette.avi", "theora.ogv"}) {
    CAPTURE(name);
    const std::optional<std::string> path = si::test::path_of(si::test::find_clip(name));
    if (!path) continue;
    const si::ffmpeg::Demuxer demuxer{*path, {}, {}};
    CHECK_FALSE(si::ffmpeg::make_bitstream(*demuxer.stream().codecpar));
  }
}

TEST_CASE("No bytes are read beyond a packet's end", "[ffmpeg][bitstream]") {
  for (const si::test::Clip& clip : si::test::clips) {
    const std::optional<std::string> path = si::test::path_of(clip);
    if (!path) continue;
    CAPTURE(clip.name);
    si::ffmpeg::Demuxer demuxer{*path, {}, {}};
    const auto bitstream = si::ffmpeg::make_bitstream(*demuxer.stream().codecpar);
    if (!bitstream) continue;
    si::ffmpeg::Packet packet;
    std::string sets;
    for (int i = 0; i < 12 && demuxer.read(packet) == si::ffmpeg::Demuxer::Status::packet; ++i) {
      for (int size = 0; size < std::min(packet->size, 200); ++size) {
        // as long as it says, so that AddressSanitizer sees one byte too many; FFmpeg's own parser may read on a little
        const AVCodecID codec = demuxer.stream().codecpar->codec_id;
        const bool parsed = codec == AV_CODEC_ID_H264 || codec == AV_CODEC_ID_HEVC;
        std::vector<std::uint8_t> bytes(static_cast<std::size_t>(size + (parsed ? AV_INPUT_BUFFER_PADDING_SIZE : 0)));
        bytes.shrink_to_fit();
        std::copy_n(packet->data, size, bytes.data());
        const si::ffmpeg::UniquePacket cut = si::ffmpeg::make_packet();
        cut->data = bytes.data();
        cut->size = size;
        static_cast<void>(bitstream->inspect(*cut));
        static_cast<void>(bitstream->keep_parameter_sets(*cut, sets));
      }
    }
  }
}

namespace {

using Bytes = std::vector<std::uint8_t>;

/// Looks at packets of one stream.
struct Inspector {
  explicit Inspector(AVCodecID codec) {
    AVCodecParameters* parameters = avcodec_parameters_alloc();
    REQUIRE(parameters != nullptr);
    parameters->codec_id = codec;
    bitstream = si::ffmpeg::make_bitstream(*parameters);
    avcodec_parameters_free(&parameters);
    REQUIRE(bitstream);
  }
  explicit Inspector(si::ffmpeg::Demuxer& demuxer)
      : bitstream{si::ffmpeg::make_bitstream(*demuxer.stream().codecpar)} {}

  std::optional<PictureTraits> operator()(Bytes bytes) const {
    const int size = static_cast<int>(bytes.size());
    bytes.resize(bytes.size() + AV_INPUT_BUFFER_PADDING_SIZE);  // FFmpeg's parser reads on a little
    const si::ffmpeg::UniquePacket packet = si::ffmpeg::make_packet();
    packet->data = bytes.data();
    packet->size = size;
    return bitstream->inspect(*packet);
  }

  si::ffmpeg::Handle<si::ffmpeg::Bitstream> bitstream{nullptr};
};

Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

Bytes first_packet_of(si::ffmpeg::Demuxer& demuxer) {
  si::ffmpeg::Packet packet;
  REQUIRE(demuxer.read(packet) == si::ffmpeg::Demuxer::Status::packet);
  return {packet->data, packet->data + packet->size};
}

const Bytes sequence{0, 0, 1, 0xb3, 0x06, 0x00, 0x40, 0x13, 0xff, 0xff, 0xe0, 0x18};
const Bytes extension{0, 0, 1, 0xb5, 0x14, 0x8a, 0x00, 0x01, 0x00, 0x00};
const Bytes display{0, 0, 1, 0xb5, 0x2b, 1, 1, 1, 0x01, 0x82, 0x02, 0x00};
const Bytes low_delay{0, 0, 1, 0xb5, 0x14, 0x8a, 0x00, 0x01, 0x00, 0x80};
const Bytes group{0, 0, 1, 0xb8, 0, 8, 0, 0x40};
const Bytes i_picture{0, 0, 1, 0, 0, 1 << 3, 0xff, 0xf8};
const Bytes p_picture{0, 0, 1, 0, 0, 2 << 3, 0xff, 0xf8};
const Bytes b_picture{0, 0, 1, 0, 0, 3 << 3, 0xff, 0xf8};

}  // namespace

TEST_CASE("A picture of MPEG-2 that brings matrices for those after it cannot be planned", "[ffmpeg][bitstream]") {
  const Inspector inspect{AV_CODEC_ID_MPEG2VIDEO};
  REQUIRE(inspect(b_picture));
  CHECK(inspect(b_picture)->droppable);
  CHECK_FALSE(inspect(b_picture + Bytes{0, 0, 1, 0xb5, 3 << 4, 0}));
}

TEST_CASE("A sequence of MPEG-2 is as the one before it, or cannot be planned", "[ffmpeg][bitstream]") {
  const Bytes plain = sequence + extension;
  const auto can_follow = [](const Bytes& first, const Bytes& second) {
    const Inspector inspect{AV_CODEC_ID_MPEG2VIDEO};
    REQUIRE(inspect(first + i_picture));
    return inspect(second + i_picture).has_value();
  };
  CHECK(can_follow(plain, plain));
  CHECK(can_follow(plain + display, plain + display));
  CHECK_FALSE(can_follow(plain, plain + display));  // colours, which stay where nothing is said of them
  CHECK_FALSE(can_follow(plain + display, plain));
  CHECK_FALSE(can_follow(plain, sequence + low_delay));
}

TEST_CASE("What begins a group of MPEG-2 is a picture that stands alone, or cannot be planned", "[ffmpeg][bitstream]") {
  const Inspector inspect{AV_CODEC_ID_MPEG2VIDEO};
  CHECK(inspect(sequence + extension + group + i_picture));
  CHECK(inspect(group + i_picture));
  CHECK(inspect(p_picture));
  CHECK_FALSE(inspect(group + p_picture));
  CHECK_FALSE(inspect(sequence + extension + p_picture));
}

TEST_CASE("H.264 by an encoder whose errors FFmpeg makes up for cannot be planned", "[ffmpeg][bitstream]") {
  si::ffmpeg::Demuxer demuxer{si::test::path_of("pyramid.mp4"), {}, {}};
  const Bytes first = first_packet_of(demuxer);
  const std::string name = "x264 - core ";
  const auto at = std::search(first.begin(), first.end(), name.begin(), name.end());
  REQUIRE(at != first.end());
  const auto digits = static_cast<std::size_t>(at - first.begin()) + name.size();
  for (const auto& [core, can_plan] :
       {std::pair{"164", true}, {"034", true}, {"033", false}, {"8 r", false}, {"000", true}, {"x33", true}}) {
    CAPTURE(core);
    Bytes made = first;
    std::copy_n(core, 3, made.begin() + static_cast<std::ptrdiff_t>(digits));
    CHECK(Inspector{demuxer}(made).has_value() == can_plan);
  }
}

TEST_CASE("A picture that stands alone, and to which nothing refers, cannot be planned in H.264",
          "[ffmpeg][bitstream]") {
  si::ffmpeg::Demuxer demuxer{si::test::path_of("baseline.mp4"), {}, {}};
  Bytes first = first_packet_of(demuxer);
  REQUIRE(Inspector{demuxer}(first));
  bool found = false;
  for (std::size_t at = 0; at + 4 < first.size() && !found;) {
    std::size_t size = 0;
    for (int i = 0; i < 4; ++i) size = size << 8 | first[at++];
    found = (first[at] & 31) == 5;
    if (found) first[at] = 5;
    at += size;
  }
  REQUIRE(found);
  CHECK_FALSE(Inspector{demuxer}(first));
}

TEST_CASE("Another sequence parameter set of H.264 cannot be planned beyond", "[ffmpeg][bitstream]") {
  si::ffmpeg::Demuxer demuxer{si::test::path_of("pyramid.ts"), {}, {}};
  const Bytes first = first_packet_of(demuxer);
  const Inspector inspect{demuxer};
  REQUIRE(inspect(first));
  CHECK(inspect(first));
  Bytes other = first;
  const std::vector<std::uint8_t> set{0, 0, 1, 0x67};
  const auto at = std::search(other.begin(), other.end(), set.begin(), set.end());
  REQUIRE(at != other.end());
  *(at + 5) ^= 0x04;  // one of the constraints' flags
  CHECK_FALSE(inspect(other));
  CHECK(inspect(other));  // whoever does not mind that, such as a live stream's filter, may go on
}

TEST_CASE("A key frame of VP8 that keeps the segments of the picture before it cannot be planned",
          "[ffmpeg][bitstream]") {
  const Inspector inspect{AV_CODEC_ID_VP8};
  const auto key_frame = [](std::uint8_t header) {
    return Bytes{0x10, 0, 0, 0x9d, 1, 0x2a, 96, 0, 64, 0, header, 0, 0, 0};
  };
  // A coder of even chances writes bits nearly as they are: colours, clamping, segments, their map.
  CHECK(inspect(key_frame(0x00)));
  CHECK(inspect(key_frame(0x38)));        // segments, and a map
  CHECK_FALSE(inspect(key_frame(0x28)));  // segments, and no map
  CHECK(inspect(Bytes{0x10, 0, 0, 0x9d, 1, 0x2a, 96, 0, 64, 0}));
}

TEST_CASE("Pictures of more layers than HEVC said there were cannot be planned", "[ffmpeg][bitstream]") {
  si::ffmpeg::Demuxer demuxer{si::test::path_of("closed_gop_h265.mkv"), {}, {}};
  const Inspector inspect{demuxer};
  REQUIRE(inspect(first_packet_of(demuxer)));
  Bytes second = first_packet_of(demuxer);
  REQUIRE(inspect(second));
  second[5] =
      static_cast<std::uint8_t>((second[5] & 0xf8) | 7);  // after a unit's length and the first of its two bytes
  CHECK_FALSE(inspect(second));
}

TEST_CASE("Pictures of HEVC that may hide, or are given grain, cannot be planned", "[ffmpeg][bitstream]") {
  si::ffmpeg::Demuxer demuxer{si::test::path_of("h265.ts"), {}, {}};
  si::ffmpeg::Packet first;
  REQUIRE(demuxer.read(first) == si::ffmpeg::Demuxer::Status::packet);
  const auto can_plan_after = [&](std::vector<std::uint8_t> unit) {
    const auto bitstream = si::ffmpeg::make_bitstream(*demuxer.stream().codecpar);
    unit.insert(unit.begin(), {0, 0, 0, 1});
    const si::ffmpeg::UniquePacket packet = si::ffmpeg::make_packet();
    REQUIRE(av_new_packet(packet.get(), static_cast<int>(unit.size()) + first->size) == 0);
    std::copy(unit.begin(), unit.end(), packet->data);
    std::copy_n(first->data, first->size, packet->data + unit.size());
    return bitstream->inspect(*packet).has_value();
  };
  CHECK(can_plan_after({35 << 1, 1, 0x50}));                    // a delimiter
  CHECK(can_plan_after({34 << 1, 1, 0xc0, 0x80, 0x80}));        // sets 0 and 0, and no flag of output
  CHECK_FALSE(can_plan_after({34 << 1, 1, 0xd0, 0x80, 0x80}));  // with it
  CHECK_FALSE(can_plan_after({34 << 1, 1, 0x2a, 0x40, 0x80}));  // sets 4 and 1: 00101 010 0 1
  CHECK(can_plan_after({39 << 1, 1, 5, 1, 7, 0x80}));           // a message
  CHECK_FALSE(can_plan_after({39 << 1, 1, 19, 1, 7, 0x80}));    // film grain
}
