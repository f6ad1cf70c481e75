#include "stream_infer/ffmpeg/demuxer.hpp"

#include "ffmpeg/clips.hpp"
#include "ffmpeg/reference.hpp"
#include "support/catch.hpp"
#include "support/fault_row.hpp"
#include "support/files.hpp"
#include "support/media.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

using namespace std::chrono_literals;
using namespace stream_infer;
using Catch::Matchers::ContainsSubstring;
using ffmpeg::Demuxer;
using ffmpeg::Packet;

namespace {

SourceInfo info_of(const std::string& source, const FFmpegOptions& options = {}) {
  return FFmpegProducer{options}.get_info(source);
}

/// How many packets there are, and whether the source then calls itself truncated.
struct Whole {
  std::uint64_t packets = 0;
  bool truncated = false;
};
Whole read_all(const std::string& source) {
  Demuxer demuxer{source, {}, {}};
  Packet packet;
  Whole whole;
  for (auto status = demuxer.read(packet); status != Demuxer::Status::end; status = demuxer.read(packet))
    if (status == Demuxer::Status::packet) ++whole.packets;
  whole.truncated = demuxer.is_truncated(whole.packets);
  return whole;
}

std::string without_video(const Error& error) {
  CHECK(error.code() == Errc::no_video_stream);
  CHECK(error.step() == "find video stream");
  return error.reason();
}

}  // namespace

TEST_CASE("What a container tells is what the info says", "[ffmpeg][demuxer]") {
  struct Told {
    std::string_view clip, codec;
    bool frames, duration;
  };
  const auto told = GENERATE(Told{"pyramid.mp4", "h264", true, true}, Told{"pyramid.mkv", "h264", false, true},
                             Told{"pyramid.ts", "h264", false, true}, Told{"pyramid.avi", "h264", true, true},
                             Told{"pyramid.flv", "h264", false, true}, Told{"pyramid.h264", "h264", false, false},
                             Told{"fragments.mp4", "h264", false, true}, Told{"mjpeg.avi", "mjpeg", true, true},
                             Told{"prores.mov", "prores", true, true}, Told{"vp9_alt_ref.webm", "vp9", false, true},
                             Told{"mpeg2.ts", "mpeg2video", false, true}, Told{"theora.ogv", "theora", false, true},
                             Told{"wmv2.asf", "wmv2", false, true}, Told{"palette.gif", "gif", true, true});
  INFO(told.clip);
  const SourceInfo info = info_of(test::path_of(told.clip));
  CHECK(info.width == 96);
  CHECK(info.height == 64);
  CHECK(info.fps == Rational{25});
  CHECK(info.codec == told.codec);
  CHECK_FALSE(info.live);
  CHECK_FALSE(info.interlaced);
  CHECK(info.frame_count.has_value() == told.frames);
  if (info.frame_count) CHECK(*info.frame_count == 50);
  CHECK(info.duration.has_value() == told.duration);
  if (info.duration)
    CHECK(std::abs((*info.duration - 2s).count()) <= 80'000'000);  // two frames: some count them otherwise
  CHECK(info.time_base.is_positive());
}

TEST_CASE("What nobody can know is unknown, and not 0", "[ffmpeg][demuxer]") {
  const SourceInfo endless = info_of("lavfi:testsrc2=size=64x48:rate=30000/1001");
  CHECK(endless.width == 64);
  CHECK(endless.fps == Rational{30000, 1001});
  CHECK_FALSE(endless.frame_count);
  CHECK_FALSE(endless.duration);
  CHECK_FALSE(endless.live);
  const SourceInfo raw = info_of(test::path_of("pyramid.h264"));
  CHECK_FALSE(raw.frame_count);
  CHECK_FALSE(raw.duration);
}

TEST_CASE("Interlaced video says so", "[ffmpeg][demuxer]") {
  CHECK(info_of(test::path_of("interlaced.ts")).interlaced);
  CHECK_FALSE(info_of(test::path_of("pyramid.ts")).interlaced);
}

