#include "stream_infer/ffmpeg/input.hpp"

#include "ffmpeg/clips.hpp"
#include "support/catch.hpp"
#include "support/error_of.hpp"
#include "support/fault_row.hpp"
#include "support/files.hpp"
#include "support/media.hpp"
#include "support/process.hpp"
#include "support/random.hpp"
#include "support/stopwatch.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>

#ifdef __linux__
#include <sys/fsuid.h>
#endif
#include <sys/stat.h>

using namespace std::chrono_literals;
using namespace stream_infer;
using Catch::Matchers::ContainsSubstring;
using ffmpeg::Address;
using ffmpeg::Input;
using ffmpeg::open_input;
using test::Bytes;

namespace {

/// The error of opening `source`.
Error error_of(const std::string& source, const FFmpegOptions& options = {}) {
  INFO(source);
  return test::error_of([&] { static_cast<void>(open_input(source, options, {})); });
}

Bytes bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

}  // namespace

TEST_CASE("A source is taken apart into a device and what it opens", "[ffmpeg][input]") {
  const Address file{"clips/a.mp4"};
  CHECK(file.device == nullptr);
  CHECK(file.url == "clips/a.mp4");
  const Address url{"rtsp://camera:554/1"};
  CHECK(url.device == nullptr);
  CHECK(url.url == "rtsp://camera:554/1");
  const Address pattern{"lavfi:testsrc2=size=64x48:rate=5"};
  REQUIRE(pattern.device != nullptr);
  CHECK(std::string{pattern.device->name} == "lavfi");
  CHECK(pattern.url == "testsrc2=size=64x48:rate=5");
  for (const char* const strange : {"", ":", ":a", "no_device:a", "C:\\a.mp4", "a,lavfi:b"}) {
    const Address address{strange};
    CHECK(address.url == strange);
    CHECK(address.device == nullptr);
  }
}

#ifdef __linux__
TEST_CASE("A video device is opened by its path alone", "[ffmpeg][input]") {
  const Address path{"/dev/video0"};
  REQUIRE(path.device != nullptr);
  CHECK(path.url == "/dev/video0");
  CHECK(Address{"v4l2:/dev/video0"}.device == path.device);
  const Error error = error_of("/dev/video99");
  CHECK(error.code() == std::errc::no_such_file_or_directory);
  CHECK(error.source() == "/dev/video99");
}
#endif

TEST_CASE("A file, a pattern and a sequence of images open", "[ffmpeg][input]") {
  CHECK(open_input(test::path_of("baseline.mp4"), {}, {}).context->nb_streams == 1);
  CHECK(open_input("lavfi:testsrc2=size=64x48:rate=5", {}, {}).context->nb_streams == 1);
  const std::string images = test::make_media("-f lavfi -i testsrc2=size=32x24:rate=10:duration=2", "%03d.png");
  const Input sequence = open_input(images, {.options = {{"framerate", "10"}}}, {});
  CHECK(sequence.context->streams[0]->avg_frame_rate.num == 10);
  CHECK(open_input("file:" + test::path_of("baseline.mp4"), {}, {}).context->nb_streams == 1);
}

TEST_CASE("What is not there is an error", "[ffmpeg][input]") {
  const Error error = error_of("/no/such/file.mp4");
  CHECK(error.code() == std::errc::no_such_file_or_directory);
  CHECK(error.step() == "open");
  CHECK(error.source() == "/no/such/file.mp4");
  CHECK_THAT(error.what(), ContainsSubstring("No such file or directory"));
}

TEST_CASE("Without a source the error says so", "[ffmpeg][input]") {
  const Error error = error_of("");
  CHECK(error.code() == Errc::invalid_argument);
  CHECK_THAT(error.what(), ContainsSubstring("no source was given"));
}

TEST_CASE("What may not be read is an error", "[ffmpeg][input]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("secret.mp4", test::read_file(test::path_of("baseline.mp4")));
  REQUIRE(::chmod(path.c_str(), 0) == 0);
#ifdef __linux__
  const int user = ::setfsuid(65534);  // the superuser may read everything: for files, be nobody
  const Error error = error_of(path);
  ::setfsuid(static_cast<uid_t>(user));
#else
  const Error error = error_of(path);
#endif
  CHECK(error.code() == std::errc::permission_denied);
  CHECK(error.source() == path);
}

