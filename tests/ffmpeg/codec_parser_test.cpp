#include "stream_infer/ffmpeg/codec_parser.hpp"

#include "ffmpeg/clips.hpp"
#include "stream_infer/ffmpeg/demuxer.hpp"
#include "stream_infer/ffmpeg/packet.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace ffmpeg = stream_infer::ffmpeg;

TEST_CASE("The numbers of pictures put them in the order of showing", "[ffmpeg][codec_parser]") {
  for (const std::string_view name : {"pyramid.mp4", "pyramid.ts", "closed_gop_h265.mkv", "h265.ts"}) {
    CAPTURE(name);
    ffmpeg::Demuxer demuxer{stream_infer::test::path_of(name), {}, {}};
    ffmpeg::CodecParser parser{*demuxer.stream().codecpar};
    ffmpeg::Packet packet;
    std::vector<std::pair<std::int64_t, std::int64_t>> pictures;  // time stamps and places of the first group
    while (demuxer.read(packet) == ffmpeg::Demuxer::Status::packet) {
      if (!pictures.empty() && (packet->flags & AV_PKT_FLAG_KEY) != 0) break;
      parser.parse(*packet);
      if (demuxer.stream().codecpar->codec_id == AV_CODEC_ID_H264) CHECK(parser.is_frame());
      const std::optional<std::int64_t> place = parser.place();
      REQUIRE(place);
      pictures.emplace_back(packet->pts, *place);
    }
    REQUIRE(pictures.size() > 8);
    std::sort(pictures.begin(), pictures.end());
    for (std::size_t i = 1; i < pictures.size(); ++i) CHECK(pictures[i - 1].second < pictures[i].second);
  }
}

TEST_CASE("A packet that holds no picture has no place", "[ffmpeg][codec_parser]") {
  ffmpeg::Demuxer demuxer{stream_infer::test::path_of("pyramid.mp4"), {}, {}};
  ffmpeg::CodecParser parser{*demuxer.stream().codecpar};
  ffmpeg::Packet packet;
  REQUIRE(demuxer.read(packet) == ffmpeg::Demuxer::Status::packet);
  parser.parse(*packet);
  REQUIRE(parser.place());
  const ffmpeg::UniquePacket nothing = ffmpeg::make_packet();
  REQUIRE(av_new_packet(nothing.get(), 6) == 0);
  const std::uint8_t delimiter[] = {0, 0, 0, 2, 9, 0xf0};
  std::copy(std::begin(delimiter), std::end(delimiter), nothing->data);
  parser.parse(*nothing);
  CHECK_FALSE(parser.place());
  CHECK_FALSE(parser.is_frame());
}

TEST_CASE("Of some codecs there is no parser", "[ffmpeg][codec_parser]") {
  CHECK(ffmpeg::CodecParser::has(AV_CODEC_ID_H264));
  CHECK_FALSE(ffmpeg::CodecParser::has(AV_CODEC_ID_HUFFYUV));
}
