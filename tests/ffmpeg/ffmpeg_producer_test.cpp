#include "stream_infer/ffmpeg/ffmpeg_producer.hpp"

#include "stream_infer/player/player.hpp"
#include "stream_infer/tracker/frame_tracker.hpp"

#include "ffmpeg/clips.hpp"
#include "ffmpeg/reference.hpp"
#include "support/catch.hpp"
#include "support/count_allocations.hpp"
#include "support/files.hpp"
#include "support/media.hpp"
#include "support/process.hpp"
#include "support/silent_server.hpp"
#include "support/stopwatch.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>

using namespace std::chrono_literals;
using namespace stream_infer;
using Catch::Matchers::ContainsSubstring;
using test::Bytes;
using test::Print;
using test::Stopwatch;

static_assert(Producer<FFmpegProducer>);
static_assert(Producer<const FFmpegProducer>);  // it keeps nothing of a play
static_assert(Reader<FFmpegReader>);
static_assert(!std::is_copy_constructible_v<FFmpegReader>);
static_assert(std::is_same_v<ReaderOf<FFmpegProducer>, FFmpegReader>);

namespace {

/// The beginning of a file.
Bytes part_of(const std::string& path, std::size_t numerator, std::size_t denominator) {
  Bytes bytes = test::read_file(path);
  bytes.resize(bytes.size() * numerator / denominator);
  return bytes;
}

}  // namespace

TEST_CASE("Sizes and threads that make no sense are refused at once", "[ffmpeg][ffmpeg_producer]") {
  for (const FFmpegOptions& options :
       {FFmpegOptions{.width = -1}, FFmpegOptions{.height = -1}, FFmpegOptions{.width = 65536},
        FFmpegOptions{.height = 1 << 30}, FFmpegOptions{.threads = -1}, FFmpegOptions{.threads = 257}}) {
    try {
      const FFmpegProducer producer{options};
      FAIL("it was accepted");
    } catch (const Error& error) {
      CHECK(error.code() == Errc::invalid_argument);
      CHECK(error.step() == "FFmpegProducer");
      CHECK(error.source().empty());
      CHECK_FALSE(error.reason().empty());
    }
  }
  const FFmpegProducer most{{.width = 65535, .height = 65535, .threads = 256}};
  CHECK(most.options().width == 65535);
}

TEST_CASE("Frames have the format and size that were asked for",
          "[ffmpeg][ffmpeg_producer]") {  // edges: AddressSanitizer
  const auto format =
      GENERATE(PixelFormat::bgr24, PixelFormat::rgb24, PixelFormat::bgra32, PixelFormat::rgba32, PixelFormat::gray8);
  const std::string_view name =
      GENERATE("pyramid.mp4", "ten_bit.mkv", "palette.gif", "palette.avi", "alpha.mov", "mjpeg.avi", "prores.mov");
  const std::string clip = test::path_of(name);
  for (const auto& [width, height] : {std::pair{0, 0}, {31, 21}, {200, 131}, {50, 100}, {1, 1}}) {
    FFmpegProducer producer{{.width = width, .height = height, .format = format}};
    FFmpegReader reader = producer.open(clip, {});
    Frame frame;
    REQUIRE(reader.read(frame) == ReadStatus::frame);
    const ImageSpec spec{width == 0 ? 96 : width, height == 0 ? 64 : height, format};
    CHECK(frame.spec() == spec);
    CHECK(frame.image().spec() == spec);
    INFO(name << ' ' << to_string(format) << ' ' << spec.width << 'x' << spec.height);

    // Whatever the size, it is the same picture: about as bright, in the middle of each channel.
    FFmpegReader whole = FFmpegProducer{{.format = format}}.open(clip, {});
    Frame original;
    REQUIRE(whole.read(original) == ReadStatus::frame);
    const auto mean = [](const ImageView& image, int channel) {
      double sum = 0;
      for (int y = 0; y < image.height; ++y)
        for (int x = 0; x < image.width; ++x)
          sum += image.row(y)[static_cast<std::size_t>(x * channels(image.format) + channel)];
      return sum / image.width / image.height;
    };
    for (int channel = 0; channel < channels(format); ++channel)
      CHECK(mean(frame.image(), channel) == Approx(mean(original.image(), channel)).margin(6));
  }
}

