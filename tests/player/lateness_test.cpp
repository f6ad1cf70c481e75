#include "stream_infer/player/lateness.hpp"

#include "stream_infer/core/manual_clock.hpp"
#include "stream_infer/player/pacer.hpp"
#include "support/catch.hpp"

#include <chrono>
#include <optional>

namespace si = stream_infer;
using namespace std::chrono_literals;

TEST_CASE("Nothing is late before the first frame, and always on a live source", "[lateness]") {
  si::ManualClock clock;
  clock.advance(100s);
  const si::Lateness lateness{clock};
  CHECK(lateness(0s) == 0s);
  si::Pacer live{clock, true, lateness};
  CHECK(live.wait(0s, {}));
  clock.advance(10s);
  CHECK(lateness(0s) == 0s);
}

TEST_CASE("What ought to have been played is late by what has gone by since", "[lateness]") {
  si::ManualClock clock;
  clock.advance(100s);
  const si::Lateness lateness{clock};
  std::optional<si::Pacer<si::ManualClock>> pacer{std::in_place, clock, false, lateness};
  CHECK(pacer->wait(7s, {}));  // media time 7 s is played at 100 s
  CHECK(lateness(7s) == 0s);
  CHECK(lateness(8s) == -1s);
  clock.advance(3s);
  CHECK(lateness(7s) == 3s);
  CHECK(lateness(8s) == 2s);
  CHECK(pacer->wait(8s, {}));  // late, and at once
  CHECK(lateness(8s) == 2s);   // the pace is kept from where it was
  CHECK(pacer->wait(8s + 2min, {}));
  CHECK(lateness(8s + 2min) == 0s);  // nobody waits through such a gap
  pacer.reset();
  CHECK(lateness(8s + 1min) == 1min);  // it outlives the play
}
