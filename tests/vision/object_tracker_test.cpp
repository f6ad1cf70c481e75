#include "stream_infer/vision/object_tracker.hpp"

#include "support/catch.hpp"
#include "support/error_of.hpp"
#include "support/random.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace si = stream_infer;
namespace test = stream_infer::test;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {

/// An integer from `low` to `high`.
int pick(test::Random& random, int low, int high) { return static_cast<int>(random.between(low, high)); }

/// Something that moves through the picture at a constant speed.
struct Thing {
  float x, y, width, height, x_speed, y_speed;  // speeds in pixels a second
  int class_id = 0;
  [[nodiscard]] si::Box at(double seconds) const {
    return {x + x_speed * static_cast<float>(seconds), y + y_speed * static_cast<float>(seconds), width, height};
  }
};

si::Detection detected(const si::Box& box, float score = 0.9F, int class_id = 0) {
  return {.box = box, .class_id = class_id, .score = score};
}

/// Which track is at a box; 0 if none.
std::uint64_t id_at(const si::Tracks& tracks, const si::Box& box) {
  std::uint64_t id = 0;
  float best = 0.3F;
  for (const si::Track& track : tracks)
    if (const float overlap = si::iou(track.box, box); overlap > best) {
      best = overlap;
      id = track.id;
    }
  return id;
}

}  // namespace

TEST_CASE("A thing keeps its id while it moves", "[vision][tracker]") {
  si::ObjectTracker tracker;
  const Thing thing{0, 100, 40, 80, 200, 20};
  for (int frame = 0; frame < 50; ++frame) {
    const si::MediaTime time = frame * 40ms;
    const si::Tracks tracks = tracker.update({detected(thing.at(si::to_seconds(time)))}, time);
    REQUIRE(tracks.size() == 1);
    CHECK(tracks[0].id == 1);
    if (frame > 10) CHECK(si::iou(tracks[0].box, thing.at(si::to_seconds(time))) > 0.9F);
  }
}

TEST_CASE("What comes later has to be found twice; what flickers is never a track", "[vision][tracker]") {
  si::ObjectTracker tracker;
  CHECK(tracker.update({}, 0ms).empty());
  CHECK(tracker.update({detected({0, 0, 10, 10})}, 40ms).empty());
  CHECK(tracker.update({detected({0, 0, 10, 10})}, 80ms).size() == 1);
  for (int i = 0; i < 20; ++i) {
    si::Detections flicker{detected({0, 0, 10, 10})};
    flicker.push_back(detected({static_cast<float>(100 + 50 * i), 0, 10, 10}));
    const si::Tracks tracks = tracker.update(flicker, 120ms + i * 40ms);
    REQUIRE(tracks.size() == 1);
    CHECK(tracks[0].id == 1);
  }
}

TEST_CASE("A track that was lost is found again where it should be, if it is soon", "[vision][tracker]") {
  const Thing thing{0, 100, 60, 60, 150, 0};
  for (const bool soon : {true, false}) {
    si::ObjectTracker tracker;
    si::MediaTime time{0};
    for (; time < 1s; time += 40ms) static_cast<void>(tracker.update({detected(thing.at(si::to_seconds(time)))}, time));
    for (const si::MediaTime end = time + (soon ? 600ms : 1500ms); time < end; time += 40ms)
      CHECK(tracker.update({}, time).empty());
    si::Tracks tracks;
    for (int i = 0; i < 3; ++i, time += 40ms) tracks = tracker.update({detected(thing.at(si::to_seconds(time)))}, time);
    REQUIRE(tracks.size() == 1);
    CHECK((tracks[0].id == 1) == soon);
  }
}

TEST_CASE("A thing that is hidden bit by bit is found again at its full size", "[vision][tracker]") {
  for (const bool sides : {true, false}) {
    CAPTURE(sides);
    si::ObjectTracker tracker;
    const si::Box whole{100, 100, 60, 160};
    si::MediaTime time{};
    for (int i = 0; i < 20; ++i, time += 40ms) REQUIRE(tracker.update({detected(whole)}, time).size() == 1);
    for (int i = 0; i < 8; ++i, time += 40ms) {
      si::Box part = whole;
      const float hidden = 0.03F * static_cast<float>(i);  // on each side
      (sides ? part.x : part.y) += hidden * (sides ? whole.width : whole.height);
      (sides ? part.width : part.height) *= 1 - 2 * hidden;
      REQUIRE(tracker.update({detected(part)}, time).size() == 1);
    }
    for (int i = 0; i < 15; ++i, time += 40ms) CHECK(tracker.update({}, time).empty());
    const si::Tracks found = tracker.update({detected(whole)}, time);
    REQUIRE(found.size() == 1);
    CHECK(found[0].id == 1);
  }
}

TEST_CASE("An unsure detection goes on with a track, and begins none", "[vision][tracker]") {
  si::ObjectTracker tracker;
  for (int i = 0; i < 10; ++i) {
    const si::Tracks tracks = tracker.update({detected({0, 0, 20, 20}, i == 0 ? 0.9F : 0.2F),
                                              detected({100, 0, 20, 20}, 0.3F), detected({0, 0, 20, 20}, 0.05F)},
                                             i * 40ms);
    REQUIRE(tracks.size() == 1);
    CHECK(tracks[0].id == 1);
    CHECK(tracks[0].score == (i == 0 ? 0.9F : 0.2F));
  }
}

