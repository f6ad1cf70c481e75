// Live sources that come, stall, go and come back: rows 1 to 25 of what goes wrong in the field, as far as a server that this
// test writes itself can make them.

#include "stream_infer/ffmpeg/ffmpeg_producer.hpp"

#include "ffmpeg/reference.hpp"
#include "stream_infer/ffmpeg/demuxer.hpp"
#include "stream_infer/ffmpeg/packet.hpp"
#include "stream_infer/player/player.hpp"
#include "stream_infer/tracker/frame_tracker.hpp"
#include "support/catch.hpp"
#include "support/error_of.hpp"
#include "support/fault_row.hpp"
#include "support/files.hpp"
#include "support/media.hpp"
#include "support/process.hpp"
#include "support/stopwatch.hpp"
#include "support/tcp_server.hpp"
#include "support/watched.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <dlfcn.h>
#include <netdb.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

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

std::atomic<std::int64_t> wall_clock_offset{0};  // in seconds

}  // namespace

/// Likewise, before FFmpeg's clock on the wall: somebody sets it.
extern "C" int gettimeofday(timeval* __restrict time, void* __restrict) {
  timespec now{};
  ::syscall(SYS_clock_gettime, CLOCK_REALTIME, &now);
  time->tv_sec = now.tv_sec + wall_clock_offset;
  time->tv_usec = now.tv_nsec / 1000;
  return 0;
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

/// The same with sources that tests wait for.
struct Watched : test::Watched {
  explicit Watched(const std::string& source, FFmpegOptions options = impatient())
      : test::Watched{source, std::move(options)} {}
};

std::chrono::nanoseconds stop(Watched& watched) { return watched.stop(); }

}  // namespace

TEST_CASE("A live source that is lost is found again", "[ffmpeg][live]") {
  test::FaultRow row_3{3, "a TCP server that resets every second connection", "Clean, back-off"};
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
  row_3.happened("reconnecting, playing again; epoch " + std::to_string(watched.epoch()));
}

TEST_CASE("A live source that says nothing more is given up at the deadline, and found again", "[ffmpeg][live]") {
  test::FaultRow row_6{6, "a TCP server that says nothing more", "RC after the deadline (2 s)"};
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
  CHECK(states[2] ==
        PlayState::reconnecting);  // a last picture, which had been held back, does not mean that it is back
  REQUIRE(watched.error());
  CHECK(watched.error()->code() == std::errc::timed_out);
  CHECK_THAT(watched.error()->what(), ContainsSubstring("deadlines.stall"));
  CHECK_FALSE(watched.went_back);
  CHECK(watched.longest_gap > 1s);  // what has passed meanwhile has passed
  row_6.happened("stalled, then lost after the deadline, then back; media time went on by " +
                 test::milliseconds(watched.longest_gap));
}

TEST_CASE("A server that does not make sense in time is given up at the deadline", "[ffmpeg][live]") {
  test::FaultRow row_2{2, "TCP, HTTP, RTSP and RTMP accepted, then silent", "Clean at the deadline"};
  test::FaultRow row_4{4, "one byte each 50 ms, as TCP, HTTP, RTSP and RTMP", "total deadline holds"};
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
  row_2.happened("timed_out at the deadline (500 ms) with each");
  row_4.happened("timed_out at the deadline (500 ms) with each");
}

TEST_CASE("A name server that does not answer keeps nobody", "[ffmpeg][live]") {
  test::FaultRow row_5{5, "a getaddrinfo() that does not return", "stop <= 200 ms, no thread leaked for ever"};
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
  row_5.happened("timed_out at the deadline; stop < 200 ms; the thread left behind ended with getaddrinfo()");
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
  test::FaultRow row_14{14, "401, 403 and 404 over HTTP and RTSP", "permanent Clean, no retry storm"};
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
  row_14.happened("failed at once, at most 2 requests each");
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
  test::FaultRow row_15{15, "stop() in a back-off of an hour", "<= 200 ms"};
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
  row_15.happened("< 200 ms");
}

TEST_CASE("Where the time stamps of a live source jump, its time goes on", "[ffmpeg][live]") {
  test::FaultRow row_17{17, "time stamps 40 s backwards", "time never goes back"};
  test::FaultRow row_18{18, "time stamps +25 h", "pacing never sleeps for hours"};
  test::FaultRow row_19{19, "time stamps from 95,000 s to 0, as where 33 bits wrap", "time never goes back"};
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
  row_17.happened("it went on, in another epoch");
  row_18.happened("it went on, in another epoch; no gap over 3 s");
  row_19.happened("it went on, in another epoch");
}

TEST_CASE("A live source without a key frame gives no grey frames, and is given up at the deadline", "[ffmpeg][live]") {
  test::FaultRow row_25{25, "H.264 without a key frame", "no grey frames handed on; Clean at the deadline"};
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
  row_25.happened("none played; " + std::string{watched.error()->what()});
}

