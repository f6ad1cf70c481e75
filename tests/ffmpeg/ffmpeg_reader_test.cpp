#include "stream_infer/ffmpeg/ffmpeg_reader.hpp"

#include "ffmpeg/clips.hpp"
#include "ffmpeg/reference.hpp"
#include "support/catch.hpp"
#include "support/files.hpp"
#include "support/process.hpp"
#include "support/silent_server.hpp"
#include "support/stopwatch.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace std::chrono_literals;
using namespace stream_infer;
using ffmpeg::Descriptor;
using test::Bytes;
using test::eventually;
using test::Stopwatch;

namespace {

/// A reader's thread keeps 8 pictures in its queue and one in its hand.
constexpr std::uint64_t most_ahead = 9;

std::string make_fifo(const test::TemporaryFolder& folder) {
  const std::string path = folder / "pipe";
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  return path;
}

/// Writes a part of a clip into a named pipe and keeps it open until it goes.
class HalfWriter {
 public:
  HalfWriter(const std::string& path, Bytes bytes)
      : thread_{[this, path, bytes = std::move(bytes)] {
          const Descriptor end{::open(path.c_str(), O_WRONLY)};
          static_cast<void>(::write(end.get(), bytes.data(), bytes.size()));
          ended_.wait(false);
        }} {}
  HalfWriter(const HalfWriter&) = delete;
  HalfWriter& operator=(const HalfWriter&) = delete;
  ~HalfWriter() { end(); }
  void end() {
    ended_ = true;
    ended_.notify_one();
    if (thread_.joinable()) thread_.join();
  }