TEST_CASE("Frame rates are exact", "[ffmpeg][demuxer]") {
  const auto [rate, fps] = GENERATE(table<std::string, Rational>({{"30000/1001", {30000, 1001}},
                                                                  {"24000/1001", {24000, 1001}},
                                                                  {"60000/1001", {60000, 1001}},
                                                                  {"12.5", {25, 2}},
                                                                  {"10", {10}}}));
  const std::string container = GENERATE("mp4", "mkv", "ts");
  const std::string clip =
      test::make_media("-f lavfi -i testsrc2=size=64x48:rate=" + rate + ":duration=3 -c:v libx264 -pix_fmt yuv420p",
                       "rate." + container);
  INFO(rate << ' ' << container);
  CHECK(info_of(clip).fps == fps);
}

TEST_CASE("The rate of a source with a variable one is the average", "[ffmpeg][demuxer]") {
  const std::string clip = test::make_media(
      "-f lavfi -i testsrc2=size=64x48:rate=30:duration=4 -vf \"select='not(eq(mod(n,3),1))'\" -vsync vfr -c:v libx264 "
      "-pix_fmt yuv420p",
      "vfr.mp4");
  const SourceInfo info = info_of(clip);
  REQUIRE(info.fps);
  CHECK(info.fps->to_double() == Approx(20).epsilon(0.05));
}

TEST_CASE("A source without pictures has no video stream", "[ffmpeg][demuxer]") {
  test::FaultRow row_30{30, "sound alone", "Clean: no video stream"};
  const std::string audio = test::make_media("-f lavfi -i sine=duration=1", "audio.mp4");
  const std::string picture = test::make_media("-f lavfi -i testsrc2=size=64x64:duration=1 -frames:v 1", "cover.png");
  const std::string cover = test::make_media(
      "-i '" + audio + "' -i '" + picture + "' -map 0 -map 1 -c:a copy -c:v copy -disposition:v:0 attached_pic",
      "cover.m4a");
  for (const std::string& source : {audio, cover}) {
    try {
      static_cast<void>(info_of(source));
      FAIL("it has one: " << source);
    } catch (const Error& error) {
      CHECK_THAT(without_video(error), ContainsSubstring("audio and cover art cannot be played"));
      CHECK(error.source() == source);
    }
  }
  row_30.happened("Errc::no_video_stream");
}

TEST_CASE("Cover art beside a video is not played", "[ffmpeg][demuxer]") {
  test::FaultRow row_31{31, "cover art, alone and beside a video", "Clean: no video stream; never played"};
  const std::string picture =
      test::make_media("-f lavfi -i testsrc2=size=200x200:duration=1 -frames:v 1", "large_cover.png");
  const std::string clip = test::make_media("-i '" + picture + "' -i '" + test::path_of("baseline.mp4") +
                                                "' -map 0 -map 1 -c copy -disposition:v:0 attached_pic",
                                            "with_cover.mp4");
  CHECK(info_of(clip).width == 96);
  CHECK(test::prints_of(clip).size() == 50);
  row_31.happened("so");
}

TEST_CASE("Of several video streams the default one is played, else the first", "[ffmpeg][demuxer]") {
  const std::string two =
      "-f lavfi -i testsrc2=size=96x64:rate=25:duration=1 -f lavfi -i testsrc2=size=320x180:rate=25:duration=1 -map "
      "0:v -map 1:v "
      "-c:v mpeg2video -b:v:0 50k -b:v:1 900k ";
  CHECK(info_of(test::make_media(two + "-disposition:v:0 default -disposition:v:1 0", "first.mkv")).width == 96);
  CHECK(info_of(test::make_media(two + "-disposition:v:0 0 -disposition:v:1 default", "second.mkv")).width == 320);
  CHECK(info_of(test::make_media(two + "-disposition:v:0 0 -disposition:v:1 0", "none.ts")).width == 96);
  CHECK(test::prints_of(test::make_media(two + "-disposition:v:0 default -disposition:v:1 0", "first.mkv")).size() ==
        25);
}

