#include "stream_infer/ffmpeg/stream_index.hpp"

#include "ffmpeg/clips.hpp"
#include "stream_infer/ffmpeg/demuxer.hpp"
#include "stream_infer/ffmpeg/packet.hpp"
#include "support/catch.hpp"
#include "support/media.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace ffmpeg = stream_infer::ffmpeg;
using stream_infer::test::make_media;
using stream_infer::test::path_of;

namespace {

ffmpeg::Demuxer open(const std::string& path) { return {path, {}, {}}; }

}  // namespace

TEST_CASE("The index of an MP4 has every picture, and tells the hidden ones", "[ffmpeg][stream_index]") {
  const std::string whole = path_of("pyramid.mp4");
  const ffmpeg::Demuxer all = open(whole);
  CHECK(all.index().size() == 50);
  CHECK(all.index().hidden() == 0);
  CHECK(all.has_whole_index());

  // Copied from between two key frames, it begins at the earlier one, and hides what nobody asked for.
  const ffmpeg::Demuxer part = open(make_media("-ss 0.5 -i '" + whole + "' -c copy", "cut.mp4"));
  CHECK(part.index().size() == 50);
  CHECK(part.index().hidden() == 13);
  CHECK_FALSE(part.has_whole_index());
}

TEST_CASE("Every packet is found in the index of an MP4", "[ffmpeg][stream_index]") {
  for (const std::string_view name : {"pyramid.mp4", "vp9.mp4", "prores.mov"}) {
    ffmpeg::Demuxer demuxer = open(path_of(name));
    ffmpeg::Packet packet;
    std::size_t read = 0;
    for (; demuxer.read(packet) == ffmpeg::Demuxer::Status::packet; ++read)
      CHECK(demuxer.index().find(*packet) == std::optional{read});
    CHECK(demuxer.index().size() == read);
  }
}

TEST_CASE("A packet of another file, or none, is not found", "[ffmpeg][stream_index]") {
  const ffmpeg::Demuxer demuxer = open(path_of("pyramid.mp4"));
  const ffmpeg::UniquePacket packet = ffmpeg::make_packet();
  CHECK(demuxer.index().find(*packet) == std::nullopt);
  packet->dts = demuxer.index()[7].timestamp;
  packet->pos = demuxer.index()[7].pos + 1;
  CHECK(demuxer.index().find(*packet) == std::nullopt);
  packet->pos = demuxer.index()[7].pos;
  CHECK(demuxer.index().find(*packet) == std::optional<std::size_t>{7});
  packet->dts = demuxer.index()[49].timestamp + 1;
  CHECK(demuxer.index().find(*packet) == std::nullopt);
}

TEST_CASE("An index that does not have all packets is not whole", "[ffmpeg][stream_index]") {
  for (const std::string_view name : {"fragments.mp4", "pyramid.mkv", "pyramid.ts", "mjpeg.avi"})
    CHECK_FALSE(open(path_of(name)).has_whole_index());
}
