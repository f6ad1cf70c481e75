#include "stream_infer/ffmpeg/planned_decoder.hpp"

#include "ffmpeg/clips.hpp"
#include "ffmpeg/exactness.hpp"
#include "ffmpeg/reference.hpp"
#include "stream_infer/core/manual_clock.hpp"
#include "stream_infer/exporter/memory_exporter.hpp"
#include "stream_infer/ffmpeg/ffmpeg_producer.hpp"
#include "stream_infer/ffmpeg/make_bitstream.hpp"
#include "stream_infer/ffmpeg/nal_units.hpp"
#include "stream_infer/inference/inference.hpp"
#include "stream_infer/player/play_needs.hpp"
#include "stream_infer/player/player.hpp"
#include "stream_infer/tracker/frame_tracker.hpp"
#include "support/catch.hpp"
#include "support/count_allocations.hpp"
#include "support/error_of.hpp"
#include "support/files.hpp"
#include "support/media.hpp"
#include "support/random.hpp"
#include "support/random_source.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace si = stream_infer;
using namespace std::chrono_literals;
using si::PictureNeed;
using si::test::Case;
using si::test::check_exact;
using si::test::Clip;
using si::test::for_random_cases;
using si::test::has_pixels;
using si::test::needs_of;
using si::test::Outcome;
using si::test::Print;
using si::test::Random;
using si::test::random_case;

namespace {

// clang-format off
/// Structures that matter to planning, beside those of `clips`.
const std::vector<Clip> more_clips{
    {"plan_long.mp4", "-pix_fmt yuv420p -c:v libx264 -g 250 -bf 2"},
    {"plan_vfr.mp4", "-vf \"select='not(mod(n,7))+not(mod(n,5))+lt(mod(n,20),8)'\" -vsync vfr -pix_fmt yuv420p -c:v libx264 -g 10 -bf 2"},
    {"plan_edit.mp4", "-pix_fmt yuv420p -c:v libx264 -g 20 -bf 2 -movflags +frag_keyframe -output_ts_offset 0.5"},
    {"plan_444.mp4", "-pix_fmt yuv444p -c:v libx264 -g 10 -bf 2"},
    {"plan_x264.mov", "-pix_fmt yuv420p -c:v libx264 -g 15 -bf 1 -x264-params ref=4:weightp=2"},
    {"plan_layers.mkv", "-pix_fmt yuv420p -c:v libx265 -x265-params log-level=none:keyint=20:min-keyint=20:temporal-layers=3:bframes=4"},
    {"plan_radl.mp4", "-pix_fmt yuv420p -c:v libx265 -x265-params log-level=none:keyint=15:min-keyint=15:open-gop=0:radl=2:bframes=4"},
    {"plan_cra.ts", "-pix_fmt yuv420p -c:v libx265 -x265-params log-level=none:keyint=10:min-keyint=10:open-gop=1:bframes=3:repeat-headers=1"},
    {"plan_svt.mp4", "-pix_fmt yuv420p -c:v libsvtav1 -preset 12 -g 16"},
    {"plan_closed.mpg", "-pix_fmt yuv420p -c:v mpeg2video -bf 2 -g 12 -flags +cgop -sc_threshold 1000000000"},
    {"plan_fields.ts", "-pix_fmt yuv420p -c:v mpeg2video -bf 2 -g 12 -flags +ildct+ilme -top 1"},
    {"plan_vp9.mkv", "-pix_fmt yuv420p -c:v libvpx-vp9 -g 10 -deadline realtime -cpu-used 8 -b:v 200k -error-resilient 1"},
    {"plan_dnxhd.mov", "-s 1280x720 -pix_fmt yuv422p -c:v dnxhd -b:v 90M"},
    {"plan_huffyuv.avi", "-pix_fmt yuv422p -c:v huffyuv"},
    {"plan_raw.nut", "-pix_fmt yuv420p -c:v rawvideo"},
    {"plan_jpeg2000.mkv", "-pix_fmt yuv420p -c:v jpeg2000"},
};

/// Whose time stamps are not in the order of showing, or not to be reckoned with.
const std::vector<Clip> odd_clips{
    {"plan_order.mp4", "-pix_fmt yuv420p -c:v libx264 -bf 2 -g 25 -bsf:v setts=pts=DTS"},
    {"plan_order.mkv", "-pix_fmt yuv420p -c:v libx264 -bf 3 -g 12 -x264-params b-pyramid=normal -bsf:v setts=pts=DTS"},
    {"plan_order_h265.mp4", "-pix_fmt yuv420p -c:v libx265 -x265-params log-level=none:keyint=10:min-keyint=10:bframes=3 -bsf:v setts=pts=DTS"},
    {"plan_order_mpeg2.mkv", "-pix_fmt yuv420p -c:v mpeg2video -bf 2 -g 12 -bsf:v setts=pts=DTS"},
    {"plan_order_mjpeg.mov", "-pix_fmt yuvj420p -c:v mjpeg -bsf:v \"setts=pts=PTS+if(mod(N\\,4)\\,0\\,1536)\""},
    {"plan_order_vp9.mp4", "-pix_fmt yuv420p -c:v libvpx-vp9 -g 10 -deadline realtime -cpu-used 8 -bsf:v \"setts=pts=PTS+if(mod(N\\,4)\\,0\\,1536)\""},
    {"plan_far.mkv", "-pix_fmt yuv420p -c:v libx264 -bf 0 -g 20 -bsf:v \"setts=ts=if(gte(N\\,25)\\,TS+10000000000000\\,TS)\""},
};
// clang-format on

/// 60 s, a group each 2 s.
std::string minute_clip() {
  return si::test::make_media(
      "-f lavfi -i testsrc2=size=96x64:rate=25:duration=60 -c:v libx264 -preset ultrafast -bf 2 -g 50 -pix_fmt yuv420p",
      "plan_steady.mp4");
}

}  // namespace

