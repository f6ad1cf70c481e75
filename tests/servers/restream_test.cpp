// What we send on, received by real servers and players.

#include "stream_infer/ffmpeg/restream.hpp"

#include "servers/servers.hpp"
#include "stream_infer/ffmpeg/clips.hpp"
#include "support/beeps.hpp"
#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/error_of.hpp"
#include "support/full_disk.hpp"
#include "support/process.hpp"
#include "support/stopwatch.hpp"
#include "support/tcp_server.hpp"
#include "support/watched.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace std::chrono_literals;
using namespace stream_infer;
using Catch::Matchers::ContainsSubstring;
using test::Child;
using test::error_of;
using test::eventually;
using test::Stopwatch;
using test::Watched;

namespace {

/// Writes 25 pictures a second into a Restream, and measures how long that keeps it.
class Sender {
 public:
  explicit Sender(Restream& restream)
      : thread_{[this, &restream](const std::stop_token& stop) { send(restream, stop); }} {}

  [[nodiscard]] std::chrono::nanoseconds longest() const { return std::chrono::nanoseconds{longest_.load()}; }
  [[nodiscard]] std::uint64_t brought() const { return brought_; }

 private:
  void send(Restream& restream, const std::stop_token& stop) {
    Image image{ImageSpec{.width = 320, .height = 240}};
    auto next = std::chrono::steady_clock::now();
    for (int i = 0; !stop.stop_requested(); ++i) {
      for (int y = 0; y < 240; ++y)
        for (std::uint8_t& byte : image.span().row(y)) byte = static_cast<std::uint8_t>(64 + (y + i) % 128);
      const Stopwatch stopwatch;
      restream.write(image.view(), i * 40ms, 40ms);
      longest_ = std::max(longest_.load(), stopwatch.elapsed().count());
      ++brought_;
      next += 40ms;
      std::this_thread::sleep_until(next);
    }
  }

  std::atomic<std::int64_t> longest_{0};
  std::atomic<std::uint64_t> brought_{0};
  std::jthread thread_;
};

FFmpegOptions viewer() {
  FFmpegOptions options;
  options.threads = 1;
  options.deadlines = {.connect = 10s, .first_frame = 10s, .stall = 3s};
  options.reconnect = BackOff{.first = 100ms, .longest = 500ms};
  return options;
}

constexpr BackOff soon{.first = 100ms, .longest = 300ms};

void check_accounts(const Restream& restream, const Sender& sender) {
  const std::uint64_t before = sender.brought();
  const RecorderStats stats = restream.stats();
  const std::uint64_t all = stats.written + stats.dropped + stats.late + stats.waiting;
  CHECK(all + 1 >= before);
  CHECK(all <= sender.brought() + 1);
}

}  // namespace

TEST_CASE("An RTMP server receives what is sent on, and again after it was away", "[servers][restream]") {
  if (!test::has_rtmp_server()) return;
  test::RtmpServer server;
  server.kill();
  Restream restream{server.url("seen"), {.keyframe_interval = 1s, .timeout = 2s, .reconnect = soon}};
  const Sender sender{restream};
  CHECK(eventually([&] { return restream.stats().failures > 1; }));
  CHECK_FALSE(restream.is_connected());
  CHECK(restream.stats().written == 0);
  CHECK_THAT(restream.stats().last_error, ContainsSubstring("Connection refused"));
  server.start();
  CHECK(eventually([&] { return restream.is_connected(); }));
  {
    Watched watched{server.url("seen"), viewer()};
    watched.play();
    CHECK(eventually([&] { return watched.played() > 30; }, 30s));
    CHECK(watched.player.info()->width == 320);
    CHECK(watched.player.info()->codec == "h264");
  }
  server.kill();
  CHECK(eventually([&] { return !restream.is_connected(); }));
  server.start();
  CHECK(eventually([&] { return restream.is_connected(); }));
  CHECK(eventually([&] { return restream.stats().files >= 2; }));
  {
    Watched watched{server.url("seen"), viewer()};
    watched.play();
    CHECK(eventually([&] { return watched.played() > 30; }, 30s));
  }
  check_accounts(restream, sender);
  CHECK(sender.longest() < 200ms);
}