 private:
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

/// The first 40 frames or so of a clip that can be cut anywhere, small enough for a pipe.
Bytes half_a_clip() {
  Bytes bytes = test::read_file(test::path_of("pyramid.ts"));
  bytes.resize(bytes.size() * 4 / 5);
  return bytes;
}

/// Reads until nothing comes, then stops. Returns how long it took from the stop until read() gave up.
std::chrono::nanoseconds stop_when_silent(FFmpegReader& reader, std::stop_source& stop, std::uint64_t& frames) {
  std::optional<Stopwatch> stopped;
  std::atomic<std::uint64_t> read{0};
  std::thread stopper{[&] {
    std::uint64_t before = 0;
    do {
      before = read;
      std::this_thread::sleep_for(100ms);
    } while (read != before || read == 0);
    stopped.emplace();
    stop.request_stop();
  }};
  Frame frame;
  ReadStatus status{};
  while ((status = reader.read(frame)) == ReadStatus::frame) ++read;
  stopper.join();
  CHECK(status == ReadStatus::stopped);
  frames = read;
  return stopped->elapsed();
}

/// The same, for open() itself. Returns how long it took from the stop.
std::chrono::nanoseconds stop_while_opening(const std::string& source) {
  std::stop_source stop;
  std::optional<Stopwatch> stopped;
  std::thread stopper{[&] {
    std::this_thread::sleep_for(50ms);
    stopped.emplace();
    stop.request_stop();
  }};
  try {
    const FFmpegReader reader{source, {}, {.stop = stop.get_token()}};
    FAIL("it opened");
  } catch (const Error& error) {
    CHECK(error.code() == std::errc::operation_canceled);
  }
  stopper.join();
  return stopped->elapsed();
}

/// Reads until nothing comes: a stop ends that soon, and then the reader.
void check_ends_soon(std::optional<FFmpegReader>& reader, std::stop_source& stop) {
  std::uint64_t frames = 0;
  CHECK(stop_when_silent(*reader, stop, frames) < test::soon);
  CHECK(frames > 20);
  const Stopwatch stopwatch;
  reader.reset();
  CHECK(stopwatch.elapsed() < test::soon);
}

}  // namespace

TEST_CASE("The end of a source comes again and again", "[ffmpeg][ffmpeg_reader]") {
  FFmpegReader reader{test::path_of("baseline.mp4"), {}, {}};
  Frame frame;
  int frames = 0;
  while (reader.read(frame) == ReadStatus::frame) ++frames;
  CHECK(frames == 50);
  for (int i = 0; i < 3; ++i) CHECK(reader.read(frame) == ReadStatus::end);
}

TEST_CASE("A failure comes after the frames before it, and again and again", "[ffmpeg][ffmpeg_reader]") {
  // The third image of the sequence is no file: it cannot be read.
  const std::string images = test::make_media("-f lavfi -i testsrc2=size=32x24:rate=10:duration=1", "%03d.png");
  const test::TemporaryFolder folder;
  for (const char* const name : {"001.png", "002.png"})
    static_cast<void>(
        folder.file(name, test::read_file(std::filesystem::path{images}.replace_filename(name).string())));
  std::filesystem::create_directory(folder / "003.png");
  FFmpegReader reader{folder / "%03d.png", {}, {}};
  Frame frame;
  CHECK(reader.read(frame) == ReadStatus::frame);
  CHECK(reader.read(frame) == ReadStatus::frame);
  for (int i = 0; i < 3; ++i) {
    try {
      static_cast<void>(reader.read(frame));
      FAIL("it read a folder");
    } catch (const Error& error) {
      CHECK(error.step() == "read");
      CHECK(error.source() == folder / "%03d.png");
    }
  }
}

TEST_CASE("A reader can be moved while it reads", "[ffmpeg][ffmpeg_reader]") {
  FFmpegReader first{test::path_of("baseline.mp4"), {}, {}};
  Frame frame;
  REQUIRE(first.read(frame) == ReadStatus::frame);
  FFmpegReader second{std::move(first)};
  int frames = 1;
  while (second.read(frame) == ReadStatus::frame) ++frames;
  CHECK(frames == 50);
  second = FFmpegReader{test::path_of("baseline.mp4"), {}, {}};
  CHECK(second.read(frame) == ReadStatus::frame);
  CHECK(frame.time() == 0s);
}

TEST_CASE("Decoding runs ahead, but only so far", "[ffmpeg][ffmpeg_reader]") {
  FFmpegReader reader{"lavfi:testsrc2=size=64x48:rate=25", {.threads = 1}, {}};
  const std::atomic<std::uint64_t>& decoded = reader.counters()->frames_decoded;
  Frame frame;
  for (std::uint64_t read = 0; read < 300; ++read) {
    if (read % 100 == 0) {
      CHECK(eventually([&] { return decoded == read + most_ahead; }));
      std::this_thread::sleep_for(20ms);
    }
    CHECK(decoded <= read + most_ahead);
    REQUIRE(reader.read(frame) == ReadStatus::frame);
  }
}

TEST_CASE("Memory does not grow with the length of a play", "[ffmpeg][ffmpeg_reader]") {
  FFmpegReader reader{"lavfi:testsrc2=size=640x360:rate=25", {}, {}};
  Frame frame;
  std::size_t before = 0;
  for (int i = 0; i < 1500; ++i) {
    REQUIRE(reader.read(frame) == ReadStatus::frame);
    static_cast<void>(frame.image());
    if (i == 300) before = test::resident_memory();
  }
  if (test::measures_memory) CHECK(test::resident_memory() < before + 16'000'000);  // 18 images
}

TEST_CASE("Frames outlive their reader", "[ffmpeg][ffmpeg_reader]") {
  std::vector<Frame> frames;
  {
    FFmpegReader reader{test::path_of("pyramid.mp4"), {}, {}};
    Frame frame;
    while (reader.read(frame) == ReadStatus::frame) frames.push_back(frame);
  }
  REQUIRE(frames.size() == 50);
  const std::vector<test::Print> expected = test::prints_of(test::path_of("pyramid.mp4"));
  for (std::size_t i = 0; i < frames.size(); ++i) CHECK(test::print_of(frames[i]) == expected[i]);
}

TEST_CASE("A reader can go at any time, with its queue full, empty or in between", "[ffmpeg][ffmpeg_reader]") {
  for (int round = 0; round < 40; ++round) {
    std::optional<FFmpegReader> reader{std::in_place, "lavfi:testsrc2=size=64x48:rate=25", FFmpegOptions{},
                                       OpenOptions{}};
    Frame frame;
    for (int i = 0; i < round % 4; ++i) REQUIRE(reader->read(frame) == ReadStatus::frame);
    if (round % 2 == 0) CHECK(eventually([&] { return reader->counters()->frames_decoded >= most_ahead; }));
    const Stopwatch stopwatch;
    reader.reset();
    CHECK(stopwatch.elapsed() < test::soon);
  }
}

TEST_CASE("A stop ends a play in the middle", "[ffmpeg][ffmpeg_reader]") {
  std::stop_source stop;
  FFmpegReader reader{"lavfi:testsrc2=size=64x48:rate=25", {}, {.stop = stop.get_token()}};
  Frame frame;
  for (int i = 0; i < 20; ++i) REQUIRE(reader.read(frame) == ReadStatus::frame);
  stop.request_stop();
  for (int i = 0; i < 3; ++i) CHECK(reader.read(frame) == ReadStatus::stopped);
}

TEST_CASE("Opening a silent source ends with a stop, soon", "[ffmpeg][ffmpeg_reader]") {
  const test::TemporaryFolder folder;
  const std::size_t threads = test::count_threads();
  CHECK(stop_while_opening(make_fifo(folder)) < test::soon);
  {
    const test::SilentServer server{{}};
    CHECK(stop_while_opening(server.url()) < test::soon);
    CHECK(eventually([&] { return test::count_threads() == threads + 1; }));  // the server's
  }
  CHECK(eventually([&] { return test::count_threads() == threads; }));
}

TEST_CASE("Reading a pipe that goes silent ends with a stop, soon", "[ffmpeg][ffmpeg_reader]") {
  const test::TemporaryFolder folder;
  const std::string path = make_fifo(folder);
  const std::size_t threads = test::count_threads();
  const HalfWriter writer{path, half_a_clip()};
  std::stop_source stop;
  std::optional<FFmpegReader> reader{std::in_place, path, FFmpegOptions{.options = {{"probesize", "8000"}}},
                                     OpenOptions{.stop = stop.get_token()}};
  check_ends_soon(reader, stop);
  CHECK(eventually([&] { return test::count_threads() == threads + 1; }));  // the writer's
}

TEST_CASE("Reading a server that goes silent ends with a stop, soon", "[ffmpeg][ffmpeg_reader]") {
  const test::SilentServer server{half_a_clip()};
  std::stop_source stop;
  std::optional<FFmpegReader> reader{std::in_place, server.url(), FFmpegOptions{.options = {{"probesize", "8000"}}},
                                     OpenOptions{.stop = stop.get_token()}};
  CHECK(reader->info().live);
  check_ends_soon(reader, stop);
}

TEST_CASE("Destroying a reader of a silent source takes no longer than a stop", "[ffmpeg][ffmpeg_reader]") {
  const test::SilentServer server{half_a_clip()};
  std::optional<FFmpegReader> reader{std::in_place, server.url(), FFmpegOptions{.options = {{"probesize", "8000"}}},
                                     OpenOptions{}};
  Frame frame;
  REQUIRE(reader->read(frame) == ReadStatus::frame);
  const Stopwatch stopwatch;
  reader.reset();
  CHECK(stopwatch.elapsed() < test::soon);
}

TEST_CASE("A read that cannot be interrupted is left behind, with all that it uses", "[ffmpeg][ffmpeg_reader]") {
  const test::TemporaryFolder folder;
  const std::string path = make_fifo(folder);
  const std::size_t threads = test::count_threads();
  HalfWriter writer{path, half_a_clip()};
  std::vector<Frame> frames;
  std::stop_source stop;
  {
    // By this name FFmpeg opens the pipe itself, and reads it where no stop can reach it.
    std::optional<FFmpegReader> reader{std::in_place, "file:" + path, FFmpegOptions{.options = {{"probesize", "8000"}}},
                                       OpenOptions{.stop = stop.get_token()}};
    Frame frame;
    REQUIRE(reader->read(frame) == ReadStatus::frame);
    frames.push_back(frame);
    std::uint64_t count = 0;
    CHECK(stop_when_silent(*reader, stop, count) < test::soon);
    const Stopwatch stopwatch;
    reader.reset();
    CHECK(stopwatch.elapsed() < test::soon);
  }
  CHECK(test::count_threads() >= threads + 2);  // the writer's, and the one that was left
  for (const Frame& frame : frames) CHECK_FALSE(frame.image().empty());
  writer.end();
  CHECK(eventually([&] { return test::count_threads() == threads; }));
}

TEST_CASE("Opening and closing leaves nothing behind", "[ffmpeg][ffmpeg_reader]") {
  const std::string clip = test::path_of("pyramid.mp4");
  const auto open_and_close = [&](int round) {
    FFmpegReader reader{clip, {.threads = 2}, {.position = round % 3 == 0 ? 1s : 0s}};
    Frame frame;
    for (int i = 0; i < round % 7; ++i) REQUIRE(reader.read(frame) == ReadStatus::frame);
    CHECK_THROWS_AS((FFmpegReader{"/no/such/file", {}, {}}), Error);
  };
  for (int round = 0; round < 40; ++round) open_and_close(round);
  const std::size_t threads = test::count_threads();
  const std::size_t descriptors = test::count_descriptors();
  const std::size_t memory = test::resident_memory();
  for (int round = 0; round < 300; ++round) open_and_close(round);
  CHECK(eventually([&] { return test::count_threads() == threads; }));
  CHECK(test::count_descriptors() == descriptors);
  if (test::measures_memory) CHECK(test::resident_memory() < memory + 20'000'000);
}

TEST_CASE("Many threads read sources of their own at the same time", "[ffmpeg][ffmpeg_reader]") {
  const std::string clip = test::path_of("pyramid.mp4");
  const std::vector<test::Print> expected = test::prints_of(clip);
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i)
    threads.emplace_back([&] {
      if (test::prints_of(clip) == expected) ++right;
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(right == 6);
}
