// Live sources as the field has them: real servers that stall, are killed, and come back.

#include "servers/servers.hpp"

#include "stream_infer/exporter/base_exporter.hpp"
#include "stream_infer/inference/inference.hpp"
#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/fault_row.hpp"
#include "support/process.hpp"
#include "support/stopwatch.hpp"
#include "support/watched.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <signal.h>
#include <unistd.h>

using namespace std::chrono_literals;
using namespace stream_infer;
using test::Child;
using test::eventually;
using test::FaultRow;
using test::milliseconds;
using test::Stopwatch;
using test::Watched;

namespace {

FFmpegOptions patient_enough() {
  FFmpegOptions options;
  options.threads = 1;
  options.options = {{"analyzeduration", "1000000"}};
  options.deadlines = {.connect = 8s, .first_frame = 8s, .stall = 2s};
  options.reconnect = BackOff{.first = 100ms, .longest = 500ms};
  return options;
}

/// Waits until frames come, of a later epoch than `epoch`. Returns how long that took.
std::chrono::nanoseconds wait_for_return(Watched& watched, std::uint32_t epoch) {
  const Stopwatch stopwatch;
  CHECK(
      eventually([&] { return watched.epoch() > epoch && watched.player.status().state == PlayState::playing; }, 40s));
  return stopwatch.elapsed();
}

std::string text(const std::vector<PlayState>& states) {
  std::string all;
  for (const PlayState state : states) all += (all.empty() ? "" : ", ") + std::string{to_string(state)};
  return all;
}

}  // namespace

TEST_CASE("An RTSP server is played over TCP and UDP, and stopped in time", "[servers][rtsp]") {
  if (!test::has_rtsp_server()) return;
  test::RtspServer server;
  for (const char* const transport : {"", "tcp", "udp", "udp+tcp"}) {
    CAPTURE(transport);
    FFmpegOptions options = patient_enough();
    if (*transport != '\0') options.options.emplace_back("rtsp_transport", transport);
    Watched watched{server.url(), options};
    watched.play();
    CHECK(eventually([&] { return watched.played() > 30; }, 30s));
    CHECK(watched.player.info()->live);
    CHECK(watched.stop() < test::soon);
    CHECK(watched.epoch() == 0);
    CHECK(watched.count(PlayState::reconnecting) == 0);
  }
}

TEST_CASE("An RTSP server that stalls is given up at the deadline, and one that is killed at once", "[servers][rtsp]") {
  if (!test::has_rtsp_server()) return;
  FaultRow stalls{6, "GStreamer's RTSP server, SIGSTOP", "RC after the deadline (2 s)"};
  FaultRow pipe{58, "SIGPIPE left as it is, the server killed while we are connected", "no process death"};
  struct sigaction before {};
  ::sigaction(SIGPIPE, nullptr, &before);
  CHECK(before.sa_handler == SIG_DFL);
  FaultRow killed{9, "GStreamer's RTSP server, SIGKILL, another at its port", "RC, not ended"};
  std::optional<test::RtspServer> server;
  server.emplace();
  const int port = server->port();
  Watched watched{server->url(), patient_enough()};
  watched.play();
  REQUIRE(eventually([&] { return watched.played() > 30; }, 30s));

  server->child().freeze();
  const Stopwatch stopwatch;
  CHECK(eventually([&] { return watched.count(PlayState::reconnecting) > 0; }, 20s));
  const auto lost_after = stopwatch.elapsed();
  CHECK(lost_after > 1s);
  CHECK(watched.saw(PlayState::playing, PlayState::stalled));
  server->child().signal(SIGCONT);
  const auto back_after = wait_for_return(watched, 0);
  stalls.happened("lost after " + milliseconds(lost_after) + ", back " + milliseconds(back_after) +
                  " after SIGCONT, epoch " + std::to_string(watched.epoch()));

  const std::size_t losses = watched.count(PlayState::reconnecting);
  const std::uint32_t epoch = watched.epoch();
  server.reset();
  CHECK(eventually([&] { return watched.count(PlayState::reconnecting) > losses + 1; }, 20s));
  CHECK(watched.player.is_active());
  server.emplace(port);
  const auto found_after = wait_for_return(watched, epoch);
  const auto stop = watched.stop();
  CHECK(stop < test::soon);
  pipe.happened("alive");
  killed.happened("reconnecting; back " + milliseconds(found_after) + " after the server, epoch " +
                  std::to_string(watched.epoch()) + "; stop " + milliseconds(stop));
}