TEST_CASE("Every window is as in a full decode, whatever is left out, in every codec and container",
          "[ffmpeg][planned]") {
  std::vector<Clip> all = si::test::clips;
  all.insert(all.end(), more_clips.begin(), more_clips.end());
  for (const Clip& clip : all) {
    const std::optional<std::string> path = si::test::path_of(clip);
    if (!path) continue;
    CAPTURE(clip.name);
    const std::vector<Print> prints = si::test::prints_of(*path, {.width = 48, .height = 32});
    REQUIRE(prints.size() > 10);
    for_random_cases(si::test::few(40), [&](Random& random) {
      CHECK(check_exact(*path, random_case(random, 2s), prints).idle_pixels == 0);  // memory follows the windows
    });
  }
}

TEST_CASE("Time stamps that are not in the order of showing are not planned by", "[ffmpeg][planned]") {
  for (const Clip& clip : odd_clips) {
    const std::optional<std::string> path = si::test::path_of(clip);
    if (!path) continue;
    CAPTURE(clip.name);
    const std::vector<Print> prints = si::test::prints_of(*path, {.width = 48, .height = 32});
    for_random_cases(si::test::few(20), [&](Random& random) {
      Case made = random_case(random, 2s);
      made.position = 0s;
      check_exact(*path, made, prints);
    });
  }
}