TEST_CASE("A track keeps its class, unless classes do not count", "[vision][tracker]") {
  for (const bool across : {false, true}) {
    si::ObjectTracker tracker{{.across_classes = across}};
    static_cast<void>(tracker.update({detected({0, 0, 20, 20}, 0.9F, 1)}, 0ms));
    si::Tracks tracks;
    for (int i = 1; i < 3; ++i) tracks = tracker.update({detected({0, 0, 20, 20}, 0.9F, 2)}, i * 40ms);
    REQUIRE(tracks.size() == 1);
    CHECK(tracks[0].class_id == 2);
    CHECK((tracks[0].id == 1) == across);
  }
}

TEST_CASE("Ids are never given again", "[vision][tracker]") {
  si::ObjectTracker tracker;
  std::set<std::uint64_t> ids;
  for (int round = 0; round < 5; ++round) {
    const si::Tracks tracks = tracker.update({detected({0, 0, 20, 20})}, 0ms);
    REQUIRE(tracks.size() == 1);
    CHECK(ids.insert(tracks[0].id).second);
    tracker.reset();
  }
}

TEST_CASE("Identities are kept in crowds that cross, with noise and gaps", "[vision][tracker]") {
  std::size_t switches = 0, seen = 0, found = 0;
  test::for_random_cases(20, [&](test::Random& random) {
    std::vector<Thing> things;
    for (int i = 0; i < 8; ++i)
      things.push_back({static_cast<float>(pick(random, 0, 1000)), static_cast<float>(60 + 80 * i),
                        static_cast<float>(pick(random, 30, 60)), static_cast<float>(pick(random, 50, 90)),
                        static_cast<float>(pick(random, -250, 250)), static_cast<float>(pick(random, -20, 20))});
    std::mt19937_64 noise{static_cast<std::uint64_t>(pick(random, 0, 1'000'000))};
    std::normal_distribution<float> jitter{0, 1.5F};
    si::ObjectTracker tracker;
    std::map<std::size_t, std::uint64_t> ids;
    si::MediaTime time{0};
    for (int frame = 0; frame < 150; ++frame, time += pick(random, 0, 9) == 0 ? 80ms : 40ms) {  // some are left out
      si::Detections detections;
      for (const Thing& thing : things) {
        if (pick(random, 0, 19) == 0) continue;  // not found
        si::Box box = thing.at(si::to_seconds(time));
        box.x += jitter(noise);
        box.y += jitter(noise);
        box.width += jitter(noise);
        detections.push_back(detected(box, pick(random, 0, 9) == 0 ? 0.3F : 0.8F));
      }
      const si::Tracks tracks = tracker.update(detections, time);
      for (std::size_t i = 0; i < things.size(); ++i) {
        ++seen;
        const std::uint64_t id = id_at(tracks, things[i].at(si::to_seconds(time)));
        if (id == 0) continue;
        ++found;
        const auto [known, is_new] = ids.emplace(i, id);
        if (!is_new && known->second != id) {
          ++switches;
          known->second = id;
        }
      }
    }
  });
  INFO(switches << " switches, " << found << " of " << seen << " found");
  CHECK(found > seen * 85 / 100);
  CHECK(switches * 1000 < found * 2);  // 2 in 1000
}

TEST_CASE("A track keeps what fits it, although more pairs would fit less", "[vision][tracker]") {
  const si::Box a{100, 100, 100, 100}, b{160, 100, 100, 100}, fresh{43, 100, 100, 100};
  si::ObjectTracker tracker;
  const si::Tracks before = tracker.update({detected(a), detected(b)}, 0ms);
  REQUIRE(before.size() == 2);
  const si::Tracks tracks = tracker.update({detected(fresh), detected(a)}, 40ms);
  REQUIRE(tracks.size() == 1);
  CHECK(tracks[0].id == id_at(before, a));
  CHECK(si::iou(tracks[0].box, a) > 0.95F);
}

TEST_CASE("What is no box does not become a track, and harms none", "[vision][tracker]") {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN(), infinite = std::numeric_limits<float>::infinity();
  const si::Box box{100, 100, 40, 80};
  si::ObjectTracker tracker;
  for (int frame = 0; frame < 10; ++frame) {
    si::Detections found{detected(box)};
    for (const si::Box& none :
         {si::Box{nan, 0, 10, 10}, si::Box{0, nan, 10, 10}, si::Box{0, 0, nan, 10}, si::Box{0, 0, 10, infinite},
          si::Box{-infinite, 0, 10, 10}, si::Box{1, 1, 0, 10}, si::Box{1, 1, 10, -1}})
      found.insert(found.begin(), detected(none));
    found.insert(found.begin(), detected(box, nan));
    const si::Tracks tracks = tracker.update(found, frame * 40ms);
    REQUIRE(tracks.size() == 1);
    CHECK(tracks[0].id == 1);
    CHECK(si::iou(tracks[0].box, box) > 0.99F);
  }
}

TEST_CASE("Options of the tracker that make no sense are errors", "[vision][tracker]") {
  const auto what = [](const si::ObjectTrackerOptions& options) {
    return std::string{test::error_of([&] { si::ObjectTracker{options}; }).what()};
  };
  CHECK_THAT(what({.sure = 0.1F, .unsure = 0.5F}), ContainsSubstring("unsure <= sure"));
  CHECK_THAT(what({.sure = 2}), ContainsSubstring("unsure <= sure"));
  CHECK_THAT(what({.forget_after = -1s}), ContainsSubstring("forget_after"));
}