TEST_CASE("A 10-bit, a paletted and an odd-sized picture keep their colours", "[ffmpeg][ffmpeg_producer]") {
  // Bars of known colours, in encodings that lose nothing.
  const std::string encoding =
      GENERATE("-pix_fmt yuv444p10le -c:v ffv1 bars.mkv", "-pix_fmt yuv420p10le -c:v ffv1 bars.mkv",
               "-pix_fmt rgb24 -c:v png bars.mov", "-pix_fmt pal8 -c:v png bars.mov",
               "-pix_fmt yuv444p -c:v ffv1 bars.mkv", "-pix_fmt gbrp10le -c:v ffv1 bars.mkv");
  const std::size_t space = encoding.rfind(' ');
  const std::string clip = test::make_media(
      "-f lavfi -i "
      "\"color=red:size=22x34:rate=5:duration=1[a];color=lime:size=22x34:rate=5[b];color=blue:size=22x34:rate=5[c];"
      "[a][b][c]hstack=3,format=rgb24,crop=65:33:0:0\" -frames:v 3 " +
          encoding.substr(0, space),
      encoding.substr(space + 1));
  FFmpegReader reader = FFmpegProducer{}.open(clip, {});
  Frame frame;
  REQUIRE(reader.read(frame) == ReadStatus::frame);
  REQUIRE(frame.spec() == ImageSpec{65, 33, PixelFormat::bgr24});
  INFO(encoding);
  for (std::size_t bar = 0; bar < 3; ++bar) {
    const auto pixel = frame.image().row(16).subspan(3 * (22 * bar + 10), 3);
    for (std::size_t channel = 0; channel < 3; ++channel)
      CHECK(std::abs(pixel[2 - channel] - (channel == bar ? 255 : 0)) <= 4);
  }
}

TEST_CASE("Info needs no play", "[ffmpeg][ffmpeg_producer]") {
  const FFmpegProducer producer{{.width = 10, .height = 10}};
  const SourceInfo info = producer.get_info(test::path_of("pyramid.mp4"));
  CHECK(info.width == 96);
  CHECK(info.height == 64);
  CHECK(info.fps == Rational{25});
  CHECK(info.frame_count == 50);
  CHECK(info.duration == 2s);
  CHECK(info.codec == "h264");
  CHECK_FALSE(info.live);
  CHECK(producer.open(test::path_of("pyramid.mp4"), {}).info().frame_count == 50);
  CHECK_THROWS_AS(producer.get_info("/no/such/file"), Error);
}

TEST_CASE("One producer serves several plays at once", "[ffmpeg][ffmpeg_producer]") {
  const FFmpegProducer producer{{.width = 48}};
  const std::string first = test::path_of("pyramid.mp4"), second = test::path_of("vp9.mp4");
  FFmpegReader a = producer.open(first, {}), b = producer.open(second, {}), c = producer.open(first, {});
  Frame from_a, from_b, from_c;
  for (int i = 0; i < 50; ++i) {
    REQUIRE(a.read(from_a) == ReadStatus::frame);
    REQUIRE(b.read(from_b) == ReadStatus::frame);
    REQUIRE(c.read(from_c) == ReadStatus::frame);
    CHECK(test::print_of(from_a) == test::print_of(from_c));
    CHECK(from_a.time() == from_b.time());
    CHECK(from_a != from_c);
  }
}

