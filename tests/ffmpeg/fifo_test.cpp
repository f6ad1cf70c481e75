#include "stream_infer/ffmpeg/fifo.hpp"

#include "support/catch.hpp"
#include "support/files.hpp"
#include "support/process.hpp"
#include "support/stopwatch.hpp"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <string>
#include <thread>
#include <utility>

using namespace std::chrono_literals;
using namespace stream_infer;
using ffmpeg::Descriptor;

namespace {

/// A named pipe with nobody at either end.
std::string make_fifo(const test::TemporaryFolder& folder) {
  const std::string path = folder / "pipe";
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  return path;
}

}  // namespace

TEST_CASE("Named pipes are told from other files", "[ffmpeg][fifo]") {
  const test::TemporaryFolder folder;
  CHECK(ffmpeg::is_fifo(make_fifo(folder)));
  CHECK_FALSE(ffmpeg::is_fifo(folder.file("file", {1})));
  CHECK_FALSE(ffmpeg::is_fifo(folder / "nothing"));
  CHECK_FALSE(ffmpeg::is_fifo("/dev/null"));
}

TEST_CASE("Opening a named pipe waits for what its writer writes", "[ffmpeg][fifo]") {
  const test::TemporaryFolder folder;
  const std::string path = make_fifo(folder);
  ssize_t written = 0;
  std::thread writer{[&] {
    const Descriptor end{::open(path.c_str(), O_WRONLY)};
    std::this_thread::sleep_for(100ms);  // it has come, but says nothing yet
    written = ::write(end.get(), "x", 1);
  }};
  const std::atomic<bool> stop{false};
  Descriptor reader;
  CHECK(ffmpeg::open_fifo(path, stop, reader) == 0);
  char byte = 0;
  CHECK(::read(reader.get(), &byte, 1) == 1);
  CHECK(byte == 'x');
  writer.join();
  CHECK(written == 1);
}

TEST_CASE("Waiting for the writer of a named pipe ends with a stop", "[ffmpeg][fifo]") {
  const test::TemporaryFolder folder;
  const std::string path = make_fifo(folder);
  std::atomic<bool> stop{false};
  std::thread stopper{[&] {
    std::this_thread::sleep_for(30ms);
    stop = true;
  }};
  const test::Stopwatch stopwatch;
  Descriptor reader;
  CHECK(ffmpeg::open_fifo(path, stop, reader) == AVERROR_EXIT);
  CHECK(stopwatch.elapsed() < test::soon);
  stopper.join();
}

TEST_CASE("A pipe that cannot be opened is an error code", "[ffmpeg][fifo]") {
  Descriptor reader;
  CHECK(ffmpeg::open_fifo("/no/such/pipe", false, reader) == AVERROR(ENOENT));
}
