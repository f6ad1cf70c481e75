#include "stream_infer/ffmpeg/reconnector.hpp"

#include "support/catch.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <system_error>
#include <vector>

using namespace std::chrono_literals;
using namespace stream_infer;
using ffmpeg::is_permanent;
using ffmpeg::make_error;
using ffmpeg::Reconnector;

TEST_CASE("What will not help is not tried again", "[ffmpeg][reconnector]") {
  for (const bool has_played : {false, true}) {
    CAPTURE(has_played);
    CHECK(is_permanent(make_error(AVERROR_HTTP_UNAUTHORIZED, "open", "a"), has_played));
    CHECK(is_permanent(make_error(AVERROR_HTTP_FORBIDDEN, "open", "a"), has_played));
    CHECK(is_permanent(Error{Errc::not_allowed, "open", "a"}, has_played));
    CHECK(is_permanent(Error{Errc::limit_exceeded, "open", "a"}, has_played));
    CHECK_FALSE(is_permanent(make_error(AVERROR(ECONNREFUSED), "open", "a"), has_played));
    CHECK_FALSE(is_permanent(make_error(AVERROR_EOF, "read", "a"), has_played));
    CHECK_FALSE(is_permanent(make_error(AVERROR_INVALIDDATA, "open", "a"), has_played));
    CHECK_FALSE(is_permanent(make_error(AVERROR_HTTP_SERVER_ERROR, "open", "a"), has_played));
    CHECK_FALSE(is_permanent(Error{std::make_error_code(std::errc::timed_out), "open", "a"}, has_played));
    // a path whose publisher comes back
    CHECK(is_permanent(make_error(AVERROR_HTTP_NOT_FOUND, "open", "a"), has_played) != has_played);
    CHECK(is_permanent(Error{Errc::no_video_stream, "open", "a"}, has_played) != has_played);
    CHECK(is_permanent(make_error(AVERROR_PROTOCOL_NOT_FOUND, "open", "a"), has_played) != has_played);
  }
}

TEST_CASE("Losses in a row are counted, and the policy is asked each time", "[ffmpeg][reconnector]") {
  std::vector<std::uint32_t> attempts;
  std::set<std::uint64_t> random;
  Reconnector reconnector{[&](const ConnectionLoss& loss) -> std::optional<MediaTime> {
    attempts.push_back(loss.attempt);
    random.insert(loss.random);
    CHECK(loss.error.code() == std::errc::connection_refused);
    return 100s;
  }};
  const Error refused = make_error(AVERROR(ECONNREFUSED), "open", "a");
  for (std::uint32_t i = 1; i <= 3; ++i) {
    const auto before = std::chrono::steady_clock::now();
    const std::optional<Connection> next = reconnector.lost(refused);
    REQUIRE(next);
    CHECK(next->state == Connection::State::reconnecting);
    CHECK(next->attempt == i);
    CHECK(next->next_attempt >= before + 100s);
    CHECK(next->next_attempt <= std::chrono::steady_clock::now() + 100s);
    REQUIRE(next->error);
    reconnector.playing();  // for a moment: that is not health
  }
  CHECK(attempts == std::vector<std::uint32_t>{1, 2, 3});
  CHECK(random.size() == 3);
}

TEST_CASE("Without a policy, and where it says so, a source is given up", "[ffmpeg][reconnector]") {
  const Error refused = make_error(AVERROR(ECONNREFUSED), "open", "a");
  CHECK_FALSE(Reconnector{NoReconnect{}}.lost(refused));
  CHECK_FALSE(Reconnector{ReconnectPolicy{}}.lost(refused));
  CHECK_FALSE(Reconnector{BackOff{}}.lost(make_error(AVERROR_HTTP_UNAUTHORIZED, "open", "a")));
  CHECK(Reconnector{BackOff{}}.lost(refused));
}

TEST_CASE("Pauses that make no sense are no pause, or a very long one", "[ffmpeg][reconnector]") {
  const Error refused = make_error(AVERROR(ECONNREFUSED), "open", "a");
  const auto pause_of = [&](MediaTime said) {
    Reconnector reconnector{[said](const ConnectionLoss&) -> std::optional<MediaTime> { return said; }};
    const auto now = std::chrono::steady_clock::now();
    return reconnector.lost(refused).value().next_attempt - now;
  };
  CHECK(pause_of(MediaTime::min()) < 1h);
  CHECK(pause_of(MediaTime::min()) >= 0s);
  CHECK(pause_of(MediaTime::max()) > 20000h);
}