TEST_CASE("A server that is frozen keeps nobody waiting", "[servers][restream]") {
  if (!test::has_rtmp_server()) return;
  test::RtmpServer server;
  Restream restream{
      server.url("frozen"),
      {.encoder_options = {{"b", "20M"}, {"minrate", "20M"}, {"maxrate", "20M"}, {"bufsize", "1M"}, {"nal-hrd", "cbr"}},
       .timeout = 1s,
       .reconnect = soon}};
  Stopwatch closing;
  {
    const Sender sender{restream};
    CHECK(eventually([&] { return restream.stats().written > 25; }));
    server.nginx().freeze();
    CHECK(eventually([&] { return restream.stats().failures > 0 && restream.stats().dropped > 5; }, 20s));
    CHECK_THAT(restream.stats().last_error, ContainsSubstring("no answer in time"));
    CHECK(eventually([&] { return restream.stats().failures > 2; }, 20s));  // it tries again and again
    server.nginx().signal(SIGCONT);
    const std::uint64_t written = restream.stats().written;
    CHECK(eventually([&] { return restream.stats().written > written + 25; }, 20s));
    server.nginx().freeze();
    const std::uint64_t failures = restream.stats().failures;
    CHECK(eventually([&] { return restream.stats().failures > failures; }, 20s));
    check_accounts(restream, sender);
    CHECK(sender.longest() < 200ms);
    closing = Stopwatch{};
  }
  restream.close();
  CHECK(closing.elapsed() < 1500ms);
  server.nginx().signal(SIGCONT);
}

TEST_CASE("A connection that is lost leaves nothing open", "[servers][restream]") {
  test::TcpServer server{[](test::TcpServer::Client& client) {
    for (;;) {
      const std::string request = client.receive_request();
      const std::size_t at = request.find("CSeq: ");
      if (at == std::string::npos) return;
      const std::string number = request.substr(at, request.find('\n', at) + 1 - at);
      if (request.starts_with("ANNOUNCE")) {
        const std::size_t length = request.find("Content-Length: ");
        if (length == std::string::npos) return;
        static_cast<void>(client.receive(std::stoul(request.substr(length + 16))));
      }
      client.send("RTSP/1.0 200 OK\r\n" + number +
                  "Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n");
      if (!request.starts_with("RECORD")) continue;
      static_cast<void>(client.sleep(100ms));
      return client.reset();
    }
  }};
  Restream restream{server.url("rtsp") + "/live", {.timeout = 2s, .reconnect = soon}};
  const Sender sender{restream};
  REQUIRE(eventually([&] { return restream.stats().files >= 2; }));
  const std::size_t before = test::count_descriptors();
  CHECK(eventually([&] { return restream.stats().files >= 12; }, 30s));
  CHECK(test::count_descriptors() < before + 15);  // the server keeps one for each until it ends
  check_accounts(restream, sender);
}

TEST_CASE("HLS on a full disk is a failure like any other", "[servers][restream]") {
  const test::TemporaryFolder folder;
  Restream restream{folder / "live.m3u8",
                    {.container_options = {{"hls_time", "1"}}, .keyframe_interval = 400ms, .reconnect = soon}};
  const Sender sender{restream};
  CHECK(eventually([&] { return restream.stats().written > 40; }));
  CHECK(restream.stats().failures == 0);
  {
    const test::FullDisk full{3'000};
    CHECK(eventually([&] { return restream.stats().failures > 0; }));
    CHECK_THAT(restream.stats().last_error, ContainsSubstring("File too large"));
  }
  const std::uint64_t written = restream.stats().written;
  CHECK(eventually([&] { return restream.is_connected() && restream.stats().written > written + 25; }));
  check_accounts(restream, sender);
}

TEST_CASE("A named pipe keeps nobody waiting, whether somebody reads from it or not", "[servers][restream]") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "pipe";
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  const std::size_t threads = test::count_threads(), descriptors = test::count_descriptors();
  {
    Restream restream{path, {.container = "mpegts", .timeout = 300ms, .reconnect = soon}};
    const Sender sender{restream};
    CHECK(eventually([&] { return restream.stats().failures > 1; }));
    CHECK_THAT(restream.stats().last_error, ContainsSubstring("nobody reads from it"));
    for (int i = 0; i < 2; ++i) {  // readers
      const std::uint64_t failures = restream.stats().failures;
      const int reader = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
      char byte = 0;
      CHECK(::read(reader, &byte, 1) == 1);
      CHECK(byte == 0x47);                                                                  // MPEG-TS
      if (i == 1) CHECK(eventually([&] { return restream.stats().failures > failures; }));  // the pipe is full
      ::close(reader);
      CHECK(eventually([&] { return restream.stats().failures > failures; }));
    }
    check_accounts(restream, sender);
    CHECK(sender.longest() < 200ms);
  }
  CHECK(eventually([&] { return test::count_threads() == threads; }));
  CHECK(test::count_descriptors() == descriptors);
}

