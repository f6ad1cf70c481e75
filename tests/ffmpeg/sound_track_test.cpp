#include "stream_infer/ffmpeg/sound_track.hpp"

#include "stream_infer/ffmpeg/error.hpp"
#include "support/beeps.hpp"
#include "support/catch.hpp"
#include "support/files.hpp"
#include "support/media.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace si = stream_infer;
namespace test = stream_infer::test;
using namespace std::chrono_literals;
using si::ffmpeg::Output;
using si::ffmpeg::SoundTap;
using si::ffmpeg::SoundTrack;

namespace {

/// A source that has been opened, for a tap.
class Source {
 public:
  explicit Source(const std::string& path) {
    AVFormatContext* opened = nullptr;
    REQUIRE(avformat_open_input(&opened, path.c_str(), nullptr, nullptr) >= 0);
    context_.reset(opened);
    REQUIRE(avformat_find_stream_info(opened, nullptr) >= 0);
    video_ = av_find_best_stream(opened, AVMEDIA_TYPE_VIDEO, -1, -1, nullptr, 0);
  }

  void open(SoundTap& tap) { tap.open(*context_, video_); }

  /// Gives all its sound. Returns how many packets.
  std::size_t read(SoundTap& tap) {
    std::size_t count = 0;
    const si::ffmpeg::UniquePacket packet = si::ffmpeg::make_packet();
    while (av_read_frame(context_.get(), packet.get()) >= 0) {
      if (packet->stream_index != video_) ++count;
      tap.packet(*packet);
      av_packet_unref(packet.get());
    }
    return count;
  }

 private:
  si::ffmpeg::UniqueFormatContext context_;
  int video_ = -1;
};

/// Takes all that there is. Returns when the first was, and how many.
std::size_t take_all(SoundTap& tap, si::MediaTime& first) {
  std::size_t count = 0;
  while (const auto packet = tap.take(si::MediaTime::max()))
    if (count++ == 0) first = packet->time();
  return count;
}

}  // namespace

TEST_CASE("The sound of a source that was lost before its first picture does not keep what comes after it",
          "[ffmpeg][sound]") {
  SoundTap tap;
  Source lost{test::make_beeps("beep.mp4")}, found{test::make_beeps("beep.mp4")};
  lost.open(tap);
  const std::size_t without_times = lost.read(tap);
  si::MediaTime first{};
  CHECK(take_all(tap, first) == 0);
  found.open(tap);
  const std::size_t count = found.read(tap);
  CHECK(take_all(tap, first) == 0);
  tap.shown(0, 7s);
  CHECK(take_all(tap, first) == count);
  CHECK(first <= 7s);
  CHECK(first > 6900ms);
  CHECK(tap.dropped() == without_times);
}

TEST_CASE("Another sound than that which a track began with is counted, not written", "[ffmpeg][sound]") {
  const test::TemporaryFolder folder;
  for (const std::string other : {"-ar 22050 -ac 1", "-ar 44100 -ac 2"}) {
    CAPTURE(other);
    Source first{test::make_beeps("beep.mp4")},
        second{test::make_media("-f lavfi -i testsrc2=size=160x96:rate=25 -f lavfi -i sine=440 -t 2 -pix_fmt yuv420p "
                                "-c:v libx264 -g 25 -c:a aac " +
                                    other,
                                "other" + other.substr(4, 5) + ".mp4")};
    const auto tap = std::make_shared<SoundTap>();
    SoundTrack track{tap};
    Output output{{.url = folder / "out.mka", .owner = "Test"}};
    output.open();
    first.open(*tap);
    track.add_to(output);
    output.begin();
    track.begin(0s);
    const std::size_t same = first.read(*tap);
    tap->shown(0, 0s);
    track.write(output, 10s);
    const std::uint64_t written = output.bytes();
    CHECK(written > 1000);
    CHECK(track.dropped() <= 2);  // what leads the first picture
    const std::uint64_t before = track.dropped();
    second.open(*tap);
    const std::size_t not_same = second.read(*tap);
    tap->shown(0, 20s);
    track.write(output, 30s);
    CHECK(output.bytes() == written);
    CHECK(track.dropped() == before + not_same);
    CHECK(same > not_same);
    output.end();
  }
}
