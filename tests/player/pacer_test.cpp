#include "stream_infer/player/pacer.hpp"

#include "stream_infer/core/clock.hpp"
#include "support/catch.hpp"
#include "support/jump_clock.hpp"

#include <chrono>
#include <stop_token>
#include <thread>
#include <vector>

namespace si = stream_infer;
using namespace std::chrono_literals;
using si::test::JumpClock;

namespace {

using Times = std::vector<si::MediaTime>;

}  // namespace

TEST_CASE("The first frame is played at once, the others as far apart as their times", "[pacer]") {
  JumpClock clock;
  si::Pacer pacer{clock, false};
  for (const si::MediaTime time : Times{2s, 2040ms, 3s}) CHECK(pacer.wait(time, {}));
  CHECK(clock.asked() == Times{100s, 100040ms, 101s});
}

TEST_CASE("A late frame is played at once, and the pace is kept", "[pacer]") {
  JumpClock clock;
  si::Pacer pacer{clock, false};
  CHECK(pacer.wait(0s, {}));
  clock.go_on(500ms);  // a stall
  CHECK(pacer.wait(40ms, {}));
  CHECK(clock.now() == 100500ms);
  CHECK(pacer.wait(600ms, {}));
  CHECK(clock.now() == 100600ms);  // not 500 ms late for ever
}

TEST_CASE("After a stall frames come faster, and ten times as fast at the most", "[pacer]") {
  JumpClock clock;
  si::Pacer pacer{clock, false};
  CHECK(pacer.wait(0s, {}));
  clock.go_on(200ms);  // five frames
  Times played;
  for (const si::MediaTime time : Times{40ms, 80ms, 120ms, 160ms, 200ms, 240ms, 280ms}) {
    CHECK(pacer.wait(time, {}));
    played.push_back(clock.now() - 100s);
  }
  CHECK(played == Times{200ms, 204ms, 208ms, 212ms, 216ms, 240ms, 280ms});
  clock.go_on(200ms);
  CHECK(pacer.wait(320ms, {}));
  clock.go_on(10ms);  // what takes longer by itself is not held up
  CHECK(pacer.wait(360ms, {}));
  CHECK(clock.now() == 100490ms);
}

TEST_CASE("Nobody waits through a jump of the time stamps", "[pacer]") {
  JumpClock clock;
  si::Pacer pacer{clock, false};
  for (const si::MediaTime time : Times{0s, 40ms, 1min, 25h, 25h + 40ms}) CHECK(pacer.wait(time, {}));
  CHECK(clock.asked() == Times{100s, 100040ms, 160s, 160s, 160040ms});
}

TEST_CASE("A live source sets its own pace", "[pacer]") {
  JumpClock clock;
  si::Pacer pacer{clock, true};
  CHECK(pacer.wait(0s, {}));
  CHECK(pacer.wait(10h, {}));
  CHECK(clock.asked().empty());
}

TEST_CASE("A stop request ends the wait, and none begins after it", "[pacer]") {
  const bool live = GENERATE(false, true);
  std::stop_source stop;
  JumpClock clock;
  si::Pacer pacer{clock, live};
  CHECK(pacer.wait(0s, stop.get_token()));
  stop.request_stop();
  CHECK_FALSE(pacer.wait(40ms, stop.get_token()));
}

TEST_CASE("On the machine's clock a wait lasts as long as it should, and a stop request cuts it short", "[pacer]") {
  const auto begin = std::chrono::steady_clock::now();
  std::stop_source stop;
  si::Pacer pacer{si::SteadyClock{}, false};
  CHECK(pacer.wait(0s, stop.get_token()));
  CHECK(pacer.wait(30ms, stop.get_token()));
  CHECK(std::chrono::steady_clock::now() - begin >= 30ms);

  std::jthread stopper{[&stop] {
    std::this_thread::sleep_for(20ms);
    stop.request_stop();
  }};
  CHECK_FALSE(pacer.wait(50s, stop.get_token()));
  CHECK(std::chrono::steady_clock::now() - begin < 10s);
}

TEST_CASE("A pacer tells when media time 0 is, or would have been", "[pacer]") {
  JumpClock clock;
  const si::MediaTime begin = clock.now();
  si::Pacer pacer{clock, false};
  CHECK_FALSE(pacer.origin());  // nothing has been played
  CHECK(pacer.wait(7s, {}));
  CHECK(pacer.origin() == begin - 7s);
  clock.go_on(5s);
  CHECK(pacer.wait(9s, {}));
  CHECK(pacer.origin() == begin - 7s);  // late, and the pace is kept from where it was
  CHECK(pacer.wait(9s + 2min, {}));     // nobody waits through such a gap
  CHECK(pacer.origin() == clock.now() - 9s - 2min);
}

TEST_CASE("Of a live source it is not known when media time 0 would have been", "[pacer]") {
  si::Pacer pacer{JumpClock{}, true};
  CHECK(pacer.wait(0s, {}));
  CHECK_FALSE(pacer.origin());
}