TEST_CASE("HLS in a folder is played through a web server", "[servers][restream]") {
  if (!test::has_rtmp_server()) return;
  const test::RtmpServer server;
  Restream restream{server.hls_file("ours"), {.container_options = {{"hls_time", "1"}}, .keyframe_interval = 1s}};
  const Sender sender{restream};
  REQUIRE(eventually([&] { return std::filesystem::exists(server.hls_file("ours")); }));
  Watched watched{server.hls_url("ours"), viewer()};
  watched.play();
  CHECK(eventually([&] { return watched.played() > 200; }, 30s));
  std::size_t segments = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator{std::filesystem::path{server.hls_file("ours")}.parent_path()})
    segments += entry.path().extension() == ".ts" ? 1U : 0U;
  CHECK(segments >= 4);
  CHECK(segments < 8);  // those that nobody lists any more are gone
  CHECK(restream.stats().failures == 0);
  CHECK(restream.stats().dropped == 0);
}

TEST_CASE("The source's sound is sent on with the pictures of the same time", "[servers][restream]") {
  const test::TemporaryFolder folder;
  for (const std::string container : {"mpegts", "flv", "matroska"}) {
    CAPTURE(container);
    const std::string out = folder / container;
    Restream restream{out, {.container = container, .overload = Overload::wait}};
    FFmpegProducer producer{{.taps = {restream.sound()}}};
    auto reader = producer.open(test::make_beeps("beep.ts"), {});
    for (Frame frame; reader.read(frame) == ReadStatus::frame;) restream.write(frame.image(), frame.time(), 40ms);
    restream.close();
    CHECK(restream.stats().written == 150);
    CHECK_THAT(restream.stats().last_error, Catch::Matchers::Equals(""));
    test::check_beeps(out, 0s, 6s);
  }

  Restream silent{folder / "webm", {.container = "webm", .encoder = "libvpx", .overload = Overload::wait}};
  FFmpegProducer producer{{.taps = {silent.sound()}}};
  auto reader = producer.open(test::make_beeps("beep.ts"), {});
  for (Frame frame; reader.read(frame) == ReadStatus::frame;) silent.write(frame.image(), frame.time(), 40ms);
  silent.close();
  CHECK(silent.stats().written == 150);
  CHECK(silent.stats().failures == 0);
  CHECK(silent.stats().sound_dropped > 200);
  CHECK_THAT(silent.stats().last_error,
             ContainsSubstring("RestreamOptions::container: webm does not hold the source's sound (aac)"));
}

TEST_CASE("RTSP, SRT and UDP receivers get the stream", "[servers][restream]") {
  const test::TemporaryFolder folder;
  for (const std::string scheme : {"rtsp", "srt", "udp"}) {
    CAPTURE(scheme);
    const std::string port = std::to_string(test::free_port());
    const std::string url = scheme + "://127.0.0.1:" + port + (scheme == "rtsp" ? "/live" : "");
    const std::string out = folder / (scheme + ".mkv");
    std::vector<std::string> command{"ffmpeg", "-nostdin", "-v", "error", "-analyzeduration", "1000000"};
    if (scheme == "rtsp") command.insert(command.end(), {"-rtsp_flags", "listen"});
    command.insert(command.end(),
                   {"-i", scheme == "srt" ? url + "?mode=listener" : url, "-frames:v", "40", "-c", "copy", out});
    Child receiver{command};
    Restream restream{url, {.keyframe_interval = 500ms, .timeout = 2s, .reconnect = soon}};
    const Sender sender{restream};
    const bool ended = eventually([&] { return !receiver.runs(); }, 30s);
    CHECK(ended);
    if (ended) CHECK(FFmpegProducer{}.get_info(out).codec == "h264");
    check_accounts(restream, sender);
    CHECK(sender.longest() < 200ms);
  }
}

