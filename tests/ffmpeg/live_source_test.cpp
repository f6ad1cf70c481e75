// Live sources that come, stall, go and come back: rows 1 to 25 of what goes wrong in the field, as far as a server that this
// test writes itself can make them.

#include "stream_infer/ffmpeg/ffmpeg_producer.hpp"

#include "stream_infer/player/player.hpp"
#include "stream_infer/tracker/frame_tracker.hpp"
#include "support/catch.hpp"
#include "support/error_of.hpp"
#include "support/files.hpp"
#include "support/media.hpp"
#include "support/process.hpp"
#include "support/stopwatch.hpp"
#include "support/tcp_server.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <dlfcn.h>
#include <netdb.h>

using namespace std::chrono_literals;
using namespace stream_infer;
using Catch::Matchers::ContainsSubstring;
using test::Bytes;
using test::eventually;
using test::TcpServer;

namespace {

std::atomic<bool> name_server_answers{true};

}  // namespace

/// Stands in front of the system's own, for FFmpeg too: a name server that does not answer keeps it waiting.
extern "C" int getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** result) {
  if (node != nullptr && std::strcmp(node, "camera.test") == 0) {
    while (!name_server_answers) std::this_thread::sleep_for(5ms);
    return EAI_AGAIN;
  }
  // All others here are numbers: what is asked for is the same as without a name server.
  static const auto next = reinterpret_cast<decltype(&::getaddrinfo)>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  return next(node, service, hints, result);
}

namespace {

/// Two seconds of 25 frames a second, a key frame each second.
const Bytes& clip() {
  static const Bytes bytes = test::read_file(test::make_media(
      "-f lavfi -i testsrc2=size=64x48:rate=25 -t 2 -c:v libx264 -preset ultrafast -g 25 -tune zerolatency",
      "live.ts"));
  return bytes;
}
constexpr std::uint64_t clip_frames = 50;

/// The same, with time stamps that are so much later.
Bytes clip_at(int seconds) {
  const std::string name = "live_" + std::to_string(seconds) + ".ts";
  return test::read_file(test::make_media(
      "-f lavfi -i testsrc2=size=64x48:rate=25 -t 2 -c:v libx264 -preset ultrafast -g 25 -tune zerolatency "
      "-output_ts_offset " +
          std::to_string(seconds),
      name));
}

/// Waits little, so that tests do too.
FFmpegOptions impatient() {
  FFmpegOptions options;
  options.threads = 1;
  options.options = {{"probesize", "20000"}};
  options.deadlines = {.connect = 5s, .first_frame = 5s, .stall = 2s};
  options.reconnect = BackOff{.first = 10ms, .longest = 50ms};
  return options;
}

/// A play of a live source, and what it tells.
struct Watched {
  explicit Watched(const std::string& source, FFmpegOptions options = impatient())
      : producer{std::move(options)}, player{producer, tracker, source} {
    player.on_status([this](const PlayStatus& status) {
      const std::lock_guard lock{mutex};
      changes.push_back(status);
    });
  }

  void play() {
    player.play_realtime({}, {}, [this](const Frame& frame, const std::stop_token&) {
      const std::lock_guard lock{mutex};
      if (!frames.empty() && frame.time() <= frames.back().time()) went_back = true;
      if (!frames.empty()) longest_gap = std::max(longest_gap, frame.time() - frames.back().time());
      frames.push_back(frame);
    });
  }

  [[nodiscard]] std::vector<PlayState> states() {
    const std::lock_guard lock{mutex};
    std::vector<PlayState> all;
    for (const PlayStatus& change : changes) all.push_back(change.state);
    return all;
  }
  [[nodiscard]] std::size_t count(PlayState state) {
    const std::vector<PlayState> all = states();
    return static_cast<std::size_t>(std::count(all.begin(), all.end(), state));
  }
  /// Of the latest change to reconnecting or failed.
  [[nodiscard]] std::optional<Error> error() {
    const std::lock_guard lock{mutex};
    for (auto change = changes.rbegin(); change != changes.rend(); ++change)
      if (change->error) return change->error;
    return {};
  }
  [[nodiscard]] std::uint32_t epoch() {
    const std::lock_guard lock{mutex};
    return frames.empty() ? 0 : frames.back().epoch();
  }
  [[nodiscard]] std::uint64_t played() const { return player.stats().frames_played; }