TEST_CASE("An RTMP publisher that dies and an RTMP server that dies are waited for", "[servers][rtmp]") {
  if (!test::has_rtmp_server()) return;
  FaultRow row{10, "nginx-rtmp: the publisher killed, then the server", "RC, not ended"};
  test::RtmpServer server;
  std::optional<Child> publisher;
  publisher.emplace(server.publisher("camera"));
  FFmpegOptions options = patient_enough();
  options.deadlines.connect = 4s;
  Watched watched{server.url("camera"), options};
  watched.play();
  REQUIRE(eventually([&] { return watched.played() > 30; }, 30s));
  publisher.reset();
  CHECK(eventually([&] { return watched.count(PlayState::reconnecting) > 0; }, 20s));
  publisher.emplace(server.publisher("camera"));
  const auto first = wait_for_return(watched, 0);

  const std::size_t losses = watched.count(PlayState::reconnecting);
  const std::uint32_t epoch = watched.epoch();
  server.kill();
  publisher.reset();
  CHECK(eventually([&] { return watched.count(PlayState::reconnecting) > losses; }, 20s));
  server.start();
  publisher.emplace(server.publisher("camera"));
  const auto second = wait_for_return(watched, epoch);
  const auto stop = watched.stop();
  CHECK(stop < test::soon);
  row.happened("back " + milliseconds(first) + " after the publisher, " + milliseconds(second) +
               " after the server; stop " + milliseconds(stop));
}

TEST_CASE("An HLS playlist that stops growing is a loss, and not an end", "[servers][rtmp]") {
  if (!test::has_rtmp_server()) return;
  FaultRow row{11, "nginx: HLS whose publisher is killed", "RC, not ended"};
  test::RtmpServer server;
  std::optional<Child> publisher;
  publisher.emplace(server.publisher("hls"));
  REQUIRE(eventually([&] { return std::filesystem::exists(server.hls_file("hls")); }, 20s));
  std::this_thread::sleep_for(3s);  // for a few segments
  FFmpegOptions options = patient_enough();
  options.deadlines.stall = 4s;
  Watched watched{server.hls_url("hls"), options};
  watched.play();
  REQUIRE(eventually([&] { return watched.played() > 60; }, 30s));
  publisher.reset();
  const Stopwatch stopwatch;
  CHECK(eventually([&] { return watched.count(PlayState::reconnecting) > 0; }, 30s));
  const auto lost_after = stopwatch.elapsed();
  CHECK(watched.player.is_active());
  publisher.emplace(server.publisher("hls"));
  const auto back_after = wait_for_return(watched, 0);
  const auto stop = watched.stop();
  CHECK(stop < test::soon);
  row.happened("lost after " + milliseconds(lost_after) + ", back " + milliseconds(back_after) +
               " after the publisher; stop " + milliseconds(stop));
}

