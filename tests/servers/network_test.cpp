// Faults of the network itself, made with packet filters in a network namespace of their own. The cases tagged [.network] are run
// by the first one, in a process that has such a namespace.

#include "servers/servers.hpp"

#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/error_of.hpp"
#include "support/fault_row.hpp"
#include "support/process.hpp"
#include "support/stopwatch.hpp"
#include "support/tcp_server.hpp"
#include "support/watched.hpp"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <thread>

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

/// A rule of the packet filter, for as long as this lives.
class Filter {
 public:
  explicit Filter(const std::string& rule) : rule_{rule} {
    if (std::system(("iptables -A INPUT " + rule_).c_str()) != 0) throw std::runtime_error{"iptables: " + rule_};
  }
  Filter(const Filter&) = delete;
  Filter& operator=(const Filter&) = delete;
  ~Filter() { static_cast<void>(std::system(("iptables -D INPUT " + rule_).c_str())); }

 private:
  std::string rule_;
};

}  // namespace

TEST_CASE("Faults of the network", "[servers][apart]") {
  const bool can = std::system(
                       "unshare -rn sh -c 'ip link set lo up && iptables -A INPUT -p udp -m statistic --mode random "
                       "--probability 0.5 -j DROP' >/dev/null 2>&1") == 0;
  if (!test::needs(can, "iptables, iproute2, and the right to make network namespaces (unshare -rn)")) {
    for (const int number : {1, 7, 8, 12}) FaultRow{number, "skipped: no network namespaces here", ""}.happened("");
    return;
  }
  const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  Child apart{{"unshare", "-rn", "sh", "-c", "ip link set lo up && exec '" + self + "' '[network]'"}};
  CHECK(apart.wait() == 0);
  INFO(apart.said());
  CHECK(apart.said().find("All tests passed") != std::string::npos);
}

TEST_CASE("A connection that is never answered", "[.network]") {
  FaultRow row{1, "iptables DROP of all SYN packets", "stop <= 200 ms; Clean at the deadline"};
  const std::string port = std::to_string(test::free_port());
  const Filter filter{"-p tcp --dport " + port + " -j DROP"};
  FFmpegOptions options = patient_enough();
  options.deadlines.connect = 700ms;
  std::chrono::nanoseconds slowest{0}, slowest_stop{0};
  for (const char* const scheme : {"tcp", "rtsp", "rtmp", "http"}) {
    const std::string source = std::string{scheme} + "://127.0.0.1:" + port + "/live";
    CAPTURE(source);
    const FFmpegProducer producer{options};
    const Stopwatch stopwatch;
    const Error error = test::error_of([&] { static_cast<void>(producer.open(source, {})); });
    slowest = std::max(slowest, stopwatch.elapsed());
    CHECK(error.code() == std::errc::timed_out);
    CHECK(stopwatch.elapsed() < 700ms + 3 * test::soon);
    const auto stop = test::at_best(200ms, [&] {
      Watched watched{source, options};
      watched.play();
      std::this_thread::sleep_for(50ms);
      return watched.stop();
    });
    CHECK(stop < 200ms);
    slowest_stop = std::max(slowest_stop, stop);
  }
  row.happened("timed_out after at most " + milliseconds(slowest) + " (deadline 700 ms); stop at most " +
               milliseconds(slowest_stop));
}

TEST_CASE("A partition between a camera and us", "[.network]") {
  if (!test::has_rtsp_server()) return;
  for (const char* const transport : {"tcp", "udp"}) {
    CAPTURE(transport);
    const bool is_tcp = std::string{transport} == "tcp";
    FaultRow row{is_tcp ? 7 : 8,
                 std::string{"RTSP over "} + (is_tcp ? "TCP" : "UDP") + ", iptables DROP of all packets",
                 "RC after the deadline (2 s)"};
    test::RtspServer server;
    FFmpegOptions options = patient_enough();
    options.options.emplace_back("rtsp_transport", transport);
    Watched watched{server.url(), options};
    watched.play();
    REQUIRE(eventually([&] { return watched.played() > 30; }, 30s));
    std::optional<Filter> filter;
    filter.emplace(is_tcp ? "-p tcp --sport " + std::to_string(server.port()) + " -j DROP" : "-p udp -j DROP");
    const Stopwatch stopwatch;
    CHECK(eventually([&] { return watched.count(PlayState::reconnecting) > 0; }, 20s));
    const auto lost_after = stopwatch.elapsed();
    const auto stop_state = watched.player.status().state;
    std::this_thread::sleep_for(1s);  // it tries in vain
    filter.reset();
    const Stopwatch back;
    CHECK(eventually([&] { return watched.epoch() > 0 && watched.player.status().state == PlayState::playing; }, 40s));
    const auto back_after = back.elapsed();
    const auto stop = watched.stop();
    CHECK(stop < test::soon);
    row.happened("lost after " + milliseconds(lost_after) + " (" + std::string{to_string(stop_state)} + "), back " +
                 milliseconds(back_after) + " after the network; stop " + milliseconds(stop));
  }
}

TEST_CASE("RTSP over UDP falls back to TCP where no packet comes through", "[.network]") {
  if (!test::has_rtsp_server()) return;
  FaultRow row{8, "RTSP, rtsp_transport=udp+tcp, all UDP packets dropped", "plays over TCP after 5 s"};
  test::RtspServer server;
  const Filter filter{"-p udp -j DROP"};
  FFmpegOptions options = patient_enough();
  options.deadlines = {.connect = 12s, .first_frame = 12s, .stall = 10s};
  options.options.emplace_back("rtsp_transport", "udp+tcp");
  Watched watched{server.url(), options};
  const Stopwatch stopwatch;
  watched.play();
  CHECK(eventually([&] { return watched.played() > 10; }, 30s));
  const auto took = stopwatch.elapsed();
  watched.stop();
  row.happened("played after " + milliseconds(took));
}

TEST_CASE("A fifth of all packets is lost", "[.network]") {
  if (!test::has_rtsp_server()) return;
  FaultRow row{12, "RTSP over UDP, iptables drops 20 % at random", "no crash; damaged frames flagged and counted"};
  test::RtspServer server;
  for (const bool keep : {false, true}) {
    FFmpegOptions options = patient_enough();
    options.options.emplace_back("rtsp_transport", "udp");
    options.damaged = keep;
    std::optional<Filter> filter;
    Watched watched{server.url(), options};
    watched.play();
    REQUIRE(eventually([&] { return watched.played() > 30; }, 30s));
    filter.emplace("-p udp -m statistic --mode random --probability 0.2 -j DROP");
    std::this_thread::sleep_for(8s);
    filter.reset();
    const std::uint64_t before = watched.played();
    CHECK(eventually([&] { return watched.played() > before + 30; }, 30s));  // good again
    watched.stop();
    const SourceStats stats = watched.player.stats();
    CHECK(stats.frames_damaged + stats.decode_errors > 0);
    if (!keep) {
      CHECK(watched.damaged == 0);
      row.happened(std::to_string(stats.frames_damaged) + " damaged and left out, " +
                   std::to_string(stats.decode_errors) + " packets refused, " + std::to_string(stats.frames_played) +
                   " played, none damaged");
    } else {
      CHECK(watched.damaged > 0);
    }
  }
}
