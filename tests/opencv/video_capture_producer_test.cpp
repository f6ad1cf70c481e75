#include "stream_infer/opencv/video_capture_producer.hpp"

#include "stream_infer/ffmpeg/ffmpeg_producer.hpp"
#include "stream_infer/opencv/mat.hpp"
#include "stream_infer/player/player.hpp"
#include "stream_infer/tracker/frame_tracker.hpp"
#include "support/catch.hpp"
#include "support/error_of.hpp"
#include "support/files.hpp"
#include "support/media.hpp"
#include "support/process.hpp"
#include "support/sanitizers.hpp"
#include "support/stopwatch.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace si = stream_infer;
namespace test = stream_infer::test;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

static_assert(si::Producer<si::VideoCaptureProducer> && si::Reader<si::VideoCaptureReader>);

namespace {

template <class Producer>
std::vector<si::Frame> read_all(const Producer& producer, const std::string& source) {
  auto reader = producer.open(source, {});
  std::vector<si::Frame> frames;
  for (si::Frame frame; reader.read(frame) == si::ReadStatus::frame;) frames.push_back(frame);
  si::Frame none;
  CHECK(reader.read(none) == si::ReadStatus::end);  // and stays there
  CHECK_FALSE(none);
  return frames;
}

/// Whether OpenCV has GStreamer, with what the tests need of it. It has leaks of its own.
bool has_gstreamer() {
  const bool has = !test::is_sanitized && cv::videoio_registry::hasBackend(cv::CAP_GSTREAMER) &&
                   cv::VideoCapture{"videotestsrc num-buffers=1 ! appsink", cv::CAP_GSTREAMER}.isOpened();
  if (!has) WARN("skipped: needs OpenCV with GStreamer, and its base plugins, and no sanitizer");
  return has;
}

/// A pipe that nobody writes to: OpenCV waits for it.
struct Pipe {
  Pipe() { REQUIRE(::mkfifo(path.c_str(), 0600) == 0); }
  ~Pipe() {  // whoever still waits may go
    const int end = ::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (end >= 0) ::close(end);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  test::TemporaryFolder folder{};
  std::string path = folder / "pipe.mp4";
};

}  // namespace

TEST_CASE("Frames are those of cv::VideoCapture, at the source's times", "[opencv][videoio]") {
  const std::string clip = test::clip_path();
  const si::VideoCaptureProducer producer{{.backend = cv::CAP_FFMPEG}};
  const si::SourceInfo info = producer.get_info(clip);
  CHECK(info.width == 320);
  CHECK(info.height == 180);
  CHECK(info.fps == si::Rational{25});
  CHECK(info.frame_count == 250U);
  CHECK(info.duration == 10s);
  CHECK_FALSE(info.live);

  const std::vector<si::Frame> frames = read_all(producer, clip);
  REQUIRE(frames.size() == 250);
  cv::VideoCapture capture{clip, cv::CAP_FFMPEG};
  cv::Mat picture;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    REQUIRE(frames[i].time() == 40ms * static_cast<std::int64_t>(i));
    REQUIRE(capture.read(picture));
    REQUIRE(cv::norm(si::as_mat(frames[i]), picture, cv::NORM_INF) == 0);
    CHECK_FALSE(frames[i].arrived());
  }
}

TEST_CASE("Times are those of FFmpegProducer, also where the rate varies", "[opencv][videoio]") {
  const std::string path = test::make_media(
      "-f lavfi -i testsrc2=size=64x48:rate=25:duration=2 -vf 'setpts=N*(N+9)/500/TB' -vsync vfr -c:v ffv1",
      "opencv_variable_rate.mkv");
  const std::vector<si::Frame> ours = read_all(si::VideoCaptureProducer{}, path);
  const std::vector<si::Frame> theirs = read_all(si::FFmpegProducer{}, path);
  REQUIRE(ours.size() == theirs.size());
  REQUIRE(ours.size() > 40);
  for (std::size_t i = 0; i < ours.size(); ++i)
    CHECK(si::to_seconds(ours[i].time() - theirs[i].time()) == Approx(0).margin(1e-6));
}

TEST_CASE("Frames have the size and format that was asked for", "[opencv][videoio]") {
  const std::string clip = test::clip_path();
  const auto first = [&](const si::VideoCaptureOptions& options) {
    auto reader = si::VideoCaptureProducer{options}.open(clip, {});
    si::Frame frame;
    REQUIRE(reader.read(frame) == si::ReadStatus::frame);
    return frame;
  };
  CHECK(first({.width = 160}).spec() == si::ImageSpec{160, 90, si::PixelFormat::bgr24});
  CHECK(first({.height = 90}).spec() == si::ImageSpec{160, 90, si::PixelFormat::bgr24});
  const si::Frame grey = first({.width = 100, .height = 100, .format = si::PixelFormat::gray8});
  CHECK(grey.spec() == si::ImageSpec{100, 100, si::PixelFormat::gray8});
  cv::Mat picture, expected;
  cv::VideoCapture{clip}.read(picture);
  cv::resize(picture, expected, {100, 100}, 0, 0, cv::INTER_AREA);
  cv::cvtColor(expected, expected, cv::COLOR_BGR2GRAY);
  CHECK(cv::norm(si::as_mat(grey), expected, cv::NORM_INF) == 0);
}