namespace {

/// A play that falls behind, and catches up a little where nothing is asked for.
class FallingBehind {
 public:
  explicit FallingBehind(Random& random) : random_{static_cast<std::uint64_t>(random.between(0, 1'000'000'000))} {
    step_ = si::MediaTime{random.between(0, 200'000'000)};
  }
  si::MediaTime operator()() {
    now_ += si::MediaTime{random_.between(0, step_.count())};
    return now_;
  }

 private:
  Random random_;
  si::MediaTime step_{};
  si::MediaTime now_{-500ms};
};

}  // namespace

TEST_CASE("What comes too late is left out, and what does not is as in a full decode, in every codec and container",
          "[ffmpeg][planned]") {
  std::vector<Clip> all = si::test::clips;
  all.insert(all.end(), more_clips.begin(), more_clips.end());
  std::size_t clips_with_late = 0;
  for (const Clip& clip : all) {
    const std::optional<std::string> path = si::test::path_of(clip);
    if (!path) continue;
    CAPTURE(clip.name);
    const std::vector<Print> prints = si::test::prints_of(*path, {.width = 48, .height = 32});
    std::size_t late = 0;
    for_random_cases(si::test::few(15), [&](Random& random) {
      Case made = random_case(random, 2s);
      if (random.chance(50)) made.plan.schedules.push_back({});
      made.now = FallingBehind{random};
      const Outcome outcome = check_exact(*path, made, prints);
      CHECK((outcome.late == 0 || outcome.source.left_out.late > 0));
      CHECK(outcome.source.decode_errors == 0);
      late += outcome.late;
    });
    if (late > 0) ++clips_with_late;
  }
  CHECK(clips_with_late > 10);
}

TEST_CASE("What is not needed is left out, where the bits of the stream prove that it can be", "[ffmpeg][planned]") {
  struct Expected {
    std::string_view clip;
    bool non_reference;
    bool tail;
    bool group;
  };
  // one frame, 1.52 s after the start
  const std::vector<Expected> all{
      {"baseline.mp4", false, true, true},
      {"pyramid.mp4", true, true, true},
      {"pyramid.mkv", true, true, true},
      {"pyramid.ts", true, true, true},
      {"pyramid.flv", true, true, true},
      {"pyramid.avi", false, false, false},   // no time stamps for showing
      {"pyramid.h264", false, false, false},  // none at all
      {"fragments.mp4", true, true, true},
      {"open_gop.mp4", true, true, false},  // an intra coded picture is not proof enough
      {"refresh.mp4", false, true, false},  // recovery points neither; no pictures that nobody refers to
      {"sliced.mp4", true, true, true},
      {"interlaced.ts", true, true, true},
      {"ten_bit.mkv", true, true, true},
      {"open_gop_h265.mp4", true, true, true},
      {"closed_gop_h265.mkv", true, true, true},
      {"h265.ts", true, true, true},
      {"plan_layers.mkv", true, true, true},
      {"vp8.webm", false, true, true},
      {"vp9_alt_ref.webm", false, true, true},
      {"av1.mkv", false, true, true},
      {"mpeg2.ts", true, true, true},
      {"mpeg4.mp4", false, false, false},
      {"mjpeg.avi", false, false, true},
      {"prores.mov", false, false, true},
      {"ffv1.mkv", false, false, false},
      {"palette.gif", false, false, false},
      {"plan_444.mp4", false, false, false},
      {"plan_raw.nut", false, false, true},
  };
  std::vector<Clip> clips = si::test::clips;
  clips.insert(clips.end(), more_clips.begin(), more_clips.end());
  for (const Expected& expected : all) {
    CAPTURE(expected.clip);
    const std::optional<std::string> path = si::test::path_of(si::test::find_clip(expected.clip, clips));
    if (!path) continue;
    const std::vector<Print> prints = si::test::prints_of(*path, {.width = 48, .height = 32});
    const Case made{.plan = {{{.interval = 1520ms}}}};
    const si::SourceStats stats = check_exact(*path, made, prints).source;
    CHECK((stats.left_out.non_reference > 0) == expected.non_reference);
    CHECK((stats.left_out.tail > 0) == expected.tail);
    CHECK((stats.left_out.group > 0) == expected.group);
    CHECK(stats.packets_read == stats.packets_decoded + stats.left_out.total());
  }
}

TEST_CASE("A position is reached without decoding what lies before it, in a stream that cannot be searched too",
          "[ffmpeg][planned]") {
  for (const std::string_view name : {"pyramid.ts", "mpeg2.ts"}) {
    CAPTURE(name);
    const std::string path = si::test::path_of(name);
    const std::vector<Print> prints = si::test::prints_of(path, {.width = 48, .height = 32});
    const Case made{.position = 1600ms, .plan = {{{.interval = 40ms}}}};
    const si::SourceStats stats = check_exact(path, made, prints).source;
    CHECK(stats.packets_decoded <= 25);
  }
}

namespace {

void check_joined(const std::string& first, const std::string& second) {
  const si::test::TemporaryFolder folder;
  si::test::Bytes bytes = si::test::read_file(first);
  const si::test::Bytes behind = si::test::read_file(second);
  bytes.insert(bytes.end(), behind.begin(), behind.end());
  const std::string both = folder.file("both.ts", bytes);
  const std::vector<Print> prints = si::test::prints_of(both, {.width = 48, .height = 32});
  for_random_cases(20, [&](Random& random) { check_exact(both, random_case(random, 4s), prints); });
}

}  // namespace

TEST_CASE("Streams put one behind another are played as in a full decode", "[ffmpeg][planned]") {
  const std::string other = si::test::make_media(
      "-f lavfi -i testsrc2=size=64x96:rate=25:duration=1 -pix_fmt yuv420p -c:v libx264 -bf 2 -g 10", "plan_other.ts");
  for (const auto& [first, second] : std::vector<std::pair<std::string, std::string>>{
           {si::test::path_of("pyramid.ts"), other},
           {other, si::test::path_of("pyramid.ts")},
           {si::test::path_of("pyramid.ts"), si::test::path_of("pyramid.ts")},
           {si::test::path_of("h265.ts"), si::test::path_of("h265.ts")},
           {si::test::path_of("mpeg2.ts"), si::test::path_of("mpeg2.ts")}}) {
    CAPTURE(first, second);
    check_joined(first, second);
  }
}

TEST_CASE("A change of shape in the middle of a stream of MPEG-2 loses no place", "[ffmpeg][planned]") {
  const auto part = [](const std::string& shape, const std::string& more, const std::string& name) {
    return si::test::make_media("-f lavfi -i testsrc2=size=" + shape +
                                    ":rate=25:duration=2 -pix_fmt yuv420p -c:v mpeg2video -bf 2 -g 12 " + more,
                                name);
  };
  const std::string first = part("96x64", "-aspect 4:3 -output_ts_offset 2", "plan_4_3.ts");
  for (const std::string& second : {part("96x64", "-aspect 16:9 -output_ts_offset 4", "plan_16_9.ts"),
                                    part("112x80", "-aspect 4:3 -output_ts_offset 4", "plan_larger.ts")}) {
    check_joined(first, second);
  }
}

TEST_CASE("Colours that a stream names once stay as in a full decode", "[ffmpeg][planned]") {
  struct Encoder {
    std::string plain, coloured, kind;
  };
  const std::string h264 = "-c:v libx264 -bf 0 -x264-params keyint=5";
  const std::string mpeg2 = "-c:v mpeg2video -bf 0 -g 5 -seq_disp_ext ";
  for (const Encoder& encoder : {Encoder{h264, h264 + ":fullrange=on:colormatrix=bt709", "h264"},
                                 Encoder{mpeg2 + "never", mpeg2 + "always -colorspace bt709", "m2v"}}) {
    CAPTURE(encoder.plain);
    const auto part = [&](const std::string& arguments, const std::string& name) {
      return si::test::read_file(
          si::test::make_media("-f lavfi -i testsrc2=size=96x64:rate=25:duration=2 -pix_fmt yuv420p " + arguments,
                               "plan_" + name + "." + encoder.kind));
    };
    si::test::Bytes bytes = part(encoder.plain, "plain");
    const si::test::Bytes coloured = part(encoder.coloured, "coloured"), plain = bytes;
    bytes.insert(bytes.end(), coloured.begin(), coloured.end());
    bytes.insert(bytes.end(), plain.begin(), plain.end());
    const si::test::TemporaryFolder folder;
    const std::string path = folder / std::string{"joined.mkv"};
    si::test::run_ffmpeg("-fflags +genpts -r 25 -i '" + folder.file("joined." + encoder.kind, bytes) + "' -c copy '" +
                         path + "'");
    const std::vector<Print> prints = si::test::prints_of(path, {.width = 48, .height = 32});
    REQUIRE(prints.size() == 150);
    CHECK(prints.back().pixels != prints[49].pixels);  // the same picture
    for_random_cases(20, [&](Random& random) {
      Case made = random_case(random, 6s);
      made.position = 0s;  // from elsewhere on, nobody knows what was said before
      check_exact(path, made, prints);
    });
  }
}

namespace {

/// Takes from an H.264 stream's configuration, of the main profile, what tells how its pictures are put in order.
void forget_order(si::test::Bytes& file) {
  const std::vector<std::uint8_t> head{1, 77};  // the configuration's version, and the profile
  const auto found = std::search(file.begin(), file.end(), head.begin(), head.end());
  REQUIRE(found != file.end());
  std::uint8_t* const set = &*found + 8;
  const std::size_t end = 8 * static_cast<std::size_t>(found[6] << 8 | found[7]);
  std::size_t at = 8 * 4;
  const auto bit = [&] {
    const bool one = (set[at / 8] >> (7 - at % 8) & 1) != 0;
    ++at;
    return one;
  };
  const auto number = [&] {
    std::size_t zeros = 0;
    while (!bit()) ++zeros;
    at += zeros;
  };
  number();                                    // its own
  for (int i = 0; i < 4; ++i) number();        // of pictures, and how many are referred to
  static_cast<void>(bit());                    // gaps
  for (int i = 0; i < 2; ++i) number();        // width and height
  for (int i = 0; i < 2; ++i) REQUIRE(bit());  // frames, predicted in a direct way
  if (bit())
    for (int i = 0; i < 4; ++i) number();   // cropping
  for (std::size_t i = at; i < end; ++i) {  // nothing more is said: the end's bit, and zeros
    const auto mask = static_cast<std::uint8_t>(0x80U >> i % 8);
    set[i / 8] = static_cast<std::uint8_t>(i == at + 1 ? set[i / 8] | mask : set[i / 8] & ~mask);
  }
}

}  // namespace

TEST_CASE("A decoder that has found out how pictures are put in order decodes all that is not planned",
          "[ffmpeg][planned]") {
  const si::test::TemporaryFolder folder;
  std::string list;
  for (const std::string_view source :
       {"testsrc2=size=96x64:rate=25:duration=12,noise=alls=80:allf=t -b-bias -100 -b_strategy 2",
        "testsrc2=size=96x64:rate=25:duration=8 -b_strategy 0"}) {
    const std::string name = "part" + std::to_string(list.size()) + ".mkv";
    si::test::Bytes part =
        si::test::read_file(si::test::make_media("-f lavfi -i " + std::string{source} +
                                                     " -pix_fmt yuv420p -c:v libx264 -profile:v main -g 10 -bf 3 -refs "
                                                     "4 -x264-params scenecut=0:b-pyramid=normal",
                                                 "plan_" + name));
    forget_order(part);
    list += "file '" + folder.file(name, part) + "'\n";
  }
  const std::string path = folder / std::string{"deeper.mkv"};
  const std::string parts = folder.file("parts.txt", si::test::Bytes(list.begin(), list.end()));
  si::test::run_ffmpeg("-f concat -safe 0 -i '" + parts + "' -c copy '" + path + "'");
  const std::vector<Print> prints = si::test::prints_of(path, {.width = 48, .height = 32});
  REQUIRE(prints.size() < 500);  // it loses some when it finds out
  for (const si::MediaTime interval : {si::MediaTime{400ms}, si::MediaTime{1s}, si::MediaTime{4s}}) {
    si::FFmpegReader reader =
        si::FFmpegProducer{{.width = 48, .height = 32}}.open(path, Case{.plan = {{{.interval = interval}}}}.options());
    std::size_t frames = 0, compared = 0;
    for (si::Frame frame; reader.read(frame) == si::ReadStatus::frame; ++frames) {
      if (frame.left_out() || frame.time() < 13s) continue;
      CHECK(std::find(prints.begin(), prints.end(), si::test::print_of(frame)) != prints.end());
      ++compared;
    }
    CHECK(frames >= prints.size());
    CHECK(frames <= prints.size() + 1);
    CHECK(compared > 100);
    CHECK(reader.counters()->decode_errors <= 1);
  }
}

TEST_CASE("What comes before the first key frame is as in a full decode", "[ffmpeg][planned]") {
  for (const std::string_view name : {"h265.ts", "pyramid.ts", "mpeg2.ts"}) {
    CAPTURE(name);
    const std::string whole = si::test::path_of(name);
    const std::string cut =
        si::test::make_media("-ss 0.5 -i '" + whole + "' -c copy -copyinkf", "mid_" + std::string{name});
    const std::vector<Print> prints = si::test::prints_of(cut, {.width = 48, .height = 32});
    REQUIRE(prints.size() > 10);
    for_random_cases(20, [&](Random& random) {
      Case made = random_case(random, 2s);
      made.position = 0s;
      check_exact(cut, made, prints);
    });
  }
}

TEST_CASE("A decoder that met damage gets again the parameter sets that came only once", "[ffmpeg][planned]") {
  // Two streams of 2 s, a group each 10 pictures, one behind the other; each has its parameter sets once, at its beginning.
  using si::test::Bytes;
  Bytes bytes;
  int slices = 0;
  for (const std::string_view entropy : {"cabac=1", "cabac=0"}) {
    const Bytes part = si::test::read_file(si::test::make_media(
        "-f lavfi -i testsrc2=size=96x64:rate=25:duration=2 -pix_fmt yuv420p -c:v libx264 -bf 0 -g 10 -x264-params " +
            std::string{entropy},
        "plan_" + std::string{entropy} + ".h264"));
    si::ffmpeg::detail::NalUnits units{{part.data(), part.size()}, 0};
    std::set<int> seen;
    for (auto unit = units.next(); !unit.empty(); unit = units.next()) {
      const int type = unit[0] & 31;
      if ((type == 7 || type == 8) && !seen.insert(type).second) continue;
      bytes.insert(bytes.end(), {0, 0, 0, 1});
      bytes.insert(bytes.end(), unit.data(), unit.data() + unit.size());
      if ((type == 1 || type == 5) && ++slices == 52)
        for (std::size_t i = bytes.size() - unit.size() / 2; i < bytes.size(); ++i) bytes[i] ^= 0x55;
    }
  }
  const si::test::TemporaryFolder folder;
  const std::string path = folder / std::string{"once.mkv"};
  si::test::run_ffmpeg("-r 25 -i '" + folder.file("once.h264", bytes) + "' -c copy '" + path + "'");
  const std::vector<Print> prints = si::test::prints_of(path, {.width = 48, .height = 32, .damaged = true});
  REQUIRE(prints.size() == 100);
  for (const bool paced : {false, true}) {
    Case made{.plan = {{{.interval = 520ms}}}};
    if (paced) made.now = [] { return si::MediaTime::min(); };
    const si::FFmpegProducer producer{{.width = 48, .height = 32, .damaged = true}};
    si::FFmpegReader reader = producer.open(path, made.options());
    std::size_t frames = 0;
    for (si::Frame frame; reader.read(frame) == si::ReadStatus::frame; ++frames)
      if (!frame.left_out() && (frames < 50 || frames >= 60)) CHECK(si::test::print_of(frame) == prints[frames]);
    CHECK(frames == 100);
    CHECK(reader.counters()->decode_errors + reader.counters()->frames_damaged > 0);
    CHECK(reader.counters()->decode_errors <= 2);
  }
}

TEST_CASE("Of a damaged stream no wrong pixels are handed on as good", "[ffmpeg][planned]") {
  for (const std::string_view name :
       {"pyramid.mp4", "pyramid.ts", "open_gop_h265.mp4", "h265.ts", "vp9.mp4", "mpeg2.mkv"}) {
    CAPTURE(name);
    const si::test::Bytes whole = si::test::read_file(si::test::path_of(name));
    std::map<si::MediaTime, Print> truth;
    for (const Print& print : si::test::prints_of(si::test::path_of(name), {.width = 48, .height = 32}))
      truth[print.time] = print;
    const si::test::TemporaryFolder folder;
    const std::string path = folder / std::string{name};
    for_random_cases(25, [&](Random& random) {
      si::test::Bytes bytes = whole;
      for (std::int64_t i = random.between(1, 20); i > 0; --i) {
        const auto at = static_cast<std::size_t>(random.between(0, static_cast<std::int64_t>(bytes.size()) - 1));
        bytes[at] = static_cast<std::uint8_t>(random.between(0, 255));
      }
      si::test::write_file(path, bytes);
      const Case made = random_case(random, 2s);
      const si::FFmpegProducer producer{{.width = 48, .height = 32}};
      std::map<si::MediaTime, Print> full;
      const auto is_right = [&](const std::map<si::MediaTime, Print>& prints, const Print& print) {
        const auto same = prints.find(print.time);
        return same != prints.end() && same->second == print;
      };
      try {
        for (const Print& print : si::test::prints_of(path, {.width = 48, .height = 32})) full[print.time] = print;
        si::FFmpegReader reader = producer.open(path, made.options());
        for (si::Frame frame; reader.read(frame) == si::ReadStatus::frame;) {
          Print print;
          try {
            print = si::test::print_of(frame);
          } catch (const si::Error& error) {
            CHECK(error.code() == si::Errc::left_out);
            continue;
          }
          // A decoder cannot notice all damage. What leaving out must not do is to add some, and to hide it.
          const bool told = reader.counters()->decode_errors > 0 || reader.counters()->frames_damaged > 0;
          const auto other = full.find(print.time);
          const bool full_is_right = other != full.end() && is_right(truth, other->second);
          if (full_is_right && !told) CHECK(print == other->second);
        }
      } catch (const si::Error&) {  // too damaged to be opened, or to go on
      }
    });
  }
}

TEST_CASE("Damage does not reach beyond its group where groups are left out", "[ffmpeg][planned]") {
  const std::string clip = minute_clip();
  std::map<si::MediaTime, Print> truth;
  for (const Print& print : si::test::prints_of(clip, {.width = 48, .height = 32})) truth[print.time] = print;
  const si::test::Bytes whole = si::test::read_file(clip);
  const si::test::TemporaryFolder folder;
  const std::string path = folder / "flaws.mp4";
  std::size_t compared = 0;
  for_random_cases(20, [&](Random& random) {
    si::test::Bytes bytes = whole;
    for (int i = 0; i < 20; ++i)
      bytes[static_cast<std::size_t>(random.between(1000, static_cast<std::int64_t>(bytes.size()) * 9 / 10))] ^= 0x55;
    si::test::write_file(path, bytes);
    std::map<si::MediaTime, Print> full;
    for (const Print& print : si::test::prints_of(path, {.width = 48, .height = 32, .damaged = true}))
      full[print.time] = print;
    if (full.size() != truth.size()) return;  // frames have other times
    std::set<si::MediaTime> flawed;           // where groups of 2 s begin
    for (const auto& [time, print] : full)
      if (truth.count(time) == 0 || print != truth.at(time)) flawed.insert(time - time % 2s);
    const Case made{.plan = {{{.interval = 3s}}}};
    si::FFmpegReader reader =
        si::FFmpegProducer{{.width = 48, .height = 32, .damaged = true}}.open(path, made.options());
    for (si::Frame frame; reader.read(frame) == si::ReadStatus::frame;) {
      if (frame.left_out() || flawed.count(frame.time() - frame.time() % 2s) != 0) continue;
      CHECK(si::test::print_of(frame) == truth.at(frame.time()));
      ++compared;
    }
  });
  CHECK(compared > si::test::share_of(100));
}

TEST_CASE("The image of a frame that was left out says why there is none", "[ffmpeg][planned]") {
  const Case made{.plan = {{{.interval = 1h}}}};
  si::FFmpegReader reader = si::FFmpegProducer{}.open(si::test::path_of("pyramid.mp4"), made.options());
  si::Frame frame;
  REQUIRE(reader.read(frame) == si::ReadStatus::frame);
  CHECK(frame.width() == 96);
  const si::Error error = si::test::error_of([&] { static_cast<void>(frame.image()); });
  CHECK(error.code() == si::Errc::left_out);
  CHECK_THAT(error.what(), Catch::Matchers::ContainsSubstring("nobody had asked for the pixels"));
}

TEST_CASE("A steady play by plan takes no memory from operator new", "[ffmpeg][planned]") {
  const std::string clip = minute_clip();
  const si::MediaTime interval =
      GENERATE(si::MediaTime{1s}, si::MediaTime{1h});  // an hour: nothing but the first frame
  CAPTURE(interval);
  const Case made{.plan = {{{.frame_count = 2, .frame_step = 5, .interval = interval}}}};
  si::FFmpegReader reader = si::FFmpegProducer{{.width = 48, .height = 32, .threads = 2}}.open(clip, made.options());
  std::vector<si::Frame> window(12);  // somebody holds the latest frames
  std::uint64_t before = 0;
  for (std::size_t i = 0; i < 1480; ++i) {
    // The reader is as far behind as can be, and then, at times, as close as can be.
    if (i % 360 == 0) si::test::wait_until_none_is_taken();
    if (i == 720) before = si::test::allocations();
    si::Frame frame;
    REQUIRE(reader.read(frame) == si::ReadStatus::frame);
    window[i % window.size()] = frame;
  }
  // A frame that is let go just now may be overlooked, seldom, and a queue may get longer than before. Not for each frame.
  if (!si::test::counts_malloc) CHECK(si::test::allocations() - before <= 32);
}

namespace {

/// What an algorithm saw.
struct Seen {
  std::vector<std::pair<std::uint64_t, Print>> frames{};

