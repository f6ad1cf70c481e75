#include "stream_infer/player/pace_keeper.hpp"

#include "support/catch.hpp"

#include <chrono>

namespace si = stream_infer;
using namespace std::chrono_literals;

namespace {

/// A play whose time the test sets.
struct Fixture {
  si::MediaTime now{};
  si::detail::PaceKeeper pace{[this] { return now; }};

  si::MediaTime begin_group(si::MediaTime time) {
    pace.begin_group();
    return pace.too_late_by(time);
  }
  si::MediaTime go_on(si::MediaTime time) { return pace.too_late_by(time); }
  /// Groups of a second, of which the one at 1 s has begun.
  void learn() {
    CHECK(begin_group(0s) == 0s);
    CHECK(begin_group(1s) == 0s);
  }
};

}  // namespace

TEST_CASE("Pictures are too late where the next group is due, until a group begins in time", "[pace]") {
  Fixture f;
  f.learn();
  f.now = 2100ms;
  CHECK(f.go_on(1100ms) == 0s);  // it may be a second late
  f.now = 2101ms;
  CHECK(f.go_on(1100ms) == 1001ms);
  CHECK(f.go_on(1900ms) == 201ms);
  CHECK(f.begin_group(2s) == 101ms);
  CHECK(f.go_on(2900ms) > 0s);  // in time, but what it refers to has been left out
  CHECK(f.begin_group(3s) == 0s);
  CHECK(f.go_on(3100ms) == 0s);
}

TEST_CASE("Pictures are not too late while the next group is not due", "[pace]") {
  Fixture f;
  f.begin_group(0s);
  f.begin_group(10s);
  f.now = 19'900ms;
  CHECK(f.go_on(11s) == 0s);
  f.now = 20s;
  CHECK(f.go_on(12s) == 8s);
}

TEST_CASE("Where a group lasts longer than the one before, nobody waits for the next", "[pace]") {
  Fixture f;
  f.learn();
  f.now = 100s;
  CHECK(f.go_on(2s) == 0s);  // the next should have come by now: who knows when it will
  CHECK(f.go_on(50s) == 0s);
  CHECK(f.begin_group(60s) == 0s);  // and it is now expected to last for a minute, too
  f.now = 120s;
  CHECK(f.begin_group(61s) == 59s);
  CHECK(f.go_on(119s) > 0s);
  CHECK(f.go_on(120s) == 0s);  // in time again, and no group has begun
}

TEST_CASE("How long a group lasts is not known before the second", "[pace]") {
  Fixture f;
  f.now = 100s;
  CHECK(f.begin_group(0s) == 0s);
  CHECK(f.go_on(50s) == 0s);
  CHECK(f.begin_group(60s) == 0s);
  f.now = 120s;
  CHECK(f.go_on(61s) == 59s);
}

TEST_CASE("A source that stays late though nothing is decoded gets another chance, for a group", "[pace]") {
  Fixture f;
  f.learn();
  f.now = 100s;
  CHECK(f.begin_group(2s) > 0s);
  f.now += si::detail::PaceKeeper::patience - 1ms;
  CHECK(f.begin_group(3s) > 0s);
  f.now += 1ms;
  CHECK(f.go_on(3500ms) > 0s);
  f.pace.decodes();
  f.now += si::detail::PaceKeeper::patience - 1ms;
  CHECK(f.begin_group(4s) > 0s);
  f.now += 1ms;
  CHECK(f.go_on(5s) > 0s);
  CHECK(f.begin_group(6s) == 0s);
  CHECK(f.go_on(6100ms) == 0s);
  CHECK(f.go_on(6900ms) == 0s);
  CHECK(f.begin_group(7s) > 0s);
  f.now += si::detail::PaceKeeper::patience;
  CHECK(f.begin_group(8s) == 0s);
}

TEST_CASE("Nothing is late where nobody knows the time, or where groups begin", "[pace]") {
  si::detail::PaceKeeper none;
  Fixture unknown, no_groups;
  unknown.now = si::MediaTime::min();
  no_groups.now = 100s;
  for (int second = 0; second < 10; ++second) {
    const si::MediaTime time = second * 1s;
    none.begin_group();
    CHECK(none.too_late_by(time) == 0s);
    CHECK(unknown.begin_group(time) == 0s);
    CHECK(no_groups.go_on(time) == 0s);
  }
}
