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

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
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

const si::detail::PaceKeeper::Now at_a_pace{[] { return si::MediaTime::min(); }};

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
    return std::make_unique<si::detail::PlayNeeds>(si::FrameSelector{{}, info, {}}, plan, at_a_pace);
  };
  si::FFmpegProducer producer{{.threads = 2, .options = {{"probesize", "50000"}}}};
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

TEST_CASE("A live stream whose pictures all stand alone does not wait for the next one that is needed",
          "[ffmpeg][live]") {
  const std::string path = clip_of("-pix_fmt yuvj420p -c:v mjpeg -live 1", "live_mjpeg.mkv");
  const Played played = play_live(path, {{{.interval = 5s}}});
  CHECK(played.source.left_out.non_reference > 19 * 25 * 3 / 4);

  // A server that falls silent: what has come is given out.
  test::Bytes bytes = test::read_file(path);
  bytes.resize(bytes.size() / 2);
  const auto frames_of = [&](bool planned) {
    const test::SilentServer server{bytes};
    std::stop_source stop;
    si::OpenOptions options{.stop = stop.get_token()};
    if (planned)
      options.needs = [](const si::SourceInfo& info) -> std::unique_ptr<si::PictureNeeds> {
        return std::make_unique<si::detail::PlayNeeds>(si::FrameSelector{{}, info, {}},
                                                       si::SamplingPlan{{{.interval = 1h}}}, at_a_pace);
      };
    si::FFmpegProducer producer{{.threads = 1, .options = {{"probesize", "50000"}}}};
    si::FFmpegReader reader = producer.open(server.url(), options);
    std::atomic<std::size_t> frames{0};
    std::jthread watch{[&] {  // until nothing has come for a second
      static_cast<void>(test::eventually([&] { return frames > 200; }));
      for (std::size_t before = 0; before != frames; std::this_thread::sleep_for(1s)) before = frames;
      stop.request_stop();
    }};
    for (si::Frame frame; reader.read(frame) == si::ReadStatus::frame;) ++frames;
    return frames.load();
  };
  const std::size_t all = frames_of(false);
  CHECK(all > 200);
  CHECK(frames_of(true) == all);
}

namespace {

/// Of a codec whose pictures nobody refers to, or every so many of which.
class Each final : public si::ffmpeg::Bitstream {
 public:
  explicit Each(std::uint64_t reference) : reference_{reference} {}
  std::optional<si::ffmpeg::PictureTraits> inspect(const AVPacket& /*packet*/) override {
    return si::ffmpeg::PictureTraits{.droppable = packets_++ % reference_ != 0};
  }

 private:
  std::uint64_t reference_;
  std::uint64_t packets_ = 1;
};

}  // namespace

TEST_CASE("Where time stamps jump, frames stay in the order of their packets, and leaving out goes on",
          "[ffmpeg][live]") {
  si::ffmpeg::Demuxer demuxer{test::path_of("baseline.mp4"), {}, {}};
  const AVRational base = demuxer.stream().time_base;
  const std::int64_t period = base.den / base.num / 25;
  const std::int64_t jump = GENERATE(-200, -17, 30, 3000);
  const std::uint64_t reference = GENERATE(2U, 3U, 1'000'000U);
  const std::size_t delay = GENERATE(1U, 2U, 6U);  // of the decoder, in packets
  CAPTURE(jump, reference, delay);
  std::vector<std::int64_t> packets;
  for (std::int64_t i = 0; i < 1000; ++i) packets.push_back((i < 300 ? i : i + jump) * period);

  si::ffmpeg::FrameMaker maker{{}};
  static_cast<void>(maker.set({}, {.width = 96, .height = 64, .fps = si::Rational{25}}));
  si::ffmpeg::LiveFilter filter{
      si::ffmpeg::Handle<si::ffmpeg::Bitstream>{new Each{reference}},
      std::make_unique<si::detail::PlayNeeds>(si::FrameSelector{{}, {.fps = si::Rational{25}}, {}},
                                              si::SamplingPlan{{{.interval = 3s}}}, at_a_pace)};
  std::size_t sent = 0, left_out_early = 0, left_out_late = 0;
  si::detail::Queue<std::int64_t> decoding;
  const si::ffmpeg::UniqueFrame picture = si::ffmpeg::make_frame();
  const si::ffmpeg::UniquePacket packet = si::ffmpeg::make_packet();
  REQUIRE(av_new_packet(packet.get(), 100) == 0);
  const auto decode = [&]() -> std::optional<si::ReadStatus> {
    while (decoding.size() <= delay) {
      if (sent == packets.size()) break;
      packet->pts = packet->dts = packets[sent++];
      if (!filter.leaves_out(*packet, demuxer)) decoding.push_back(packet->pts);
      if (filter.has_next()) return {};
    }
    if (decoding.empty()) return si::ReadStatus::end;
    picture->pts = picture->best_effort_timestamp = decoding.pop_front();
    picture->width = 96;
    picture->height = 64;
    return si::ReadStatus::frame;
  };
  for (std::size_t n = 0; n < packets.size(); ++n) {
    CAPTURE(n);
    si::Frame frame;
    bool left_out = false;
    REQUIRE(filter.read(frame, left_out, maker, demuxer, *picture, decode) == si::ReadStatus::frame);
    // Time goes on by a period where it would go back, the first time by half of one.
    const std::int64_t expected =
        n < 300 || jump > 0 ? packets[n] : (2 * static_cast<std::int64_t>(n) - 1) * period / 2;
    const si::MediaTime off = frame.time() - demuxer.time_of(expected);
    REQUIRE((off < 1ms && off > -1ms));
    if (left_out) ++(n < 300 ? left_out_early : left_out_late);
  }
  si::Frame frame;
  bool left_out = false;
  CHECK(filter.read(frame, left_out, maker, demuxer, *picture, decode) == si::ReadStatus::end);
  CHECK(left_out_early > 100);
  CHECK(left_out_late > 300);
}

TEST_CASE("Offline, a live stream is as exact as a file", "[ffmpeg][live]") {
  // The rate is halved in the middle: nobody could have foreseen how far the next window reaches back.
  const std::string path = test::make_media(
      "-f lavfi -i testsrc2=size=96x64:rate=25:duration=20 -vf \"select='lt(t,10)+not(mod(n,2))'\" -vsync vfr "
      "-pix_fmt yuv420p -c:v libx264 -preset veryfast -bf 2 -g 50",
      "live_halved.ts");
  const test::SilentServer server{test::read_file(path)};
  si::FFmpegProducer producer{{.threads = 2, .options = {{"probesize", "50000"}}}};
  si::FrameTracker<512> tracker;
  si::MemoryExporter<int> exporter;
  struct Look {
    int run(std::span<const si::Frame> frames) { return frames.front().image().width; }
  };
  si::Inference inference{
      tracker, exporter,
      si::load_algo("five", Look{}, si::Schedule{.frame_count = 5, .frame_step = 6, .interval = 4250ms})};
  si::Player player{producer, tracker, server.url()};
  std::jthread stopper{[&] {
    static_cast<void>(test::eventually([&] { return player.stats().frames_played >= 340; }));
    player.stop();
  }};
  const si::RunReport report = inference.start(player);
  CHECK(report.algos[0].dues >= 3);
  CHECK(report.algos[0].runs == report.algos[0].dues);
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
  si::FFmpegProducer producer{{.threads = 2, .options = {{"probesize", "50000"}}}};
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