TEST_CASE("A Player plays it", "[opencv][videoio]") {
  si::VideoCaptureProducer producer{{.width = 64}};
  si::FrameTracker tracker;
  si::Player player{producer, tracker, test::clip_path()};
  std::uint64_t count = 0;
  si::MediaTime last{};
  for (auto [frame, number] : player.play(5)) {
    ++count;
    last = frame.time();
  }
  CHECK(count == 50);
  CHECK(last == 9800ms);
  const std::size_t before = test::count_threads();
  { const auto left = producer.open(test::clip_path(), {}); }  // in the middle
  CHECK(test::eventually([&] { return test::count_threads() <= before; }));
}

TEST_CASE("A pipeline of GStreamer's", "[opencv][videoio]") {
  if (!has_gstreamer()) return;
  const std::string pipeline =
      "videotestsrc num-buffers=12 ! video/x-raw,format=BGR,width=64,height=48,framerate=30/1 ! appsink";
  const si::VideoCaptureProducer live{{.backend = cv::CAP_GSTREAMER}};
  CHECK(live.get_info(pipeline).live);  // it does not know its length
  const std::vector<si::Frame> frames = read_all(live, pipeline);
  REQUIRE(frames.size() == 12);
  for (std::size_t i = 1; i < frames.size(); ++i) {
    CHECK(frames[i].time() > frames[i - 1].time());
    CHECK(frames[i].arrived());
  }
  const si::VideoCaptureProducer file{{.backend = cv::CAP_GSTREAMER, .live = false}};
  const std::vector<si::Frame> even = read_all(file, pipeline);
  REQUIRE(even.size() == 12);
  for (std::size_t i = 0; i < even.size(); ++i)
    CHECK(even[i].time() == si::MediaTime{1'000'000'000 * static_cast<std::int64_t>(i) / 30});
  CHECK_FALSE(file.get_info(pipeline).live);
}

TEST_CASE("What cannot be opened says why, without what is secret", "[opencv][videoio]") {
  const si::VideoCaptureProducer producer{{.backend = cv::CAP_FFMPEG}};
  const si::Error missing = test::error_of([&] { static_cast<void>(producer.open("none.mp4", {})); });
  CHECK(missing.step() == "open");
  CHECK(missing.source() == "none.mp4");
  CHECK_THAT(missing.what(), ContainsSubstring("expected a source that OpenCV can open with FFMPEG"));
  const si::Error secret =
      test::error_of([&] { static_cast<void>(producer.open("http://cam:1234@127.0.0.1:1/a?token=abc", {})); });
  CHECK(secret.source() == "http://***@127.0.0.1:1/a?token=***");
  CHECK_THAT(secret.what(), !ContainsSubstring("1234") && !ContainsSubstring("abc"));
  if (!test::is_sanitized) {  // some of all backends have leaks of their own
    const si::Error any = test::error_of([&] { static_cast<void>(si::VideoCaptureProducer{}.get_info("none.mp4")); });
    CHECK_THAT(any.what(), ContainsSubstring("can open with one of "));
  }

  const si::VideoCaptureProducer refused{{.backend = cv::CAP_FFMPEG, .properties = {{cv::CAP_PROP_EXPOSURE, 12}}}};
  CHECK_THAT(test::error_of([&] { static_cast<void>(refused.open(test::clip_path(), {})); }).what(),
             ContainsSubstring("properties: FFMPEG does not take 12.000000 for property 15"));
  CHECK_THAT(test::error_of([&] {
               static_cast<void>(si::VideoCaptureProducer{{.backend = cv::CAP_V4L2}}.open("7777", {}));
             }).what(),
             ContainsSubstring("open '7777'"));
}

TEST_CASE("Options that make no sense are named", "[opencv][videoio]") {
  for (const si::VideoCaptureOptions& wrong : {si::VideoCaptureOptions{.width = -1}, {.height = 65'536}})
    CHECK_THAT(test::error_of([&] { si::VideoCaptureProducer{wrong}; }).what(),
               ContainsSubstring("width and height must be from 1 to 65535 pixels"));
  const std::string what = test::error_of([&] { si::VideoCaptureProducer{{.backend = cv::CAP_OPENNI}}; }).what();
  CHECK_THAT(what, ContainsSubstring("backend: expected one of "));
  CHECK_THAT(what, ContainsSubstring("FFMPEG"));
}

TEST_CASE("A stop ends reading, and opening that waits for ever", "[opencv][videoio]") {
  std::stop_source stop;
  auto reader = si::VideoCaptureProducer{}.open(test::clip_path(), {.stop = stop.get_token()});
  si::Frame frame;
  CHECK(reader.read(frame) == si::ReadStatus::frame);
  stop.request_stop();
  CHECK(reader.read(frame) == si::ReadStatus::stopped);
  CHECK(reader.read(frame) == si::ReadStatus::stopped);

  const std::size_t threads = test::count_threads();
  const auto took = test::at_best(150ms, [] {
    const Pipe pipe;
    std::stop_source opening;
    std::optional<test::Stopwatch> since;
    const std::jthread stopper{[&] {
      std::this_thread::sleep_for(50ms);
      since.emplace();
      opening.request_stop();
    }};
    const si::VideoCaptureProducer producer{{.backend = cv::CAP_FFMPEG}};
    const si::Error error =
        test::error_of([&] { static_cast<void>(producer.open(pipe.path, {.stop = opening.get_token()})); });
    CHECK(error.code() == std::errc::operation_canceled);
    return since->elapsed();
  });
  CHECK(took <= 150ms);
  CHECK(test::eventually([&] { return test::count_threads() <= threads; }));  // those left behind are gone
}
