#include "stream_infer/ffmpeg/source_rules.hpp"

#include "stream_infer/ffmpeg/input.hpp"

#include "support/catch.hpp"
#include "support/error_of.hpp"
#include "support/fault_row.hpp"
#include "support/files.hpp"
#include "support/media.hpp"
#include "support/process.hpp"
#include "support/tcp_server.hpp"

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>

using namespace std::chrono_literals;
using namespace stream_infer;
using Catch::Matchers::ContainsSubstring;
using ffmpeg::open_input;
using test::Bytes;
using test::TcpServer;

namespace {

Error error_of(const std::string& source, const FFmpegOptions& options = {}) {
  INFO(source);
  return test::error_of([&] { static_cast<void>(open_input(source, options, {})); });
}

Bytes bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

std::string segment() {
  return test::make_media("-f lavfi -i testsrc2=size=64x48:rate=25 -t 2 -c:v libx264 -g 25 -tune zerolatency",
                          "rules.ts");
}

std::string playlist(const std::string& of) {
  return "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:2.0,\n" + of +
         "\n#EXT-X-ENDLIST\n";
}

/// An HTTP server of one playlist, and of segments for whatever else is asked.
class HlsServer {
 public:
  explicit HlsServer(std::string text)
      : text_{std::move(text)}, segment_{test::read_file(segment())}, server_{[this](TcpServer::Client& client) {
          const std::string request = client.receive_request();
          const bool wants_playlist = request.find(".m3u8 ") != std::string::npos;
          segments_ += wants_playlist ? 0 : 1;
          const Bytes body = wants_playlist ? bytes_of(text_) : segment_;
          client.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) +
                      "\r\n\r\n");
          client.send(body);
        }} {}

  [[nodiscard]] std::string url() const { return server_.url("http") + "/live.m3u8"; }
  [[nodiscard]] int port() const { return server_.port(); }
  [[nodiscard]] int segments() const { return segments_; }

 private:
  std::string text_;
  Bytes segment_;
  std::atomic<int> segments_{0};
  TcpServer server_;
};

}  // namespace

TEST_CASE("Schemes and hosts are told", "[ffmpeg][source_rules]") {
  using ffmpeg::host_of;
  using ffmpeg::scheme_of;
  CHECK(scheme_of("rtsp://a/b") == "rtsp");
  CHECK(scheme_of("pipe:0") == "pipe");
  CHECK(scheme_of("concat:a|b") == "concat");
  for (const char* const file : {"", "a.mp4", "/a/b:c.mp4", "C:\\a.mp4", "a b:c", "file:a", "file:///a"})
    CHECK(scheme_of(file) == "file");
  CHECK(host_of("http://a.b/c") == "a.b");
  CHECK(host_of("http://user:p@ss@a.b:80/c@d") == "a.b");
  CHECK(host_of("http://[::1]:80/c") == "[::1]");
  CHECK(host_of("http://a?x=http://b/") == "a");
  CHECK(host_of("http://a\\@b/") == "a");
  CHECK(host_of("/a/b") == "");
}

TEST_CASE("A source gets only the protocols of its own kind", "[ffmpeg][source_rules]") {
  using ffmpeg::protocols_for;
  CHECK(protocols_for("rtsp") == "rtsp,rtp,tcp,udp");
  CHECK(protocols_for("rtmp") == "rtmp,tcp");
  for (const char* const remote : {"rtsp", "rtmp", "http", "https", "rtp", "tls", "udp", "srt", "tcp"}) {
    std::string all{","};
    all += protocols_for(remote);
    all += ',';
    for (const char* const local : {",file,", ",data,", ",concat,", ",subfile,", ",pipe,"})
      CHECK(all.find(local) == std::string::npos);
  }
}

TEST_CASE("A playlist in a file opens nothing, unless that is allowed", "[ffmpeg][source_rules]") {
  const test::TemporaryFolder folder;
  static_cast<void>(folder.file("a.ts", test::read_file(segment())));
  const std::string hls = folder.file("list.m3u8", bytes_of(playlist("a.ts")));
  const Error error = error_of(hls);
  CHECK(error.code() == Errc::not_allowed);
  CHECK_THAT(error.what(), ContainsSubstring("playlist (hls)") && ContainsSubstring("playlists_in_files"));
  const std::string concat = folder.file("list.txt", bytes_of("ffconcat version 1.0\nfile a.ts\n"));
  CHECK(error_of(concat).code() == Errc::not_allowed);
  for (const std::string& list : {hls, concat})
    CHECK(open_input(list, {.allowed = {.playlists_in_files = true}}, {}).context->nb_streams == 1);
}

