#include "stream_infer/algo/load_algo.hpp"
#include "stream_infer/exporter/memory_exporter.hpp"
#include "stream_infer/ffmpeg/clips.hpp"
#include "stream_infer/ffmpeg/ffmpeg_producer.hpp"
#include "stream_infer/ffmpeg/recorder.hpp"
#include "stream_infer/inference/inference.hpp"
#include "stream_infer/player/player.hpp"
#include "stream_infer/tracker/frame_tracker.hpp"
#include "support/catch.hpp"
#include "support/count_allocations.hpp"
#include "support/files.hpp"
#include "support/media.hpp"
#include "support/random.hpp"

#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

namespace si = stream_infer;
namespace test = stream_infer::test;
using namespace std::chrono_literals;

namespace {

struct Count {
  int run(std::span<const si::Frame> frames) { return static_cast<int>(frames.back().index()); }
};

}  // namespace

TEST_CASE("In realtime a recorder that is too slow costs neither a played frame nor a run", "[ffmpeg][recorder]") {
  const test::TemporaryFolder folder;
  test::Random random{test::first_seed()};
  std::vector<si::Image> noise(3);
  for (si::Image& image : noise) {
    image.reset({.width = 640, .height = 360});
    for (int y = 0; y < 360; ++y)
      for (std::uint8_t& byte : image.span().row(y)) byte = static_cast<std::uint8_t>(random.between(0, 255));
  }
  for (const si::Overload overload : {si::Overload::wait, si::Overload::drop}) {
    si::FFmpegProducer producer{{.width = 320, .threads = 1}};
    si::FrameTracker tracker{4};
    si::MemoryExporter<int> exporter;
    si::Inference inference{tracker, exporter, si::load_algo("count", Count{}, si::Schedule{.interval = 80ms})};
    si::Recorder recorder{folder / "a.mp4",
                          {.encoder_options = {{"preset", "placebo"}, {"tune", "zerolatency"}, {"threads", "1"}},
                           .queue = 2,
                           .overload = overload}};
    std::uint64_t brought = 0;
    inference.process([&](const si::Frame& frame, const auto&) {
      recorder.write(frame, noise[frame.index() % noise.size()].view());
      ++brought;
    });
    si::Player player{producer, tracker, "lavfi:testsrc2=size=320x180:rate=25:duration=1.6"};
    const si::RunReport report = inference.start(player, {.mode = si::Mode::realtime});
    recorder.close();
    const si::RecorderStats stats = recorder.stats();
    CHECK(report.source.frames_played == 40);
    CHECK(report.algos[0].runs == 20);
    CHECK(report.algos[0].missed.total() == 0);
    CHECK(brought + report.process_skipped == 40);
    CHECK(stats.written + stats.dropped == brought);
    if (overload == si::Overload::wait) CHECK(stats.dropped == 0);
    CHECK(report.process_skipped + stats.dropped > 0);  // it was too slow
  }
}

TEST_CASE("A steady recording takes no memory from operator new, nor does a steady tap", "[ffmpeg][recorder]") {
  const test::TemporaryFolder folder;
  const std::string clip = test::make_media(
      "-f lavfi -i testsrc2=size=96x64:rate=25:duration=20 -c:v libx264 -preset ultrafast -bf 2 -g 50 -pix_fmt yuv420p",
      "steady.mp4");
  si::Clips clips{{.folder = folder / "", .before = 2s, .after = 2s}};
  si::FFmpegProducer producer{{.threads = 1, .taps = {clips.tap()}}};
  auto reader = producer.open(clip, {});
  si::Recorder recorder{folder / "a.mp4", {.keyframe_interval = 1s, .queue = 4}};
  std::uint64_t before = 0;
  for (int i = 0; i < 480; ++i) {
    si::Frame frame;
    REQUIRE(reader.read(frame) == si::ReadStatus::frame);
    recorder.write(frame);
    if (i == 200) before = test::allocations();
  }
  if (!test::counts_malloc)
    CHECK(test::allocations() - before <= 8);  // a frame that is let go just now may be overlooked, seldom
  recorder.close();
  CHECK(recorder.stats().written == 480);
}
