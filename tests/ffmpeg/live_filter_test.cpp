#include "stream_infer/ffmpeg/live_filter.hpp"

#include "ffmpeg/clips.hpp"
#include "ffmpeg/reference.hpp"
#include "stream_infer/exporter/memory_exporter.hpp"
#include "stream_infer/ffmpeg/ffmpeg_producer.hpp"
#include "stream_infer/inference/inference.hpp"
#include "stream_infer/player/play_needs.hpp"
#include "stream_infer/player/player.hpp"
#include "stream_infer/tracker/frame_tracker.hpp"
#include "support/catch.hpp"
#include "support/files.hpp"
#include "support/media.hpp"
#include "support/process.hpp"
#include "support/silent_server.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace si = stream_infer;
namespace test = stream_infer::test;
using namespace std::chrono_literals;
using test::Print;

namespace {

/// 20 s at 25 frames a second, in MPEG-TS.
std::string clip_of(const std::string& encoding, const std::string& name) {
  return test::make_media("-f lavfi -i testsrc2=size=96x64:rate=25:duration=20 -pix_fmt yuv420p " + encoding, name);
}

struct Played {
  std::size_t frames = 0;
  std::size_t with_pixels = 0;
  si::SourceStats source;
};

/// Plays a recording as a live stream, up to 19 s, and compares all its frames with those of a full decode.
Played play_live(const std::string& path, const si::SamplingPlan& plan) {
  const std::vector<Print> prints = test::prints_of(path);
  si::detail::PlayNeeds exact{si::FrameSelector{{}, {.fps = si::Rational{25}}, {}}, plan};
  for (const Print& print : prints) exact.add(print.time);
  exact.end();

  const test::SilentServer server{test::read_file(path)};
  std::stop_source stop;
  si::OpenOptions options{.stop = stop.get_token()};
  options.needs = [&](const si::SourceInfo& info) -> std::unique_ptr<si::PictureNeeds> {
    return std::make_unique<si::detail::PlayNeeds>(si::FrameSelector{{}, info, {}}, plan);
  };
  si::FFmpegProducer producer{{.options = {{"probesize", "50000"}}}};
  si::FFmpegReader reader = producer.open(server.url(), options);
  REQUIRE(reader.info().live);
  Played played;
  for (si::Frame frame; played.frames < 19 * 25; ++played.frames) {
    REQUIRE(reader.read(frame) == si::ReadStatus::frame);
    CAPTURE(played.frames, frame.left_out());
    REQUIRE(frame.time() == prints[played.frames].time);
    if (!frame.left_out()) {
      REQUIRE(test::print_of(frame) == prints[played.frames]);
      ++played.with_pixels;
    }
    if (exact.take() == si::PictureNeed::needed) REQUIRE_FALSE(frame.left_out());
  }
  played.source.take(*reader.counters());
  stop.request_stop();
  return played;
}

}  // namespace

TEST_CASE("Of a live stream, pictures between dues that nobody refers to are not decoded", "[ffmpeg][live]") {
  const std::string path =
      clip_of("-c:v libx264 -preset veryfast -bf 2 -g 50 -x264-params b-adapt=0:b-pyramid=none", "live_b.ts");
  const Played each_second = play_live(path, {{{.interval = 1s}}});
  CHECK(each_second.source.left_out.non_reference > 19 * 25 / 3);  // of two thirds
  CHECK(each_second.with_pixels < 19 * 25 / 2);
  const Played windows = play_live(path, {{{.frame_count = 5, .frame_step = 6, .interval = 10s}}});
  CHECK(windows.source.left_out.non_reference > 19 * 25 / 3);
  const Played all = play_live(path, {{{}}});
  CHECK(all.source.left_out.non_reference == 0);
  CHECK(all.with_pixels == all.frames);
}

TEST_CASE("A live stream of references alone is decoded, and frames that nobody needs have no pixels",
          "[ffmpeg][live]") {
  const std::string path = clip_of("-c:v libx264 -preset veryfast -bf 0 -g 50", "live_p.ts");
  const Played played = play_live(path, {{{.interval = 1s}}});
  CHECK(played.source.left_out.non_reference == 0);
  CHECK(played.with_pixels < 19 * 25 / 3);
}

TEST_CASE("Live streams of other codecs", "[ffmpeg][live]") {
  const si::SamplingPlan plan{{{.interval = 1s}, {.frame_count = 3, .frame_step = 4, .interval = 4s}}};
  const std::string x265 = "-c:v libx265 -preset ultrafast -x265-params log-level=none:keyint=50:bframes=3:b-adapt=0";
  CHECK(play_live(clip_of(x265, "live_h265.ts"), plan).source.left_out.non_reference > 19 * 25 / 4);
  const std::string mpeg2 = "-c:v mpeg2video -bf 2 -g 12";
  CHECK(play_live(clip_of(mpeg2, "live_mpeg2.ts"), plan).source.left_out.non_reference > 19 * 25 / 4);
  const std::string mpeg4 = "-c:v mpeg4 -bf 2 -g 12";  // of which nothing is known
  CHECK(play_live(clip_of(mpeg4, "live_mpeg4.ts"), plan).source.left_out.non_reference == 0);
}

TEST_CASE("Every run over a live stream has its pixels, and they are those of a full decode", "[ffmpeg][live]") {
  const std::string path = clip_of("-c:v libx264 -preset veryfast -bf 2 -g 50", "live_run.ts");
  const std::vector<Print> prints = test::prints_of(path);
  struct Hash {
    std::vector<std::uint64_t> run(std::span<const si::Frame> frames) {
      std::vector<std::uint64_t> out;
      for (const si::Frame& frame : frames) {
        out.push_back(frame.index());
        out.push_back(test::hash_of(frame.image()));
      }
      return out;
    }
  };
  const test::SilentServer server{test::read_file(path)};
  si::FFmpegProducer producer{{.options = {{"probesize", "50000"}}}};
  si::FrameTracker<512> tracker;
  si::MemoryExporter<std::vector<std::uint64_t>> exporter;
  si::Inference inference{
      tracker, exporter, si::load_algo("one", Hash{}, si::Schedule{.interval = 500ms}),
      si::load_algo("five", Hash{}, si::Schedule{.frame_count = 5, .frame_step = 6, .interval = 3s})};
  si::Player player{producer, tracker, server.url()};
  std::jthread stopper{[&] {
    static_cast<void>(test::eventually([&] { return player.stats().frames_played >= 19 * 25; }));
    static_cast<void>(test::eventually([&] { return inference.stats()[0].dues >= 37; }));
    player.stop();
  }};
  const si::RunReport report = inference.start(player, {.mode = si::Mode::realtime});
  CHECK(report.adds_up());
  CHECK(report.source.left_out.non_reference > 0);
  for (const si::AlgoStats& algo : report.algos) {
    INFO(algo);
    CHECK(algo.runs > 0);
    CHECK(algo.missed.left_out == 0);
    CHECK(algo.failures == 0);
  }
  for (const auto& record : exporter.results())
    for (std::size_t i = 0; i < record.value.size(); i += 2) {
      REQUIRE(record.value[i] < prints.size());
      CHECK(record.value[i + 1] == prints[static_cast<std::size_t>(record.value[i])].pixels);
    }
}
