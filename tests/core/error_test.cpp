#include "stream_infer/core/error.hpp"

#include "support/catch.hpp"

#include <stdexcept>
#include <string>
#include <system_error>
#include <type_traits>

namespace si = stream_infer;

// An exception's copy must not throw.
static_assert(std::is_nothrow_copy_constructible_v<si::Error>);
static_assert(std::is_base_of_v<std::system_error, si::Error>);
static_assert(std::is_error_code_enum_v<si::Errc>);

TEST_CASE("An Error names the step, the subject and the reason", "[error]") {
  const si::Error error{si::Errc::busy, "play", "rtsp://***@cam/1", "this Player plays already"};
  CHECK(error.code() == si::Errc::busy);
  CHECK(error.step() == "play");
  CHECK(error.source() == "rtsp://***@cam/1");
  CHECK(error.reason() == "this Player plays already");
  CHECK(std::string{error.what()} == "play 'rtsp://***@cam/1': this Player plays already");
}

TEST_CASE("Without a subject or a reason an Error still reads well", "[error]") {
  CHECK(std::string{si::Error{si::Errc::invalid_argument, "image", {}, "too large"}.what()} == "image: too large");
  const si::Error error{si::Errc::no_video_stream, "open", "song.mp3"};
  CHECK(error.reason() == "no video stream");
  CHECK(std::string{error.what()} == "open 'song.mp3': no video stream");
}

TEST_CASE("An Error may carry any category's code", "[error]") {
  const si::Error error{std::make_error_code(std::errc::connection_refused), "connect", "cam"};
  CHECK(error.code() == std::errc::connection_refused);
  CHECK(error.reason() == std::make_error_code(std::errc::connection_refused).message());
}

TEST_CASE("A copy of an Error says the same when the original is gone", "[error]") {
  const auto copy = [] {
    const si::Error original{si::Errc::busy, "play", "clip.mp4", "in use"};
    return si::Error{original};
  }();
  CHECK(std::string{copy.what()} == "play 'clip.mp4': in use");
  try {
    throw copy;
  } catch (const std::system_error& caught) {
    CHECK(std::string{caught.what()} == "play 'clip.mp4': in use");
  }
}

TEST_CASE("Every Errc has a message of its own", "[error]") {
  const std::error_category& category = si::error_category();
  CHECK(std::string{category.name()} == "stream_infer");
  const int last = static_cast<int>(si::Errc::limit_exceeded);
  for (int code = 1; code <= last; ++code) {
    CHECK(category.message(code) != "unknown error");
    for (int other = 1; other < code; ++other) CHECK(category.message(code) != category.message(other));
  }
  CHECK(category.message(last + 1) == "unknown error");
  CHECK(category.message(0) == "unknown error");
  const std::error_code code = si::Errc::unsupported;
  CHECK(code.category() == category);
}

TEST_CASE("What an exception says is never empty", "[error]") {
  const auto message = [](auto thrown) { return si::detail::message_of(std::make_exception_ptr(std::move(thrown))); };
  CHECK(message(std::runtime_error{"out of film"}) == "out of film");
  CHECK_FALSE(message(std::runtime_error{""}).empty());
  CHECK_FALSE(message(42).empty());
  CHECK_FALSE(message(std::string{"text"}).empty());
}