  FFmpegProducer producer;
  FrameTracker<> tracker;
  std::mutex mutex;
  std::vector<PlayStatus> changes;
  std::vector<Frame> frames;
  bool went_back = false;
  MediaTime longest_gap{};
  Player<FFmpegProducer, FrameTracker<>, SteadyClock> player;
};

std::chrono::nanoseconds stop(Watched& watched) {
  const test::Stopwatch stopwatch;
  watched.player.stop();
  const std::chrono::nanoseconds took = stopwatch.elapsed();
  CHECK(watched.player.status().state == PlayState::stopped);
  CHECK(watched.player.stats().adds_up());
  return took;
}

}  // namespace

TEST_CASE("A live source that is lost is found again", "[ffmpeg][live]") {
  TcpServer server{[](TcpServer::Client& client) {
    client.send(clip());
    if (client.number() % 2 == 1) client.reset();
  }};
  Watched watched{server.url()};
  watched.play();
  CHECK(eventually([&] { return watched.epoch() >= 3; }));
  CHECK(stop(watched) < test::soon);
  CHECK_FALSE(watched.went_back);
  const std::vector<PlayState> states = watched.states();
  REQUIRE(states.size() >= 4);
  CHECK(std::vector<PlayState>(states.begin(), states.begin() + 4) ==
        std::vector<PlayState>{PlayState::playing, PlayState::reconnecting, PlayState::connecting, PlayState::playing});
  for (std::size_t i = 0; i < watched.frames.size(); ++i) {
    REQUIRE(watched.frames[i].index() == i);
    CAPTURE(i, watched.frames[i].epoch());
    REQUIRE(watched.frames[i].arrived());
  }
  CHECK(watched.frames.front().time() == 0s);
  CHECK(watched.frames.front().epoch() == 0);
  REQUIRE(watched.error());
  CHECK(watched.error()->source() == server.url());
}

TEST_CASE("A live source that says nothing more is given up at the deadline, and found again", "[ffmpeg][live]") {
  TcpServer server{[](TcpServer::Client& client) {
    client.send(clip());
    if (client.number() == 0) client.say_nothing();
    while (client.sleep(20ms)) client.send(clip());
  }};
  Watched watched{server.url()};
  watched.play();
  CHECK(eventually([&] { return watched.played() > 20; }));
  const test::Stopwatch stopwatch;
  CHECK(eventually([&] { return watched.count(PlayState::reconnecting) > 0; }));
  CHECK(stopwatch.elapsed() > 1500ms);
  CHECK(stopwatch.elapsed() < 5s);
  CHECK(eventually([&] { return watched.epoch() >= 1; }));
  stop(watched);
  const std::vector<PlayState> states = watched.states();
  REQUIRE(states.size() >= 5);
  CHECK(states[0] == PlayState::playing);
  CHECK(states[1] == PlayState::stalled);
  CHECK(states[2] != PlayState::stalled);  // there may be a last picture, which came when it was known to be whole
  REQUIRE(watched.error());
  CHECK(watched.error()->code() == std::errc::timed_out);
  CHECK_THAT(watched.error()->what(), ContainsSubstring("deadlines.stall"));
  CHECK_FALSE(watched.went_back);
  CHECK(watched.longest_gap > 1s);  // what has passed meanwhile has passed
}