TEST_CASE("A camera that flaps costs nothing that stays", "[ffmpeg][live]") {
  test::FaultRow row_13{13, "a TCP server that ends or resets 60 times",
                        "jittered; threads, descriptors and memory stay flat"};
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
  row_13.happened("60 epochs, flat");
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
  test::FaultRow row_16{16, "players destroyed in any state", "clean under ASan and TSan"};
  TcpServer server{[](TcpServer::Client& client) {
    if (client.number() % 4 == 0) return;
    client.send(clip().data(), clip().size() / static_cast<std::size_t>(1 + client.number() % 5));
    if (client.number() % 3 == 0) client.say_nothing();
  }};
  const int cycles = test::has_thread_sanitizer ? 1000 : 200;
  for (int i = 0; i < cycles; ++i) {
    Watched watched{server.url()};
    watched.play();
    std::this_thread::sleep_for(std::chrono::microseconds{i % 60 * 250});
  }
  row_16.happened(std::to_string(cycles) + " players destroyed");
}

TEST_CASE("Somebody sets the clock on the wall", "[ffmpeg][live]") {
  test::FaultRow row{20, "gettimeofday() jumps by a day, forwards and back, while a live source plays",
                     "time never goes back, pacing never sleeps for hours"};
  TcpServer server{[](TcpServer::Client& client) {
    const std::size_t part = clip().size() / 20 / 188 * 188;
    for (std::size_t at = 0; client.sleep(20ms); at = at + part < clip().size() ? at + part : 0)
      if (!client.send(clip().data() + at, std::min(part, clip().size() - at))) return;
  }};
  Watched watched{server.url()};
  watched.play();
  CHECK(eventually([&] { return watched.played() > 20; }));
  for (const std::int64_t offset : {86'400, -86'400, 0}) {
    wall_clock_offset = offset;
    const std::uint64_t before = watched.played();
    CHECK(eventually([&] { return watched.played() > before + 20; }));
  }
  stop(watched);
  CHECK(watched.longest_gap < 3s);
  CHECK(watched.count(PlayState::reconnecting) == 0);
  row.happened("played on; the longest step of media time was " + test::milliseconds(watched.longest_gap));
}

TEST_CASE("A camera that sends JPEG pictures has no rate and no duration", "[ffmpeg][live]") {
  test::FaultRow row{21, "HTTP, multipart/x-mixed-replace of JPEG pictures", "unknown is not 0; nothing divides by it"};
  const Bytes pictures = test::read_file(test::make_media(
      "-f lavfi -i testsrc2=size=64x48:rate=25 -t 1 -c:v mjpeg -pix_fmt yuvj420p -boundary_tag frame -f mpjpeg",
      "camera.mpjpeg"));
  TcpServer server{[&](TcpServer::Client& client) {
    client.receive_request();
    client.send("HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=frame\r\n\r\n");
    while (client.send(pictures) && client.sleep(100ms)) {}
  }};
  Watched watched{server.url("http") + "/video"};
  watched.play();
  CHECK(eventually([&] { return watched.played() > 60; }));
  REQUIRE(watched.player.info());
  const SourceInfo info = *watched.player.info();
  CHECK(info.live);
  CHECK_FALSE(info.duration);
  CHECK_FALSE(info.frame_count);
  stop(watched);
  row.happened("rate " + (info.fps ? std::to_string(info.fps->to_double()) : std::string{"unknown"}) +
               ", duration unknown, frames come with increasing times");
}

TEST_CASE("A live source changes its size and its pixel format in the middle", "[ffmpeg][live]") {
  test::FaultRow size_row{23, "MPEG-TS over TCP: 64x48, then 96x64, then 32x32",
                          "right pixels at the asked size, nothing overrun"};
  test::FaultRow format_row{24, "the same: yuv420p, then full range, then yuv444p",
                            "right pixels at the asked size, nothing overrun"};
  FFmpegOptions options = impatient();
  options.width = 80;
  options.height = 60;
  const auto part = [](int number, const std::string& size, const std::string& format, const std::string& filter) {
    return test::make_media("-f lavfi -i testsrc2=size=" + size + ":rate=25 -t 2 -vf " + filter + "format=" + format +
                                // said, for FFmpeg's decoder keeps the range that was said last
                                " -color_range " + (filter.empty() ? "tv -x264-params colormatrix=smpte170m" : "pc") +
                                " -c:v libx264 -preset ultrafast -g 10 -tune zerolatency -output_ts_offset " +
                                std::to_string(10 + 2 * number),
                            "part_" + std::to_string(number) + ".ts");
  };
  const std::vector<std::string> paths{
      part(0, "64x48", "yuv420p", ""),
      part(1, "96x64", "yuv420p", ""),
      part(2, "96x64", "yuvj420p", "scale=out_range=full,"),
      part(3, "96x64", "yuv444p", ""),
      part(4, "32x32", "yuv420p", ""),
  };
  std::set<std::uint64_t> expected;
  for (const std::string& path : paths)
    for (const test::Print& print : test::prints_of(path, options)) expected.insert(print.pixels);
  TcpServer server{[&](TcpServer::Client& client) {
    for (const std::string& path : paths) client.send(test::read_file(path));
    client.say_nothing();
  }};
  Watched watched{server.url(), options};
  watched.play();
  CHECK(eventually([&] { return watched.played() >= 5 * clip_frames - 10; }));
  stop(watched);
  std::set<std::uint64_t> seen;
  for (const Frame& frame : watched.frames) {
    CHECK(frame.width() == 80);
    CHECK(frame.height() == 60);
    const std::uint64_t pixels = test::hash_of(frame.image());
    CAPTURE(frame.index(), frame.time().count(), frame.epoch());
    REQUIRE(expected.count(pixels) == 1);
    seen.insert(pixels);
  }
  CHECK(seen.size() + 10 >= expected.size());
  size_row.happened(std::to_string(watched.frames.size()) + " frames of 80x60, each as in a reading of its part alone");
  format_row.happened("likewise, epoch " + std::to_string(watched.epoch()));
}