  friend bool operator==(const Seen&, const Seen&) = default;
};

struct Look {
  std::vector<Seen>* seen;
  void run(std::span<const si::Frame> frames) {
    Seen& window = seen->emplace_back();
    for (const si::Frame& frame : frames) window.frames.emplace_back(frame.index(), si::test::print_of(frame));
  }
};

struct Run {
  std::vector<Seen> often{};
  std::vector<Seen> seldom{};
  si::RunReport report{};
};

Run run(const std::string& path, si::StartOptions options, bool with_hook) {
  si::FFmpegProducer producer{{.width = 48, .height = 32}};
  si::FrameTracker tracker;
  si::MemoryExporter<int> exporter;
  Run run;
  si::Inference inference{
      tracker, exporter, si::load_algo("often", Look{&run.often}, si::Schedule{.interval = 400ms}),
      si::load_algo("seldom", Look{&run.seldom}, si::Schedule{.frame_count = 3, .frame_step = 4, .interval = 900ms})};
  std::uint64_t without_pixels = 0;
  if (with_hook)
    inference.process([&](const si::Frame& frame, const auto&) { without_pixels += has_pixels(frame) ? 0 : 1; });
  si::ManualClock clock;
  si::Player player{producer, tracker, path, clock};
  const std::jthread time{[&](const std::stop_token& stop) { clock.run(stop); }};
  run.report = inference.start(player, options);
  CHECK(run.report.adds_up());
  CHECK(without_pixels == 0);
  return run;
}

}  // namespace

TEST_CASE("start() plans, in both modes, unless a hook wants every frame", "[ffmpeg][planned]") {
  for (const std::string_view name : {"pyramid.mp4", "h265.ts", "mpeg4.mp4"}) {
    CAPTURE(name);
    const std::string path = si::test::path_of(name);
    const Run full = run(path, {}, true);
    const Run offline = run(path, {}, false);
    const Run realtime = run(path, {.mode = si::Mode::realtime}, false);
    CHECK(full.often.size() == 5);
    CHECK(full.seldom.size() == 2);
    CHECK(offline.often == full.often);
    CHECK(offline.seldom == full.seldom);
    CHECK(realtime.often == full.often);
    CHECK(realtime.seldom == full.seldom);
    CHECK(full.report.source.left_out.total() == 0);
    const bool can_be_planned = name != "mpeg4.mp4";
    CHECK((offline.report.source.left_out.total() > 0) == can_be_planned);
    CHECK((realtime.report.source.left_out.total() > 0) == can_be_planned);
    CHECK(offline.report.source.frames_played == full.report.source.frames_played);
  }
}

namespace {

/// A clock that goes `speed` times as fast as the machine's.
class FastClock {
 public:
  explicit FastClock(int speed = 1) : speed_{speed} {}
  [[nodiscard]] si::MediaTime now() const { return speed_ * si::SteadyClock{}.now(); }
  bool sleep_until(si::MediaTime time, const std::stop_token& stop) {
    return si::SteadyClock{}.sleep_until(time / speed_, stop);
  }
  void begin_work() {}
  void end_work() {}
  void settle(const std::stop_token&) {}