TEST_CASE("A server that does not make sense in time is given up at the deadline", "[ffmpeg][live]") {
  TcpServer silent{[](TcpServer::Client& client) { client.say_nothing(); }};
  TcpServer slow{[](TcpServer::Client& client) {
    for (std::size_t i = 0; i < clip().size() && client.send(clip().data() + i, 1) && client.sleep(50ms); ++i) {}
  }};
  FFmpegOptions options = impatient();
  options.deadlines.connect = 500ms;
  for (const TcpServer* server : {&silent, &slow}) {
    for (const char* const scheme : {"tcp", "http", "rtsp", "rtmp"}) {
      const std::string source = server->url(scheme) + "/live/a?token=abc";
      CAPTURE(source);
      FFmpegProducer producer{options};
      const test::Stopwatch stopwatch;
      const Error error = test::error_of([&] { static_cast<void>(producer.open(source, {})); });
      CHECK(stopwatch.elapsed() < 500ms + 3 * test::soon);
      CHECK(error.code() == std::errc::timed_out);
      CHECK_THAT(error.what(), ContainsSubstring("deadlines.connect") && !ContainsSubstring("abc"));
    }
  }
}

TEST_CASE("A name server that does not answer keeps nobody", "[ffmpeg][live]") {
  name_server_answers = false;
  const std::size_t threads = test::count_threads();
  FFmpegOptions options = impatient();
  options.deadlines.connect = 300ms;
  {
    const test::Stopwatch stopwatch;
    const FFmpegProducer producer{options};
    const Error error = test::error_of([&] { static_cast<void>(producer.open("rtsp://camera.test/1", {})); });
    CHECK(error.code() == std::errc::timed_out);
    CHECK(stopwatch.elapsed() < 800ms + 3 * test::soon);
  }
  CHECK(test::at_best(200ms, [&] {
          Watched watched{"rtsp://camera.test/1"};
          watched.play();
          std::this_thread::sleep_for(50ms);
          return stop(watched);
        }) < 200ms);
  name_server_answers = true;
  CHECK(eventually([&] { return test::count_threads() <= threads; }));  // those left behind have ended
}

TEST_CASE("A live source that is not there yet is waited for in realtime, and not offline", "[ffmpeg][live]") {
  std::optional<TcpServer> server;
  server.emplace([](TcpServer::Client&) {});
  const int port = server->port();
  const std::string source = server->url();
  server.reset();
  const FFmpegProducer producer{impatient()};
  CHECK(test::error_of([&] { static_cast<void>(producer.open(source, {})); }).code() == std::errc::connection_refused);
  Watched watched{source};
  watched.play();
  CHECK(eventually([&] { return watched.count(PlayState::reconnecting) >= 3; }));
  CHECK(watched.player.is_active());
  CHECK(watched.changes.front().attempt == 1);
  server.emplace([](TcpServer::Client& client) { client.send(clip()); }, port);
  CHECK(eventually([&] { return watched.played() > 20; }));
  CHECK(watched.player.info()->live);
  stop(watched);
}

TEST_CASE("A serial loop over a live source goes on too when that is lost", "[ffmpeg][live]") {
  TcpServer server{[](TcpServer::Client& client) { client.send(clip()); }};
  Watched watched{server.url()};
  std::uint64_t frames = 0;
  std::uint32_t epoch = 0;
  for (const auto& played : watched.player.play()) {
    ++frames;
    epoch = played.frame.epoch();
    if (epoch == 2) break;
  }
  CHECK(epoch == 2);
  CHECK(frames > clip_frames);
}