TEST_CASE("A playlist from a server may name that server's segments", "[ffmpeg][source_rules]") {
  const HlsServer server{playlist("a.ts")};
  CHECK(open_input(server.url(), {}, {}).context->nb_streams == 1);
  CHECK(server.segments() >= 1);
}

TEST_CASE("A playlist from a server may name no file", "[ffmpeg][source_rules]") {
  test::FaultRow row_39{39, "HLS playlists that name local files", "blocked by default"};
  for (const std::string scheme : {"file://", "file:", "subfile,,start,0,end,0,,:", "concat:"}) {
    const HlsServer server{playlist(scheme + segment())};
    const Error error = error_of(server.url());
    CHECK(error.code() != std::error_code{});
    CHECK(error.source() == server.url());
  }
  row_39.happened("Errc::not_allowed");
}

TEST_CASE("A playlist from a server may name no other host, unless that is allowed", "[ffmpeg][source_rules]") {
  test::FaultRow row_40{40, "HLS playlists that name another host", "blocked by default"};
  const HlsServer other{""};
  const std::string there = "http://localhost:" + std::to_string(other.port()) + "/secret.ts?token=abc";
  const HlsServer server{playlist(there)};
  const Error error = error_of(server.url());
  CHECK(error.code() == Errc::not_allowed);
  CHECK_THAT(error.what(), ContainsSubstring("http://localhost") && ContainsSubstring("other_hosts"));
  CHECK_THAT(error.what(), !ContainsSubstring("abc"));
  CHECK(other.segments() == 0);
  CHECK(open_input(server.url(), {.allowed = {.other_hosts = true}}, {}).context->nb_streams == 1);
  CHECK(other.segments() >= 1);
  row_40.happened("Errc::not_allowed");
}

TEST_CASE("A picture that is too large is not decoded", "[ffmpeg][source_rules]") {
  test::FaultRow row_38{38, "a PNG and others of more than 7680x4320", "Clean: limit"};
  const std::string bomb =
      test::make_media("-f lavfi -i color=size=16000x16000:rate=1 -frames:v 1 -pix_fmt rgb24", "bomb.png");
  const std::size_t before = test::resident_memory();
  const Error error = error_of(bomb);
  CHECK(error.code() == Errc::limit_exceeded);
  CHECK_THAT(error.what(), ContainsSubstring("16000x16000") && ContainsSubstring("allowed.pixels"));
  if (test::measures_memory) CHECK(test::resident_memory() < before + 200'000'000);
  const std::string small = test::make_media("-f lavfi -i color=size=64x48:rate=1 -frames:v 1", "one.png");
  CHECK(error_of(small, {.allowed = {.pixels = 64 * 48 - 1}}).code() == Errc::limit_exceeded);
  CHECK(open_input(small, {.allowed = {.pixels = 64 * 48}}, {}).context->nb_streams == 1);
  row_38.happened("Errc::limit_exceeded, nothing decoded");
}

TEST_CASE("A source with too many streams is refused", "[ffmpeg][source_rules]") {
  const std::string two =
      test::make_media("-f lavfi -i testsrc2=size=64x48:rate=5:duration=1 -map 0 -map 0 -c:v mpeg4", "two_streams.mp4");
  CHECK(open_input(two, {}, {}).context->nb_streams == 2);
  CHECK(error_of(two, {.allowed = {.streams = 1}}).code() != std::error_code{});
}

TEST_CASE("What the user says in FFmpeg's own options counts", "[ffmpeg][source_rules]") {
  const Error error = error_of(segment(), {.options = {{"format_whitelist", "mov"}}});
  CHECK(error.code() == std::errc::invalid_argument);
  CHECK(open_input(segment(), {.options = {{"format_whitelist", "mpegts"}}}, {}).context->nb_streams == 1);
}