 private:
  int speed_;
};

struct LookAtLast {
  Print run(std::span<const si::Frame> frames) { return si::test::print_of(frames.back()); }
};

}  // namespace

TEST_CASE(
    "A file that cannot be decoded in time goes on all the same: what is late is left out, counted, and not wrong",
    "[ffmpeg][planned]") {
  struct Source {
    std::string options;
    std::string name;
  };
  const Source source = GENERATE(Source{"-c:v libx264 -preset ultrafast -bf 2 -g 50", "plan_overload.mp4"},
                                 Source{"-c:v libx264 -preset ultrafast -bf 2 -g 250", "plan_overload_long.mp4"},
                                 Source{"-c:v mpeg2video -bf 2 -g 12 -b:v 2M", "plan_overload.ts"},
                                 Source{"-c:v mjpeg", "plan_overload.avi"});
  const int speed = GENERATE(100, 3000);  // the second is more than any machine decodes
  CAPTURE(source.name, speed);
  const std::string path = si::test::make_media(
      "-f lavfi -i testsrc2=size=640x360:rate=25:duration=40 -pix_fmt yuv420p " + source.options, source.name);
  const std::vector<Print> prints = si::test::prints_of(path, {.width = 48, .height = 32});
  REQUIRE(prints.size() == 1000);

  si::FFmpegProducer producer{{.width = 48, .height = 32, .threads = 1}};
  si::FrameTracker tracker;
  si::MemoryExporter<Print> exporter;
  si::Inference inference{
      tracker, exporter, si::load_algo("every", LookAtLast{}, si::Schedule{}),
      si::load_algo("windows", LookAtLast{}, si::Schedule{.frame_count = 3, .frame_step = 2, .interval = 400ms}),
      si::load_algo("seldom", LookAtLast{}, si::Schedule{.interval = 2s})};
  si::Player player{producer, tracker, path, FastClock{speed}};
  const si::RunReport report = inference.start(player, {.mode = si::Mode::realtime});

  CAPTURE(report);
  CHECK(report.adds_up());
  CHECK(report.source.frames_played == 1000);  // all of them, with index and time
  CHECK(report.source.packets_read == 1000);
  CHECK(report.source.packets_read == report.source.packets_decoded + report.source.left_out.total());
  CHECK(report.source.decode_errors == 0);
  if (speed == 3000) CHECK(report.source.left_out.late > 0);
  CHECK(report.algos[0].dues == 1000);
  CHECK(report.algos[1].dues == 100);
  CHECK(report.algos[2].dues == 20);
  CHECK(report.algos[0].runs > 0);
  std::uint64_t runs = 0;
  for (const si::AlgoStats& algo : report.algos) {
    CHECK(algo.failures == 0);
    if (report.source.left_out.late == 0) CHECK(algo.missed.left_out == 0);
    runs += algo.runs;
  }
  const auto records = exporter.results();
  CHECK(records.size() == runs);
  for (const auto& record : records) CHECK(record.value == prints.at(record.frame_index));
}

TEST_CASE("Pictures before an edit list's start are as in a full decode", "[ffmpeg][planned]") {
  for (const std::string_view name : {"pyramid.mp4", "open_gop_h265.mp4", "vp9.mp4", "av1.mp4"}) {
    CAPTURE(name);
    const std::string path =
        si::test::make_media("-ss 0.53 -i " + si::test::path_of(name) + " -c copy", "plan_edit_" + std::string{name});
    const std::vector<Print> prints = si::test::prints_of(path, {.width = 48, .height = 32}, -1h);
    for_random_cases(20, [&](Random& random) { check_exact(path, random_case(random, 1500ms), prints); });
  }
}

namespace {

/// A clip of one minute with a group each two seconds, a plan for it, and what is behind it.
struct Minute {
  explicit Minute(const Case& made, si::ffmpeg::PacketPlanner::Limits limits = {},
                  const std::string& path = minute_clip())
      : demuxer{path, {}, stop.get_token()},
        decoder{demuxer.stream(), 2, demuxer.name()},
        planned{demuxer,
                decoder,
                counters,
                si::ffmpeg::make_bitstream(*demuxer.stream().codecpar),
                made.options().needs(demuxer.info({})),
                0,
                limits} {}