TEST_CASE("A server that refuses is not asked again and again", "[ffmpeg][live]") {
  for (const std::string status : {"401 Unauthorized", "403 Forbidden", "404 Not Found"}) {
    CAPTURE(status);
    TcpServer server{[&](TcpServer::Client& client) {
      const std::string request = client.receive_request();
      const std::string version = request.find("RTSP/1.0") != std::string::npos ? "RTSP/1.0 " : "HTTP/1.1 ";
      const std::size_t sequence = request.find("CSeq: ");
      const std::string cseq = sequence == std::string::npos
                                   ? ""
                                   : request.substr(sequence, request.find('\r', sequence) - sequence) + "\r\n";
      client.send(version + status + "\r\n" + cseq + "Content-Length: 0\r\nConnection: close\r\n\r\n");
    }};
    for (const char* const scheme : {"http", "rtsp"}) {
      const int before = server.clients();
      Watched watched{server.url(scheme) + "/a.m3u8"};
      watched.play();
      watched.player.wait();
      CHECK(watched.player.status().state == PlayState::failed);
      CHECK(watched.count(PlayState::reconnecting) == 0);
      REQUIRE(watched.error());
      CHECK(watched.error()->code().category() == ffmpeg_category());
      CHECK(server.clients() - before <= 2);
    }
  }
}

TEST_CASE("Without a policy a live source that ends has ended", "[ffmpeg][live]") {
  TcpServer server{[](TcpServer::Client& client) { client.send(clip()); }};
  FFmpegOptions options = impatient();
  options.reconnect = NoReconnect{};
  Watched watched{server.url(), options};
  watched.play();
  watched.player.wait();
  CHECK(watched.player.status().state == PlayState::ended);
  CHECK(watched.played() == clip_frames);
  CHECK(server.clients() == 1);
}

TEST_CASE("A play is stopped in the middle of a pause", "[ffmpeg][live]") {
  TcpServer server{[](TcpServer::Client& client) { client.send(clip()); }};
  FFmpegOptions options = impatient();
  options.reconnect = [](const ConnectionLoss&) { return std::optional{MediaTime{1h}}; };
  CHECK(test::at_best(200ms, [&] {
          Watched watched{server.url(), options};
          watched.play();
          CHECK(eventually([&] { return watched.player.status().state == PlayState::reconnecting; }));
          const PlayStatus status = watched.player.status();
          CHECK(status.attempt == 1);
          CHECK(status.next_attempt > std::chrono::steady_clock::now() + 59min);
          return stop(watched);
        }) < 200ms);
  Watched refused{"tcp://127.0.0.1:1", options};
  refused.play();
  CHECK(eventually([&] { return refused.player.status().state == PlayState::reconnecting; }));
  CHECK(stop(refused) < test::soon);
}