TEST_CASE("Of two programs the first one's video is played", "[ffmpeg][demuxer]") {
  test::FaultRow row{37, "an MPEG-TS with two programs", "a stated choice"};
  const std::string two =
      "-f lavfi -i testsrc2=size=96x64:rate=25:duration=1 -f lavfi -i testsrc2=size=320x180:rate=25:duration=1 -map "
      "0:v -map 1:v "
      "-c:v mpeg2video -program title=small:st=0 -program title=large:st=1";
  const std::string path = test::make_media(two, "programs.ts");
  CHECK(info_of(path).width == 96);
  CHECK(test::prints_of(path).size() == 25);
  row.happened("the first one's, 25 of 25 frames");
}

TEST_CASE("Pictures that an edit list hides are not counted", "[ffmpeg][demuxer]") {
  const std::string cut = test::make_media("-ss 0.5 -i '" + test::path_of("pyramid.mp4") + "' -c copy", "cut.mp4");
  const SourceInfo info = info_of(cut);
  const std::vector<test::Print> frames = test::prints_of(cut);
  CHECK(frames == test::reference_prints(cut));
  CHECK(info.frame_count == frames.size());
  CHECK(frames.size() == 37);
  CHECK_FALSE(read_all(cut).truncated);
}

TEST_CASE("The time line begins with the first picture", "[ffmpeg][demuxer]") {
  const std::string source = test::path_of("pyramid.mp4");
  const std::string container = GENERATE("mkv", "mp4", "ts", "flv");
  const std::string late = test::make_media("-itsoffset 3 -i '" + source + "' -c copy", "late." + container);
  const SourceInfo info = info_of(late);
  INFO(container);
  REQUIRE(info.duration);
  CHECK(*info.duration <= 2100ms);
  CHECK_FALSE(read_all(late).truncated);
  const std::vector<test::Print> frames = test::prints_of(late);
  REQUIRE(frames.size() == 50);
  CHECK(frames.front().time == 0s);
  CHECK(frames == test::prints_of(source));
}

TEST_CASE("A source that ends too early is truncated, where that can be known", "[ffmpeg][demuxer]") {
  struct Cut {
    std::string_view clip;
    bool known;
    double most = 0.85;  // of it left
  };
  const auto cut = GENERATE(Cut{"fragments.mp4", true}, Cut{"pyramid.mkv", true}, Cut{"vp9_alt_ref.webm", true},
                            Cut{"pyramid.avi", true, 0.4}, Cut{"mpeg4.avi", true, 0.4}, Cut{"mjpeg.avi", true, 0.4},
                            Cut{"pyramid.flv", true, 0.4}, Cut{"palette.gif", true}, Cut{"pyramid.ts", false},
                            Cut{"pyramid.h264", false});
  const std::string whole = test::path_of(cut.clip);
  INFO(cut.clip);
  CHECK_FALSE(read_all(whole).truncated);
  const test::TemporaryFolder folder;
  for (const double share : {0.6 * cut.most, 0.8 * cut.most, cut.most}) {
    test::Bytes file = test::read_file(whole);
    file.resize(static_cast<std::size_t>(static_cast<double>(file.size()) * share));
    const Whole part = read_all(folder.file(std::string{cut.clip}, file));
    CHECK(part.packets > 0);
    CHECK(part.packets < 50);
    CHECK(part.truncated == cut.known);
  }
}

TEST_CASE("A variable rate is not taken for a truncated file, nor its rate for more than it is", "[ffmpeg][demuxer]") {
  const std::string container = GENERATE("avi", "flv", "nut", "mkv", "mp4", "ts");
  INFO(container);
  const std::string clip = test::make_media(
      "-f lavfi -i testsrc2=size=96x64:rate=25:duration=20 -vf \"select='not(mod(n,9)*mod(n,11))',settb=1/600\" -vsync "
      "vfr "
      "-enc_time_base 1/600 -c:v libx264 -bf 2 -pix_fmt yuv420p",
      "irregular." + container);
  CHECK_FALSE(read_all(clip).truncated);
  CHECK(info_of(clip).fps <= Rational{25});
}