TEST_CASE("A frame is converted when somebody looks at it, and once", "[ffmpeg][ffmpeg_producer]") {
  FFmpegProducer producer;
  FFmpegReader reader = producer.open(test::path_of("pyramid.mp4"), {});
  std::vector<Frame> frames;
  for (Frame frame; reader.read(frame) == ReadStatus::frame;) frames.push_back(frame);
  REQUIRE(frames.size() == 50);
  CHECK(reader.counters()->frames_converted == 0);

  // Several threads look at all frames, each in an order of its own.
  std::vector<std::vector<std::uint64_t>> seen(4, std::vector<std::uint64_t>(frames.size()));
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < seen.size(); ++t)
    threads.emplace_back([&, t] {
      for (std::size_t i = 0; i < frames.size(); ++i) {
        const std::size_t at = (i * 7 + t * 3) % frames.size();
        seen[t][at] = test::hash_of(frames[at].image());
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(reader.counters()->frames_converted == 50);
  const std::vector<Print> expected = test::prints_of(test::path_of("pyramid.mp4"));
  for (const std::vector<std::uint64_t>& hashes : seen)
    for (std::size_t i = 0; i < hashes.size(); ++i) CHECK(hashes[i] == expected[i].pixels);
}

TEST_CASE("A steady play takes no memory from operator new", "[ffmpeg][ffmpeg_producer]") {
  const std::string clip = test::make_media(
      "-f lavfi -i testsrc2=size=96x64:rate=25:duration=20 -c:v libx264 -preset ultrafast -bf 2 -g 50 -pix_fmt yuv420p",
      "steady.mp4");
  FFmpegProducer producer{{.width = 48, .height = 32, .threads = 2}};
  FFmpegReader reader = producer.open(clip, {});
  std::vector<Frame> window(12);  // somebody holds the latest frames
  std::uint64_t before = 0;
  for (std::size_t i = 0; i < 480; ++i) {
    Frame frame;
    REQUIRE(reader.read(frame) == ReadStatus::frame);
    if (frame.image().empty()) FAIL("no pixels");
    window[i % window.size()] = frame;
    if (i == 100) {
      test::wait_until_none_is_taken();
      before = test::allocations();
    }
  }
  if (!test::counts_malloc)
    CHECK(test::allocations() - before <= 8);  // a frame that is let go just now may be overlooked, seldom
}

TEST_CASE("A play is thinned out by time stamps, begins at a position, and adds up", "[ffmpeg][ffmpeg_producer]") {
  const std::string clip = test::path_of("pyramid.ts");
  FFmpegProducer producer;
  FrameTracker<> tracker;
  Player player{producer, tracker, clip};
  const auto times_of = [&](std::optional<Rational> fps, MediaTime position) {
    std::vector<MediaTime> times;
    for (const auto& [frame, number] : player.play(fps, position)) {
      CHECK(number == times.size() + 1);
      times.push_back(frame.time());
    }
    CHECK(player.status().state == PlayState::ended);
    CHECK(player.stats().adds_up());
    return times;
  };
  const std::vector<MediaTime> all = times_of({}, {});
  REQUIRE(all.size() == 50);
  CHECK(player.fps() == Rational{25});
  const std::vector<MediaTime> tenth = times_of(10, {});
  REQUIRE(tenth.size() == 20);
  CHECK(tenth[1] == 120ms);  // the first frame at or after 0.1 s
  CHECK(tenth[2] == 200ms);
  const std::vector<MediaTime> late = times_of({}, 1s);
  CHECK(late == std::vector<MediaTime>(all.begin() + 25, all.end()));
  CHECK(player.stats().frames_played == 25);
}

TEST_CASE("A play of a truncated file ends, and its account says why", "[ffmpeg][ffmpeg_producer]") {
  const test::TemporaryFolder folder;
  const std::string clip = folder.file("cut.mkv", part_of(test::path_of("pyramid.mkv"), 7, 10));
  FFmpegProducer producer;
  FrameTracker<> tracker;
  Player player{producer, tracker, clip};
  std::uint64_t frames = 0;
  for (const auto& played : player.play()) frames = played.number;
  CHECK(frames > 20);
  CHECK(player.status().state == PlayState::ended);
  CHECK(player.stats().truncated);
  CHECK(player.stats().frames_played == frames);
  CHECK(player.stats().adds_up());
}

TEST_CASE("A realtime play that cannot open fails with the error", "[ffmpeg][ffmpeg_producer]") {
  FFmpegProducer producer;
  FrameTracker<> tracker;
  Player player{producer, tracker, "/no/such/file.mp4"};
  player.play_realtime();
  player.wait();
  CHECK_FALSE(player.is_active());
  const PlayStatus status = player.status();
  CHECK(status.state == PlayState::failed);
  REQUIRE(status.error);
  CHECK(status.error->code() == std::errc::no_such_file_or_directory);
  CHECK(status.error->step() == "open");
  CHECK_THAT(status.error->what(), ContainsSubstring("/no/such/file.mp4"));
}

TEST_CASE("A realtime play of a silent source stops within 200 ms, opening or reading", "[ffmpeg][ffmpeg_producer]") {
  const test::TemporaryFolder folder;
  const std::string fifo = folder / "pipe";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  const test::SilentServer mute{{}}, half{part_of(test::path_of("pyramid.ts"), 4, 5)};
  FFmpegProducer producer{{.options = {{"probesize", "8000"}}}};
  const std::size_t threads = test::count_threads();
  for (const std::string& source : {fifo, "file:" + fifo, mute.url(), half.url()}) {
    INFO(source);
    CHECK(test::at_best(200ms, [&] {
            FrameTracker<> tracker;
            Player player{producer, tracker, source};
            player.play_realtime();
            CHECK(player.is_active());
            if (source == half.url()) CHECK(test::eventually([&] { return player.stats().frames_played > 20; }));
            std::this_thread::sleep_for(120ms);
            CHECK(player.is_active());
            const Stopwatch stopwatch;
            player.stop();
            const std::chrono::nanoseconds took = stopwatch.elapsed();
            CHECK(player.status().state == PlayState::stopped);
            CHECK(player.stats().adds_up());
            return took;
          }) < 200ms);
  }
  const ffmpeg::Descriptor writer{::open(fifo.c_str(), O_WRONLY | O_NONBLOCK)};  // lets go who was left behind
  CHECK(test::eventually([&] { return test::count_threads() == threads; }));
}
