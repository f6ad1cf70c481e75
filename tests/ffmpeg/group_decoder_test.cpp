#include "stream_infer/ffmpeg/group_decoder.hpp"

#include "ffmpeg/clips.hpp"
#include "stream_infer/ffmpeg/demuxer.hpp"
#include "stream_infer/ffmpeg/make_bitstream.hpp"
#include "stream_infer/ffmpeg/packet.hpp"
#include "support/catch.hpp"
#include "support/process.hpp"
#include "support/random.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace si = stream_infer;
namespace test = stream_infer::test;
using si::ffmpeg::Decoder;
using si::ffmpeg::Demuxer;
using si::ffmpeg::GroupDecoder;
using test::Random;

namespace {

using Picture = std::pair<std::int64_t, std::uint64_t>;  ///< time stamp, and hash of the luma

Picture picture_of(const AVFrame& frame) {
  std::uint64_t hash = 14695981039346656037U;
  for (int y = 0; y < frame.height; ++y)
    for (int x = 0; x < frame.width; ++x) hash = (hash ^ frame.data[0][y * frame.linesize[0] + x]) * 1099511628211U;
  return {frame.pts, hash};
}

struct Source {
  explicit Source(const std::string& path) : demuxer{path, {}, {}} {
    const auto bitstream = si::ffmpeg::make_bitstream(*demuxer.stream().codecpar);
    for (si::ffmpeg::Packet packet; demuxer.read(packet) == Demuxer::Status::packet;) {
      const auto traits = bitstream->inspect(*packet);
      begins_group.push_back(traits && traits->entry == si::ffmpeg::PictureTraits::Entry::closed);
      si::ffmpeg::UniquePacket kept = si::ffmpeg::make_packet();
      packet.move_to(*kept);
      packets.push_back(std::move(kept));
    }
  }

  /// What one decoder gives.
  [[nodiscard]] std::vector<Picture> decode() {
    Decoder decoder{demuxer.stream(), 1, "clip"};
    const si::ffmpeg::UniqueFrame frame = si::ffmpeg::make_frame();
    std::vector<Picture> pictures;
    for (std::size_t sent = 0;;) {
      switch (decoder.receive(*frame)) {
        case Decoder::Status::frame: pictures.push_back(picture_of(*frame)); break;
        case Decoder::Status::hungry:
          CHECK(decoder.send(sent < packets.size() ? packets[sent].get() : nullptr));
          ++sent;
          break;
        case Decoder::Status::end: return pictures;
        case Decoder::Status::error: FAIL("the clip is whole"); break;
      }
    }
  }

  Demuxer demuxer;
  std::vector<si::ffmpeg::UniquePacket> packets;
  std::vector<bool> begins_group;
};

/// Groups are decoded apart by chance; so is what is wanted.
struct Play {
  Play(Source& from, Random& random)
      : source{&from},
        decoder{whole,
                from.demuxer.stream(),
                static_cast<int>(random.between(1, 5)),
                "clip",
                counters,
                {.packet_bytes = random.pick(std::vector<std::size_t>{1, 3000, 16U << 20}),
                 .kept_bytes = random.pick(std::vector<std::size_t>{1, 40'000, 32U << 20})}} {
    for (std::size_t i = 0; i < from.packets.size(); ++i) wanted.push_back(random.chance(40));
  }

  /// Gives the next packet, if there is one.
  void feed(Random& random) {
    if (sent == source->packets.size()) return decoder.finish();
    if (source->begins_group[sent] && (sent == 0 || random.chance(80))) decoder.begin_group(random.chance(70));
    decoder.send(*source->packets[sent], wanted[sent]);
    ++sent;
  }

  /// The time stamps of what must come out.
  [[nodiscard]] bool wants(std::int64_t timestamp) const {
    for (std::size_t i = 0; i < source->packets.size(); ++i)
      if (source->packets[i]->pts == timestamp) return wanted[i];
    return true;
  }

  Source* source;
  si::SourceCounters counters;
  Decoder whole{source->demuxer.stream(), 2, "clip"};
  GroupDecoder decoder;
  std::vector<bool> wanted;
  std::size_t sent = 0;
};

}  // namespace

TEST_CASE("Groups that are decoded side by side come out in their order, and as one decoder gives them",
          "[ffmpeg][group_decoder]") {
  for (const char* const name : {"pyramid.mp4", "pyramid.ts", "sliced.mp4", "closed_gop_h265.mkv", "vp8.webm",
                                 "vp9.mp4", "mpeg2.mkv", "mjpeg.avi", "prores.mov"}) {
    CAPTURE(name);
    Source source{test::path_of(name)};
    const std::vector<Picture> all = source.decode();
    test::for_random_cases(20, [&](Random& random) {
      Play play{source, random};
      const si::ffmpeg::UniqueFrame frame = si::ffmpeg::make_frame();
      std::size_t next = 0;  // of all
      for (bool ended = false; !ended;) {
        switch (play.decoder.receive(*frame, random.chance(30))) {
          case GroupDecoder::Status::frame: {
            const Picture picture = picture_of(*frame);
            while (next < all.size() && all[next].first < picture.first) REQUIRE_FALSE(play.wants(all[next++].first));
            REQUIRE(next < all.size());
            REQUIRE(picture == all[next++]);
            break;
          }
          case GroupDecoder::Status::hungry: play.feed(random); break;
          case GroupDecoder::Status::busy: break;
          case GroupDecoder::Status::end: ended = true; break;
        }
      }
      while (next < all.size()) REQUIRE_FALSE(play.wants(all[next++].first));
      CHECK(play.counters.frames_decoded == all.size());
      CHECK(play.counters.decode_errors == 0);
    });
  }
}

TEST_CASE("A decoder of groups may end at any moment", "[ffmpeg][group_decoder]") {
  Source source{test::path_of("pyramid.mp4")};
  const std::size_t threads = test::count_threads();
  test::for_random_cases(100, [&](Random& random) {
    Play play{source, random};
    const si::ffmpeg::UniqueFrame frame = si::ffmpeg::make_frame();
    for (std::int64_t steps = random.between(0, 80); steps > 0; --steps)
      if (play.decoder.receive(*frame, false) == GroupDecoder::Status::hungry) play.feed(random);
  });
  CHECK(test::eventually([&] { return test::count_threads() == threads; }));
}

TEST_CASE("Packets that cannot be decoded apart are counted, and hold nothing up", "[ffmpeg][group_decoder]") {
  Source source{test::path_of("pyramid.mp4")};
  test::for_random_cases(40, [&](Random& random) {
    for (const auto& packet : source.packets) {
      REQUIRE(av_packet_make_writable(packet.get()) == 0);
      if (random.chance(10) && packet->size > 12) packet->data[random.between(6, packet->size - 1)] ^= 0xff;
    }
    Play play{source, random};
    const si::ffmpeg::UniqueFrame frame = si::ffmpeg::make_frame();
    for (GroupDecoder::Status status{}; status != GroupDecoder::Status::end;) {
      status = play.decoder.receive(*frame, false);
      if (status == GroupDecoder::Status::hungry) play.feed(random);
    }
    CHECK(play.counters.frames_decoded <= source.packets.size());
  });
}
