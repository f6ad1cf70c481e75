#include "stream_infer/vision/counters.hpp"

#include "support/catch.hpp"
#include "support/error_of.hpp"

#include <cstdint>
#include <vector>

namespace si = stream_infer;
namespace test = stream_infer::test;
using Catch::Matchers::ContainsSubstring;

namespace {

/// Whose foot is at a point.
si::Track track(std::uint64_t id, float x, float y) { return {.id = id, .box = {x - 5, y - 20, 10, 20}}; }

}  // namespace

TEST_CASE("Who crosses a line is counted by the direction", "[vision][counters]") {
  si::LineCounter line{{0, 100},
                       {200, 100}};  // walking to the right of the picture, what is below is at the right hand
  for (const float y : {80.F, 90.F, 100.F, 110.F, 120.F}) line.update({track(1, 100, y)});
  CHECK(line.to_right() == 1);
  CHECK(line.to_left() == 0);
  for (const float y : {120.F, 95.F, 105.F, 90.F}) line.update({track(2, 50, y)});
  CHECK(line.to_right() == 2);
  CHECK(line.to_left() == 2);
  for (const float y : {80.F, 120.F}) line.update({track(3, 300, y)});  // past its end
  for (const float x : {0.F, 200.F}) line.update({track(4, x, 99)});    // along it
  CHECK(line.to_right() == 2);
  CHECK(line.to_left() == 2);
  line.update({track(5, 10, 50)});
  for (int i = 0; i < 3000; ++i) line.update({});  // forgotten by then
  line.update({track(5, 10, 150)});
  CHECK(line.to_right() == 2);
}

TEST_CASE("The point that counts can be chosen", "[vision][counters]") {
  si::LineCounter foot{{0, 100}, {200, 100}}, centre{{0, 100}, {200, 100}, si::Anchor::centre};
  for (const float y : {95.F, 105.F}) {
    foot.update({track(1, 100, y)});
    centre.update({track(1, 100, y)});
  }
  CHECK(foot.to_right() == 1);
  CHECK(centre.to_right() == 0);
}

TEST_CASE("Who is in a zone", "[vision][counters]") {
  si::ZoneCounter zone{{{0, 0}, {100, 0}, {100, 100}, {50, 50}, {0, 100}}};  // with a notch from below
  CHECK(zone.contains({20, 60}));
  CHECK(zone.contains({80, 60}));
  CHECK_FALSE(zone.contains({50, 60}));
  CHECK_FALSE(zone.contains({150, 20}));
  CHECK_FALSE(zone.contains({-1, 20}));
  CHECK(zone.update({track(1, 20, 20), track(2, 200, 20)}) == si::Tracks{track(1, 20, 20)});
  CHECK(zone.update({track(1, 30, 20), track(2, 90, 20)}).size() == 2);
  CHECK(zone.update({track(2, 90, 20)}).size() == 1);
  CHECK(zone.entered() == 2);
  const si::ZoneCounter left{{{0, 0}, {10, 0}, {10, 10}, {0, 10}}}, right{{{10, 0}, {20, 0}, {20, 10}, {10, 10}}};
  CHECK(left.contains({10, 5}) != right.contains({10, 5}));
}

TEST_CASE("Lines and zones that are none are errors", "[vision][counters]") {
  CHECK_THAT(test::error_of([] { si::LineCounter({1, 2}, {1, 2}); }).what(), ContainsSubstring("the same point"));
  CHECK_THAT(test::error_of([] { si::ZoneCounter({{1, 2}, {2, 3}}); }).what(), ContainsSubstring("three corners"));
}
