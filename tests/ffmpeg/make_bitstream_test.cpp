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

TEST_CASE("A picture of MPEG-2 that brings matrices for those after it cannot be planned", "[ffmpeg][bitstream]") {
  AVCodecParameters* parameters = avcodec_parameters_alloc();
  REQUIRE(parameters != nullptr);
  parameters->codec_id = AV_CODEC_ID_MPEG2VIDEO;
  const auto bitstream = si::ffmpeg::make_bitstream(*parameters);
  avcodec_parameters_free(&parameters);
  const auto inspect = [&](std::vector<std::uint8_t> bytes) {
    const si::ffmpeg::UniquePacket packet = si::ffmpeg::make_packet();
    packet->data = bytes.data();
    packet->size = static_cast<int>(bytes.size());
    return bitstream->inspect(*packet);
  };
  const std::vector<std::uint8_t> b_picture{0, 0, 1, 0, 0, 3 << 3, 0xff, 0xf8};
  REQUIRE(inspect(b_picture));
  CHECK(inspect(b_picture)->droppable);
  std::vector<std::uint8_t> with_matrices = b_picture;
  with_matrices.insert(with_matrices.end(), {0, 0, 1, 0xb5, 3 << 4, 0});
  CHECK_FALSE(inspect(with_matrices));
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