  [[nodiscard]] si::ffmpeg::PlannedDecoder::Status next() {
    std::int64_t timestamp = 0;
    return planned.next(*frame, timestamp);
  }

  std::stop_source stop;
  si::SourceCounters counters;
  si::ffmpeg::Demuxer demuxer;
  si::ffmpeg::Decoder decoder;
  si::ffmpeg::PlannedDecoder planned;
  si::ffmpeg::UniqueFrame frame = si::ffmpeg::make_frame();
};

}  // namespace

TEST_CASE("No more packets wait than may", "[ffmpeg][planned]") {
  for (const std::size_t most : {1U, 7U, 60U, 400U}) {
    CAPTURE(most);
    Minute minute{{.plan = {{{.interval = 59s}}}}, {.packets = most}};
    std::uint64_t waiting = 0;
    while (minute.next() != si::ffmpeg::PlannedDecoder::Status::end)
      waiting = std::max(waiting, minute.planned.packets() - minute.counters.packets_read);
    CHECK(waiting <= most + 4);  // those whose pictures could not be put in order yet
    CHECK(minute.counters.packets_read == 1500);
  }
}

TEST_CASE("No more packets wait than may where time stamps run ahead of decoding", "[ffmpeg][planned]") {
  const std::string path = si::test::make_media(
      std::string{si::test::test_pattern} +
          "-pix_fmt yuv420p -c:v libx264 -bf 0 -g 250 -bsf:v \"setts=pts=if(gte(N\\,5)\\,PTS+1000000000\\,PTS)\"",
      "plan_ahead.mp4");
  Minute minute{{.plan = {{{.interval = 40ms}}}}, {.packets = 20}, path};
  std::uint64_t waiting = 0, pictures = 0;
  while (minute.next() == si::ffmpeg::PlannedDecoder::Status::picture) {
    waiting = std::max(waiting, minute.planned.packets() - minute.counters.packets_read);
    ++pictures;
  }
  CHECK(waiting <= 20);
  CHECK(pictures == 50);
  CHECK(minute.counters.decode_errors == 0);
}

TEST_CASE("What is needed does not wait in the decoder for what comes a minute later", "[ffmpeg][planned]") {
  Minute minute{{.plan = {{{.interval = 2s}}}}};  // the last picture of a group
  for (int picture = 0; picture < 49; ++picture) REQUIRE(minute.next() == si::ffmpeg::PlannedDecoder::Status::left_out);
  REQUIRE(minute.next() == si::ffmpeg::PlannedDecoder::Status::picture);
  const auto unknown = [] { return si::MediaTime::min(); };
  Minute seldom{
      {.plan = {{{.interval = 30s}}}, .now = unknown}};  // at a pace: nothing is read while a group is decoded
  for (int picture = 0; picture < 749; ++picture)
    REQUIRE(seldom.next() == si::ffmpeg::PlannedDecoder::Status::left_out);
  REQUIRE(seldom.next() == si::ffmpeg::PlannedDecoder::Status::picture);
  CHECK(seldom.counters.packets_read < 750 + 30);
}

TEST_CASE("A stop is heard while there are packets to decode", "[ffmpeg][planned]") {
  Minute minute{{.plan = {{{.interval = 59s}}}}};
  REQUIRE(minute.next() == si::ffmpeg::PlannedDecoder::Status::left_out);
  minute.stop.request_stop();
  CHECK(minute.next() == si::ffmpeg::PlannedDecoder::Status::stopped);
}