TEST_CASE("Sound that outlasts the pictures is no truncated file", "[ffmpeg][demuxer]") {
  const std::string container = GENERATE("wmv", "avi", "flv", "mkv", "mp4", "ts");
  INFO(container);
  const std::string clip = test::make_media(
      "-f lavfi -i testsrc2=size=96x64:rate=25:duration=2 -f lavfi -i sine=duration=9:sample_rate=44100 -c:v " +
          std::string{container == "wmv" ? "wmv2 -c:a wmav2" : "libx264 -c:a aac"},
      "longer_sound." + container);
  CHECK_FALSE(read_all(clip).truncated);
}

TEST_CASE("An MP4 with its index in front is truncated by what the index counts", "[ffmpeg][demuxer]") {
  const std::string whole =
      test::make_media("-i '" + test::path_of("pyramid.mp4") + "' -c copy -movflags faststart", "front.mp4");
  CHECK_FALSE(read_all(whole).truncated);
  const test::TemporaryFolder folder;
  test::Bytes file = test::read_file(whole);
  file.resize(file.size() - 1);  // one byte of the last picture
  const Whole part = read_all(folder.file("cut.mp4", file));
  CHECK(part.packets == 50);
  CHECK(part.truncated);
  file.resize(file.size() * 2 / 3);
  CHECK(read_all(folder.file("cut.mp4", file)).truncated);
}

TEST_CASE("A format that calls the end of its file an error has just ended", "[ffmpeg][demuxer]") {
  const std::string clip = test::make_media(
      "-f lavfi -i testsrc2=size=128x64:rate=30:duration=1 -pix_fmt yuvj444p -c:v roqvideo -strict -2", "game.roq");
  const Whole whole = read_all(clip);
  CHECK(whole.packets == 30);
  CHECK_FALSE(whole.truncated);
}

TEST_CASE("Seeking goes to a key frame at or before the place", "[ffmpeg][demuxer]") {
  Demuxer demuxer{test::path_of("baseline.mp4"), {}, {}};
  REQUIRE(demuxer.can_seek());
  Packet packet;
  for (const auto& [position, key] :
       {std::pair{1900ms, 1600ms}, {800ms, 800ms}, {799ms, 0ms}, {0ms, 0ms}, {90'000ms, 1600ms}}) {
    REQUIRE(demuxer.seek(position));
    REQUIRE(demuxer.read(packet) == Demuxer::Status::packet);
    CHECK((packet->flags & AV_PKT_FLAG_KEY) != 0);
    CHECK(demuxer.time_of(packet->pts) == key);
  }
}

TEST_CASE("Where seeking proves nothing it is not tried", "[ffmpeg][demuxer]") {
  CHECK_FALSE(Demuxer{"lavfi:testsrc2=size=64x48:rate=5", {}, {}}.can_seek());
  CHECK_FALSE(Demuxer{test::path_of("pyramid.h264"), {}, {}}.can_seek());  // no time stamps
  CHECK_FALSE(Demuxer{test::path_of("pyramid.ts"), {}, {}}.can_seek());    // its time stamps may begin anew
}

TEST_CASE("A network source with an end is not live", "[ffmpeg][demuxer]") {
  // Only sources that open without a network: files of every kind are not live, whatever they are called.
  CHECK_FALSE(Demuxer{test::path_of("baseline.mp4"), {}, {}}.live());
  CHECK_FALSE(Demuxer{"file:" + test::path_of("pyramid.h264"), {}, {}}.live());
  CHECK_FALSE(Demuxer{"lavfi:testsrc2=size=64x48:rate=5", {}, {}}.live());
}
