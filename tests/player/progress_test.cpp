#include "stream_infer/player/progress.hpp"

#include "support/catch.hpp"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace si = stream_infer;
using namespace std::chrono_literals;

namespace {

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, Close>;

}  // namespace

TEST_CASE("The speed is media time for each second of wall time", "[progress]") {
  CHECK(si::Progress{.start = 0s, .position = 10s, .elapsed = 4s}.speed() == 2.5);
  CHECK(si::Progress{.start = 6s, .position = 10s, .elapsed = 4s}.speed() == 1.0);
  CHECK(si::Progress{.position = 10s, .elapsed = 0s}.speed() == 0.0);
}

TEST_CASE("What is left is told where it can be", "[progress]") {
  const si::Progress half{.start = 0s, .position = 10s, .duration = 40s, .elapsed = 4s};
  CHECK(half.left() == 12s);
  CHECK_FALSE(si::Progress{.position = 10s, .elapsed = 4s}.left().has_value());                  // no duration
  CHECK_FALSE(si::Progress{.position = 0s, .duration = 40s, .elapsed = 4s}.left().has_value());  // no speed
  CHECK(si::Progress{.position = 50s, .duration = 40s, .elapsed = 4s}.left() == 0s);             // longer than told
}

TEST_CASE("The line says where the run is, how fast it goes and how long it takes", "[progress]") {
  const auto text = [](const si::Progress& progress) { return si::ProgressLine::text(progress); };
  CHECK(text({.position = 72s, .duration = 600s, .elapsed = 8571ms}) ==
        "00:01:12 of 00:10:00   12%   8.4x real time   00:01:03 left");
  CHECK(text({.position = 72s, .elapsed = 36s}) == "00:01:12   2.0x real time");
  CHECK(text({.position = 700s, .duration = 600s, .elapsed = 70s}) ==
        "00:11:40 of 00:10:00  100%   10.0x real time   00:00:00 left");
  CHECK(text({.position = 0s, .duration = 0s, .elapsed = 1s}) == "00:00:00 of 00:00:00    0%   0.0x real time");
  CHECK(text({}) == "00:00:00   0.0x real time");
}

TEST_CASE("Where nobody watches, nothing is written", "[progress]") {
  const File file{std::tmpfile()};
  REQUIRE(file);
  si::ProgressLine line{file.get()};
  line({.position = 1s, .elapsed = 1s});
  line({.position = 1s, .elapsed = 1s, .finished = true});
  CHECK(std::ftell(file.get()) == 0);
}

TEST_CASE("On a terminal the line is written over itself and cleared at the end", "[progress]") {
  const int master = ::posix_openpt(O_RDWR | O_NOCTTY);
  if (master < 0 || ::grantpt(master) != 0 || ::unlockpt(master) != 0) {
    WARN("skipped: this machine gives no terminal");
    return;
  }
  const File terminal{std::fopen(::ptsname(master), "w")};
  REQUIRE(terminal);
  si::ProgressLine line{terminal.get()};
  line({.position = 1s, .elapsed = 1s});
  line({.position = 2s, .elapsed = 2s});
  line({.position = 2s, .elapsed = 2s, .finished = true});
  const std::string expected = "\r00:00:01   1.0x real time\x1b[K\r00:00:02   1.0x real time\x1b[K\r\x1b[K";
  std::string seen;
  for (pollfd ready{master, POLLIN, 0};;) {  // a terminal hands over what it has by then: wait for all, and for no more
    if (::poll(&ready, 1, seen.size() < expected.size() ? 10'000 : 0) <= 0) break;
    char part[256];
    const ssize_t length = ::read(master, part, sizeof part);
    if (length <= 0) break;
    seen.append(part, static_cast<std::size_t>(length));
  }
  ::close(master);
  CHECK(seen == expected);
}

TEST_CASE("The line says where a source is not there", "[progress]") {
  si::Progress progress{.position = 10s, .elapsed = 4s};
  CHECK(si::ProgressLine::text(progress) == "00:00:10   2.5x real time");
  progress.state = si::PlayState::reconnecting;
  CHECK(si::ProgressLine::text(progress) == "00:00:10   2.5x real time   reconnecting");
}