TEST_CASE("A folder is an error that says what a sequence needs", "[ffmpeg][input]") {
  const test::TemporaryFolder folder;
  const Error error = error_of(folder / "");
  CHECK(error.code() == std::errc::is_a_directory);
  CHECK_THAT(error.what(), ContainsSubstring("%04d.png"));
}

TEST_CASE("An empty file is an error that says so", "[ffmpeg][input]") {
  test::FaultRow row_27{27, "an empty file", "Clean"};
  const test::TemporaryFolder folder;
  for (const char* const name : {"empty.mp4", "empty.ts", "empty"}) {
    const Error error = error_of(folder.file(name, {}));
    CHECK(error.step() == "open");
    CHECK_THAT(error.what(), ContainsSubstring("the file is empty"));
  }
  row_27.happened("an Error: the file is empty");
}

TEST_CASE("What is no video is an error that says so", "[ffmpeg][input]") {
  const test::TemporaryFolder folder;
  const Error text = error_of(folder.file("text.mp4", bytes_of("This is not a video at all, whatever its name is.\n")));
  CHECK(text.code() == std::error_code{AVERROR_INVALIDDATA, ffmpeg_category()});
  CHECK_THAT(text.what(), ContainsSubstring("not a video"));
  CHECK(text.step() == "open");
}

TEST_CASE("An MP4 that was not finished is an error that says what is missing", "[ffmpeg][input]") {
  test::FaultRow row_28{28, "an MP4 without moov", "Clean"};
  const test::TemporaryFolder folder;
  Bytes file = test::read_file(test::path_of("baseline.mp4"));
  file.resize(file.size() / 2);  // the index is at the end
  const Error error = error_of(folder.file("unfinished.mp4", file));
  CHECK(error.code() == std::error_code{AVERROR_INVALIDDATA, ffmpeg_category()});
  CHECK_THAT(error.what(), ContainsSubstring("moov"));
  CHECK_THAT(error.source(), ContainsSubstring("unfinished.mp4"));
  row_28.happened("an Error that names the moov");
}

TEST_CASE("An option that nobody knows is an error that names it", "[ffmpeg][input]") {
  const Error error =
      error_of(test::path_of("baseline.mp4"), {.options = {{"probesize", "100000"}, {"frametate", "10"}}});
  CHECK(error.code() == Errc::invalid_argument);
  CHECK(error.step() == "open");
  CHECK_THAT(error.what(), ContainsSubstring("'frametate'"));
  CHECK_THAT(error.what(), !ContainsSubstring("probesize"));
}

TEST_CASE("An option that nobody knows is an error before the source answers", "[ffmpeg][input]") {
  for (const std::string source :
       {"rtsp://127.0.0.1:1/x", "http://127.0.0.1:1/x", "udp://127.0.0.1:1", "lavfi:testsrc2"}) {
    CAPTURE(source);
    const test::Stopwatch stopwatch;
    const Error error = error_of(source, {.options = {{"nonsense", "secret"}}});
    CHECK(error.code() == Errc::invalid_argument);
    CHECK_THAT(error.what(), ContainsSubstring("'nonsense'"));
    CHECK_THAT(error.what(), !ContainsSubstring("secret"));
    CHECK(stopwatch.elapsed() < test::soon);
  }
  for (const char* const known : {"rtsp_transport", "fifo_size", "user_agent", "probesize", "video_size"}) {
    CAPTURE(known);
    CHECK_THAT(error_of("no_such_file.mp4", {.options = {{known, "1"}}}).what(),
               !ContainsSubstring("this FFmpeg knows"));
  }
}

TEST_CASE("An option with a wrong value is an error that names it", "[ffmpeg][input]") {
  const std::string images = test::make_media("-f lavfi -i testsrc2=size=32x24:rate=10:duration=2", "%03d.png");
  const Error error = error_of(images, {.options = {{"framerate", "often"}}});
  CHECK(error.code() == std::errc::invalid_argument);
  CHECK_THAT(error.what(), ContainsSubstring("'framerate'"));
  CHECK_THAT(error.what(), !ContainsSubstring("often"));  // a value may be a password
}