TEST_CASE("Where the time stamps of a live source jump, its time goes on", "[ffmpeg][live]") {
  constexpr int day = 90'000;  // 25 hours
  const std::vector<std::pair<std::string, std::vector<Bytes>>> kinds{
      {"forwards", {clip_at(10), clip_at(day)}},
      {"backwards", {clip_at(50), clip_at(10)}},
      {"back to 0", {clip_at(95'000), clip_at(0)}},
  };
  for (const auto& [name, parts] : kinds) {
    CAPTURE(name);
    TcpServer server{[&parts = parts](TcpServer::Client& client) {
      for (const Bytes& part : parts) {
        client.send(part);
        if (!client.sleep(200ms)) return;
      }
      client.say_nothing();
    }};
    Watched watched{server.url()};
    watched.play();
    CHECK(eventually([&] { return watched.played() >= 2 * clip_frames - 2; }));
    stop(watched);
    CHECK_FALSE(watched.went_back);
    CHECK(watched.longest_gap < 3s);
    CHECK(watched.epoch() >= 1);
    CHECK(watched.frames.back().time() < 10s);
  }
}

TEST_CASE("A live source without a key frame gives no grey frames, and is given up at the deadline", "[ffmpeg][live]") {
  const Bytes endless = test::read_file(test::make_media(
      "-f lavfi -i testsrc2=size=64x48:rate=25 -t 20 -c:v libx264 -preset ultrafast -g 1000 -tune zerolatency -bf 0 "
      "-x264-params repeat-headers=1:keyint=1000",
      "one_key.ts"));
  TcpServer server{[&](TcpServer::Client& client) {
    constexpr std::size_t packet = 188;
    client.send(endless.data(), 3 * packet);  // tables
    for (std::size_t at = endless.size() / 4 / packet * packet; at < endless.size() && client.sleep(10ms);
         at += 4 * packet)
      if (!client.send(endless.data() + at, std::min(4 * packet, endless.size() - at))) return;
  }};
  FFmpegOptions options = impatient();
  options.deadlines = {.connect = 3s, .first_frame = 500ms, .stall = 3s};
  Watched watched{server.url(), options};
  watched.play();
  CHECK(eventually([&] { return watched.count(PlayState::reconnecting) > 0; }));
  stop(watched);
  CHECK(watched.played() == 0);
  REQUIRE(watched.error());
  CHECK(watched.error()->code().value() != 0);
}

TEST_CASE("A camera that flaps costs nothing that stays", "[ffmpeg][live]") {
  TcpServer server{[](TcpServer::Client& client) {
    client.send(clip().data(), clip().size() / 2 + static_cast<std::size_t>(client.number() % 7) * 188);
    if (client.number() % 3 == 0) client.reset();
  }};
  FFmpegOptions options = impatient();
  options.reconnect = BackOff{.first = 1ms, .longest = 2ms};
  Watched watched{server.url(), options};
  const auto forget = [&] {
    const std::lock_guard lock{watched.mutex};
    if (watched.frames.size() > 10) watched.frames.erase(watched.frames.begin(), watched.frames.end() - 1);
  };
  watched.play();
  CHECK(eventually([&] { return forget(), watched.epoch() >= 10; }, 30s));
  const std::size_t threads = test::count_threads(), descriptors = test::count_descriptors();
  const std::size_t memory = test::resident_memory();
  CHECK(eventually([&] { return forget(), watched.epoch() >= 60; }, 60s));
  CHECK_FALSE(watched.went_back);
  const std::size_t clients = static_cast<std::size_t>(server.clients());
  CHECK(test::count_descriptors() <= descriptors + clients);  // the server here keeps one for each client
  CHECK(test::count_threads() <= threads + clients);
  if (test::measures_memory) CHECK(test::resident_memory() < memory + 50'000'000);
  stop(watched);
}

TEST_CASE("Damaged pictures are left out, or flagged", "[ffmpeg][live]") {
  Bytes damaged = test::read_file(test::make_media(
      "-f lavfi -i testsrc2=size=320x240:rate=25 -t 4 -c:v libx264 -preset ultrafast -g 25 -tune zerolatency",
      "lossy.ts"));
  for (std::size_t at = 40'000; at + 188 < damaged.size(); at += 188 * 40)
    std::fill_n(damaged.begin() + static_cast<std::ptrdiff_t>(at / 188 * 188 + 8), 170, std::uint8_t{0x55});
  const test::TemporaryFolder folder;
  const std::string path = folder.file("lossy.ts", damaged);
  const auto play = [&](bool keep) {
    FFmpegReader reader = FFmpegProducer{{.threads = 1, .damaged = keep}}.open(path, {});
    std::pair<std::uint64_t, std::uint64_t> count;
    for (Frame frame; reader.read(frame) == ReadStatus::frame;) ++(frame.damaged() ? count.second : count.first);
    CHECK(reader.counters()->frames_damaged > 0);
    return count;
  };
  const auto [good, doubtful] = play(false);
  const auto [also_good, bad] = play(true);
  CHECK(good == also_good);
  CHECK(doubtful < bad);  // a packet of theirs may have been incomplete, and the decoder found nothing wrong
}

TEST_CASE("Readers of live sources are destroyed in any state", "[ffmpeg][live]") {
  TcpServer server{[](TcpServer::Client& client) {
    if (client.number() % 4 == 0) return;
    client.send(clip().data(), clip().size() / static_cast<std::size_t>(1 + client.number() % 5));
    if (client.number() % 3 == 0) client.say_nothing();
  }};
  for (int i = 0; i < 60; ++i) {
    Watched watched{server.url()};
    watched.play();
    std::this_thread::sleep_for(std::chrono::milliseconds{i});
  }
}