TEST_CASE("Where no descriptors are left, opening says so, and a live source comes back", "[ffmpeg][live]") {
  test::FaultRow row{59, "RLIMIT_NOFILE lowered to what is open", "Clean"};
  TcpServer server{[](TcpServer::Client& client) {
    client.send(clip());
    if (client.number() > 0) client.say_nothing();
  }};
  const std::string file = test::clip_path();
  FFmpegProducer producer{impatient()};
  CHECK_NOTHROW(producer.open(file, {}));  // what FFmpeg opens once is open
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  rlimit none = before;
  none.rlim_cur = 3;
  Watched watched{server.url()};
  std::optional<Error> error;
  ::setrlimit(RLIMIT_NOFILE, &none);
  try {
    static_cast<void>(producer.open(file, {}));
  } catch (const Error& caught) {
    error = caught;
  }
  watched.play();
  const bool tried = eventually([&] { return watched.count(PlayState::reconnecting) >= 2; });
  ::setrlimit(RLIMIT_NOFILE, &before);
  CHECK(tried);
  REQUIRE(error);
  CHECK(error->code() == std::errc::too_many_files_open);
  CHECK(eventually([&] { return watched.played() > 20; }));
  stop(watched);
  row.happened(std::string{error->what()});
}

TEST_CASE("A live frame is at hand soon after it was sent", "[ffmpeg][live]") {
  const std::string path = test::make_media(
      "-f lavfi -i testsrc2=size=64x48:rate=25 -t 2 -c:v libx264 -preset ultrafast -g 25 -tune zerolatency", "live.ts");
  std::vector<std::size_t> begins;  // of the frames, in the file
  {
    ffmpeg::Demuxer demuxer{path, {}, {}};
    ffmpeg::Packet packet;
    while (demuxer.read(packet) == ffmpeg::Demuxer::Status::packet)
      begins.push_back(static_cast<std::size_t>(packet->pos));
  }
  REQUIRE(begins.size() == clip_frames);
  using Clock = std::chrono::steady_clock;
  std::mutex mutex;
  std::vector<Clock::time_point> sent, played(clip_frames);
  TcpServer server{[&](TcpServer::Client& client) {
    for (std::size_t i = 0; i < begins.size(); ++i) {
      const std::size_t begin = i == 0 ? 0 : begins[i];
      client.send(clip().data() + begin, (i + 1 < begins.size() ? begins[i + 1] : clip().size()) - begin);
      {
        const std::lock_guard lock{mutex};
        sent.push_back(Clock::now());
      }
      if (!client.sleep(40ms)) return;
    }
    client.say_nothing();
  }};
  FFmpegProducer producer{impatient()};
  FrameTracker<> tracker;
  Player player{producer, tracker, server.url()};
  player.play_realtime({}, {}, [&](const Frame& frame, const std::stop_token&) {
    const auto i = static_cast<std::size_t>((frame.time() + 20ms) / 40ms);
    const std::lock_guard lock{mutex};
    if (i < played.size()) played[i] = Clock::now();
  });
  CHECK(eventually([&] { return player.stats().frames_played >= clip_frames - 3; }));
  player.stop();
  const std::lock_guard lock{mutex};
  std::vector<MediaTime> ages;
  for (std::size_t i = clip_frames / 2; i + 3 < clip_frames; ++i) ages.push_back(played[i] - sent[i]);
  std::sort(ages.begin(), ages.end());
  // In MPEG-TS a packet is known to be whole when the next one begins, and FFmpeg's parser waits for that once more.
  INFO("the oldest: " << test::milliseconds(ages.back()));
  CHECK(ages[ages.size() / 2] > 30ms);
  CHECK(ages[ages.size() / 2] < 110ms);
}
