#include "stream_infer/producer/generator_producer.hpp"

#include "support/catch.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <vector>

namespace si = stream_infer;
using namespace std::chrono_literals;

namespace {

constexpr si::GeneratorOptions options{
    .width = 4, .height = 2, .format = si::PixelFormat::gray8, .fps = {30'000, 1001}};

/// `count` frames, filled with their numbers.
auto counted(std::uint64_t count) {
  return [count](std::uint64_t index, si::ImageSpan out) {
    if (index == count) return false;
    for (int y = 0; y < out.height; ++y)
      for (std::uint8_t& byte : out.row(y)) byte = static_cast<std::uint8_t>(index);
    return true;
  };
}

struct ReturnsInt {
  int operator()(std::uint64_t, si::ImageSpan);
};
struct ReturnsNothing {
  void operator()(std::uint64_t, si::ImageSpan);
};
struct TakesNoImage {
  bool operator()(std::uint64_t);
};

}  // namespace

static_assert(si::FrameGenerator<decltype(counted(1))>);
static_assert(si::FrameGenerator<std::function<std::optional<si::MediaTime>(std::uint64_t, si::ImageSpan)>>);
static_assert(!si::FrameGenerator<ReturnsInt> && !si::FrameGenerator<ReturnsNothing> &&
              !si::FrameGenerator<TakesNoImage>);

TEST_CASE("Frames come with their pixels and at n / fps, exactly", "[generator_producer]") {
  si::GeneratorProducer producer{options, counted(100)};
  auto reader = producer.open({}, {});
  si::Frame frame;
  for (std::int64_t n = 0; n < 100; ++n) {
    REQUIRE(reader.read(frame) == si::ReadStatus::frame);
    REQUIRE(frame.time().count() == n * 1'001'000'000 / 30);
    REQUIRE(frame.spec() == si::ImageSpec{4, 2, si::PixelFormat::gray8});
    REQUIRE(frame.image().row(1)[3] == n);
  }
  CHECK(reader.read(frame) == si::ReadStatus::end);
  CHECK(reader.read(frame) == si::ReadStatus::end);  // and stays there
}

TEST_CASE("The callable may tell its own times", "[generator_producer]") {
  const std::vector<si::MediaTime> times{0ms, 10ms, 500ms, 501ms};
  si::GeneratorProducer producer{options, [&](std::uint64_t index, si::ImageSpan) -> std::optional<si::MediaTime> {
                                   if (index == times.size()) return std::nullopt;
                                   return times[static_cast<std::size_t>(index)];
                                 }};
  auto reader = producer.open({}, {});
  si::Frame frame;
  for (const si::MediaTime time : times) {
    REQUIRE(reader.read(frame) == si::ReadStatus::frame);
    CHECK(frame.time() == time);
  }
  CHECK(reader.read(frame) == si::ReadStatus::end);
}

TEST_CASE("Every play starts at frame 0, and two do not disturb each other", "[generator_producer]") {
  si::GeneratorProducer producer{options, counted(3)};
  auto first = producer.open({}, {});
  si::Frame frame;
  REQUIRE(first.read(frame) == si::ReadStatus::frame);
  REQUIRE(first.read(frame) == si::ReadStatus::frame);
  auto second = producer.open({}, {});
  REQUIRE(second.read(frame) == si::ReadStatus::frame);
  CHECK(frame.image().row(0)[0] == 0);
  REQUIRE(first.read(frame) == si::ReadStatus::frame);
  CHECK(frame.image().row(0)[0] == 2);
}

TEST_CASE("The info tells what the options say; what they do not say stays unknown", "[generator_producer]") {
  si::GeneratorProducer producer{options, counted(1)};
  const si::SourceInfo info = producer.get_info();
  CHECK(info.width == 4);
  CHECK(info.height == 2);
  CHECK(info.fps == si::Rational{30'000, 1001});
  CHECK_FALSE(info.frame_count.has_value());
  CHECK_FALSE(info.duration.has_value());
  CHECK_FALSE(info.live);

  si::GeneratorOptions told = options;
  told.fps = 25;
  told.frame_count = 50;
  told.live = true;
  const si::SourceInfo more = si::GeneratorProducer{told, counted(50)}.get_info();
  CHECK(more.frame_count == 50U);
  CHECK(more.duration == 2s);
  CHECK(more.live);
}

TEST_CASE("A stop request is a value, also before the first frame", "[generator_producer]") {
  si::GeneratorProducer producer{options, counted(10)};
  std::stop_source stop;
  auto reader = producer.open({}, {.stop = stop.get_token()});
  si::Frame frame;
  CHECK(reader.read(frame) == si::ReadStatus::frame);
  stop.request_stop();
  CHECK(reader.read(frame) == si::ReadStatus::stopped);
}

TEST_CASE("Options that make no sense are refused", "[generator_producer]") {
  si::GeneratorOptions bad = options;
  SECTION("width") { bad.width = 0; }
  SECTION("height") { bad.height = -1; }
  SECTION("rate 0") { bad.fps = 0; }
  SECTION("negative rate") { bad.fps = -25; }
  CHECK_THROWS_AS(si::GeneratorProducer(bad, counted(1)), si::Error);
}

TEST_CASE("Frames outlive their reader and producer", "[generator_producer]") {
  std::vector<si::Frame> kept;
  {
    si::GeneratorProducer producer{options, counted(10)};
    auto reader = producer.open({}, {});
    for (si::Frame frame; reader.read(frame) == si::ReadStatus::frame;) kept.push_back(frame);
  }
  REQUIRE(kept.size() == 10);
  for (std::size_t i = 0; i < kept.size(); ++i) CHECK(kept[i].image().row(1)[0] == i);
}

TEST_CASE("A throwing callable leaves the reader usable", "[generator_producer]") {
  int left = 1;
  si::GeneratorProducer producer{options, [&](std::uint64_t index, si::ImageSpan) {
                                   if (index == 1 && left-- > 0) throw std::runtime_error{"camera lost"};
                                   return index < 3;
                                 }};
  auto reader = producer.open({}, {});
  si::Frame frame;
  CHECK(reader.read(frame) == si::ReadStatus::frame);
  CHECK_THROWS_AS(reader.read(frame), std::runtime_error);
  CHECK(reader.read(frame) == si::ReadStatus::frame);
  CHECK(frame.time().count() == 1'001'000'000 / 30);
}