TEST_CASE("A pipe's reader that goes away is a failure like any other", "[servers][restream]") {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  {
    Restream restream{"pipe:" + std::to_string(ends[1]), {.container = "mpegts", .reconnect = soon}};
    const Sender sender{restream};
    char bytes[4096];
    std::size_t read = 0;
    for (int i = 0; i < 20; ++i) {
      const ssize_t got = ::read(ends[0], bytes, sizeof bytes);
      REQUIRE(got > 0);
      if (read == 0) CHECK(bytes[0] == 0x47);  // MPEG-TS
      read += static_cast<std::size_t>(got);
    }
    ::close(ends[0]);
    CHECK(eventually([&] { return restream.stats().failures > 0; }));
    CHECK_THAT(restream.stats().last_error, ContainsSubstring("Broken pipe"));
  }
  ::close(ends[1]);
}

TEST_CASE("A stream that cannot be is an error at once; one that is given up is told", "[servers][restream]") {
  const auto reason = [](const std::string& url, RestreamOptions options = {}) {
    return std::string{error_of([&] { Restream{url, std::move(options)}; }).what()};
  };
  CHECK_THAT(reason("rtmp://127.0.0.1/live", {.encoder = "none"}), ContainsSubstring("RestreamOptions::encoder"));
  CHECK_THAT(reason("pipe:1"), ContainsSubstring("RestreamOptions::container"));
  CHECK_THAT(reason("/nowhere/live.m3u8"), ContainsSubstring("no folder"));
  CHECK_THAT(reason("rtmp://user:secret@127.0.0.1/live", {.encoder_options = {{"no", "1"}}}),
             !ContainsSubstring("secret"));

  const std::string url = "rtmp://user:secret@127.0.0.1:" + std::to_string(test::free_port()) + "/live/a";
  Restream restream{url, {.reconnect = NoReconnect{}}};
  const Image image{ImageSpec{.width = 64, .height = 64}};
  const Error error = error_of([&] {
    for (int i = 0; i < 1000; ++i) {
      restream.write(image.view(), i * 40ms, 40ms);
      std::this_thread::sleep_for(5ms);
    }
  });
  CHECK_THAT(error.what(), ContainsSubstring("Connection refused") && ContainsSubstring("rtmp://***@127.0.0.1"));
  CHECK_THAT(restream.stats().last_error, !ContainsSubstring("secret"));
}

TEST_CASE("Clips of a live source that is lost and found again", "[servers][restream]") {
  if (!test::has_rtmp_server()) return;
  const test::TemporaryFolder folder;
  test::RtmpServer server;
  std::mutex mutex;
  std::vector<Clip> saved;
  Clips clips{{.folder = folder / "", .before = 1s, .after = 1s, .on_clip = [&](const Clip& clip) {
                 const std::lock_guard lock{mutex};
                 saved.push_back(clip);
               }}};
  const auto count = [&] {
    const std::lock_guard lock{mutex};
    return saved.size();
  };
  FFmpegOptions options = viewer();
  options.taps = {clips.tap()};
  std::optional<Child> publisher{server.publisher("live")};
  Watched watched{server.url("live"), options};
  watched.play();
  REQUIRE(eventually([&] { return watched.played() > 75; }, 30s));
  clips.save(watched.player.current_time(), "whole");
  CHECK(eventually([&] { return count() == 1; }));
  clips.save(watched.player.current_time(), "lost");
  publisher.reset();
  server.kill();
  CHECK(eventually([&] { return count() == 2; }));
  server.start();
  publisher.emplace(server.publisher("live"));
  REQUIRE(eventually([&] { return watched.epoch() > 0; }, 30s));
  const std::size_t played = watched.played();
  REQUIRE(eventually([&] { return watched.played() > played + 75; }, 30s));
  const MediaTime event = watched.player.current_time();
  clips.save(event, "found");
  CHECK(eventually([&] { return count() == 3; }));
  CHECK(watched.stop() < test::soon);
  REQUIRE(saved.size() == 3);
  CHECK(saved[0].end - saved[0].begin >= 2s);
  CHECK(saved[1].end - saved[1].begin >= 900ms);
  CHECK(saved[2].begin <= event - 1s);
  CHECK(saved[2].end >= event + 1s);
  for (const Clip& clip : saved) {
    const SourceInfo info = FFmpegProducer{}.get_info(clip.path);
    REQUIRE(info.duration);
    CHECK(*info.duration > 900ms);
  }
  CHECK(clips.stats().missed == 0);
}