TEST_CASE("MPEG-TS over UDP and SRT: a sender that goes and comes back", "[servers][others]") {
  for (const char* const scheme : {"udp", "srt"}) {
    CAPTURE(scheme);
    const bool is_udp = std::string{scheme} == "udp";
    FaultRow row{is_udp ? 8 : 6, std::string{"MPEG-TS over "} + (is_udp ? "UDP" : "SRT") + ": the sender is killed",
                 "RC after the deadline"};
    const std::string port = std::to_string(test::free_port(SOCK_DGRAM));
    const std::string to =
        is_udp ? "udp://127.0.0.1:" + port + "?pkt_size=1316" : "srt://127.0.0.1:" + port + "?mode=listener";
    std::optional<Child> sender;
    sender.emplace(test::publish({"-f", "mpegts", to}));
    Watched watched{std::string{scheme} + "://127.0.0.1:" + port, patient_enough()};
    watched.play();
    CHECK(eventually([&] { return watched.played() > 30; }, 40s));
    sender.reset();
    const Stopwatch stopwatch;
    CHECK(eventually([&] { return watched.count(PlayState::reconnecting) > 0; }, 30s));
    const auto lost_after = stopwatch.elapsed();
    sender.emplace(test::publish({"-f", "mpegts", to}));
    const auto back_after = wait_for_return(watched, 0);
    const auto stop = watched.stop();
    CHECK(stop < test::soon);
    row.happened("lost after " + milliseconds(lost_after) + ", back " + milliseconds(back_after) +
                 " after the sender; stop " + milliseconds(stop) + " (" + text({watched.states().back()}) + ")");
  }
}

TEST_CASE("A device that is gone is opened anew when it is back", "[servers][others]") {
  if (!test::needs(test::has_program("Xvfb"), "xvfb")) return;
  FaultRow row{42, "x11grab of an X server, SIGKILL, another in its place", "Clean, full reopen"};
  const std::string display = ":" + std::to_string(100 + ::getpid() % 800);
  const std::string socket = "/tmp/.X11-unix/X" + display.substr(1);
  std::optional<Child> screen;
  const auto plug = [&] {
    screen.emplace(std::vector<std::string>{"Xvfb", display, "-screen", "0", "320x240x24", "-nolisten", "tcp"});
    CHECK(eventually([&] { return std::filesystem::exists(socket); }, 20s));
  };
  plug();
  FFmpegOptions options = patient_enough();
  options.options = {{"framerate", "25"}};
  Watched watched{"x11grab:" + display, options};
  watched.play();
  REQUIRE(eventually([&] { return watched.played() > 20; }, 20s));
  screen.reset();
  CHECK(eventually([&] { return watched.count(PlayState::reconnecting) > 0; }, 20s));
  REQUIRE(watched.error());
  const std::string said = watched.error()->what();
  std::filesystem::remove(socket);
  std::filesystem::remove("/tmp/.X" + display.substr(1) + "-lock");
  plug();
  const auto back_after = wait_for_return(watched, 0);
  const auto stop = watched.stop();
  CHECK(stop < test::soon);
  row.happened(said + "; back " + milliseconds(back_after) + " after the device; stop " + milliseconds(stop));
}

namespace {

struct Glance {
  int run(std::span<const Frame> frames) { return frames[0].image().row(0)[0]; }
};
struct Ignoring {
  template <class T>
  void collect(const Record<T>&) {}
};

}  // namespace

TEST_CASE("Frames of an RTSP server are new when they are run on", "[servers][rtsp]") {
  if (!test::has_rtsp_server()) return;
  test::RtspServer server;
  FFmpegOptions options = patient_enough();
  options.threads = 0;
  FFmpegProducer producer{options};
  FrameTracker<> tracker;
  Ignoring exporter;
  Inference inference{tracker, exporter, load_algo("glance", Glance{}, Schedule{})};
  Player player{producer, tracker, server.url()};
  std::thread stopper{[&] {
    static_cast<void>(eventually([&] { return player.stats().frames_played > 180; }, 40s));
    player.stop();
  }};
  const RunReport report = inference.start(player, {.mode = Mode::realtime});
  stopper.join();
  REQUIRE(report.algos[0].ages.count > 100);
  const FrameAges& ages = report.algos[0].ages;
  WARN("RTSP at 30 frames a second: frames were " << milliseconds(ages.median) << " old (median), 99 % at most "
                                                  << milliseconds(ages.p99) << ", the oldest "
                                                  << milliseconds(ages.longest));
  CHECK(ages.median < 67ms);  // two periods
  CHECK(ages.median <= ages.p99);
  CHECK(ages.p99 <= ages.longest);
}