TEST_CASE("A pattern that FFmpeg cannot make is an error", "[ffmpeg][input]") {
  for (const char* const source : {"lavfi:no_such_filter", "lavfi:testsrc2=size=axb", "lavfi:"}) {
    const Error error = error_of(source);
    CHECK(error.source() == source);
    CHECK_THAT(error.what(), ContainsSubstring("'lavfi' does not take"));
  }
}

TEST_CASE("No error says a password", "[ffmpeg][input]") {
  test::FaultRow row_41{41, "passwords in URLs that fail to open", "in no error, log, stat or record"};
  const Error error = error_of("tcp://user:secret@127.0.0.1:1/?token=secret");
  CHECK(error.code() == std::errc::connection_refused);
  CHECK(error.source() == "tcp://***@127.0.0.1:1/?token=***");
  CHECK_THAT(error.what(), !ContainsSubstring("secret"));
  row_41.happened("in none");
}

TEST_CASE("A stop requested before is a stop while opening", "[ffmpeg][input]") {
  std::stop_source stop;
  stop.request_stop();
  try {
    static_cast<void>(open_input(test::path_of("baseline.mp4"), {}, stop.get_token()));
    FAIL("it opened");
  } catch (const Error& error) {
    CHECK(error.code() == std::errc::operation_canceled);
    CHECK(error.step() == "open");
  }
}

TEST_CASE("A stop may come at any moment of opening, the last one too", "[ffmpeg][input]") {
  const std::string clip = test::path_of("baseline.mp4");
  test::Random random{11};
  double takes = 1e6;  // nanoseconds until it is open: found out as we go, so that the stops gather round that moment
  int opened = 0;
  for (int round = 0; round < 1000; ++round) {
    std::stop_source stop;
    const auto at = std::chrono::steady_clock::now() +
                    std::chrono::nanoseconds{static_cast<std::int64_t>(takes) + random.between(-50'000, 50'000)};
    std::jthread stopper{[&stop, at] {
      while (std::chrono::steady_clock::now() < at) {}
      stop.request_stop();
    }};
    try {
      opened += open_input(clip, {}, stop.get_token()).context ? 1 : 0;
      takes *= 0.97;
    } catch (const Error& error) {
      if (error.code() != std::errc::operation_canceled) throw;
      takes *= 1.03;
    }
  }
  CHECK(opened > 0);
  CHECK(opened < 1000);
}

TEST_CASE("Opening a pipe that nobody writes to ends with a stop, and its thread with it", "[ffmpeg][input]") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "pipe";
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  const std::size_t threads = test::count_threads();
  const std::size_t descriptors = test::count_descriptors();
  for (int i = 0; i < 5; ++i) {
    std::stop_source stop;
    std::optional<test::Stopwatch> stopped;
    std::thread stopper{[&] {
      std::this_thread::sleep_for(30ms);
      stopped.emplace();
      stop.request_stop();
    }};
    CHECK_THROWS_AS(open_input(path, {}, stop.get_token()), Error);
    stopper.join();
    CHECK(stopped->elapsed() < test::soon);
  }
  CHECK(test::eventually([&] { return test::count_threads() == threads; }));
  CHECK(test::eventually([&] { return test::count_descriptors() == descriptors; }));
}

TEST_CASE("Opening that cannot be interrupted is left behind", "[ffmpeg][input]") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "pipe";
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  const std::size_t threads = test::count_threads();
  std::stop_source stop;
  std::optional<test::Stopwatch> stopped;
  std::thread stopper{[&] {
    std::this_thread::sleep_for(30ms);
    stopped.emplace();
    stop.request_stop();
  }};
  // By this name FFmpeg opens it itself, and waits where no stop can reach it.
  CHECK_THROWS_AS(open_input("file:" + path, {}, stop.get_token()), Error);
  stopper.join();
  CHECK(stopped->elapsed() < test::soon);
  CHECK(test::count_threads() == threads + 1);

  const ffmpeg::Descriptor writer{::open(path.c_str(), O_WRONLY | O_NONBLOCK)};  // now it is let
  CHECK(test::eventually([&] { return test::count_threads() == threads; }));
}
