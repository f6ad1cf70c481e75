#include "stream_infer/ffmpeg/interrupt.hpp"

#include "support/catch.hpp"
#include "support/process.hpp"

#include <chrono>
#include <memory>

using namespace std::chrono_literals;
using stream_infer::ffmpeg::Interrupt;
using stream_infer::ffmpeg::Interrupting;

namespace {

bool ask(Interrupt& interrupt) { return Interrupt::ask(&interrupt) != 0; }

}  // namespace

TEST_CASE("What is requested once stays so, and is no time-out", "[ffmpeg][interrupt]") {
  const auto interrupt = std::make_shared<Interrupt>();
  CHECK_FALSE(ask(*interrupt));
  Interrupting{interrupt}();
  CHECK(interrupt->requested());
  CHECK(ask(*interrupt));
  interrupt->expect_within(1h);
  CHECK(ask(*interrupt));
  CHECK_FALSE(interrupt->timed_out());
}

TEST_CASE("A deadline that has passed ends the wait, until there is another", "[ffmpeg][interrupt]") {
  Interrupt interrupt;
  interrupt.expect_within(1h);
  CHECK_FALSE(ask(interrupt));
  interrupt.expect_within(1ms);
  CHECK(stream_infer::test::eventually([&] { return ask(interrupt); }));
  CHECK(interrupt.timed_out());
  CHECK(ask(interrupt));
  interrupt.expect_within(1h);
  CHECK_FALSE(interrupt.timed_out());
  CHECK_FALSE(ask(interrupt));
}

TEST_CASE("Without a deadline FFmpeg may wait for ever", "[ffmpeg][interrupt]") {
  Interrupt interrupt;
  CHECK(interrupt.deadline() == Interrupt::Clock::time_point::max());
  interrupt.expect_within(1ms);
  CHECK(interrupt.deadline() < Interrupt::Clock::now() + 1s);
  interrupt.expect_within(0ms);
  CHECK(interrupt.deadline() == Interrupt::Clock::time_point::max());
  interrupt.expect_within(1ms);
  interrupt.expect_nothing();
  CHECK(interrupt.deadline() == Interrupt::Clock::time_point::max());
  CHECK_FALSE(ask(interrupt));
}

TEST_CASE("A deadline that nobody lives to see is none", "[ffmpeg][interrupt]") {
  Interrupt interrupt;
  interrupt.expect_within(stream_infer::MediaTime::max(), stream_infer::MediaTime::max());
  CHECK(interrupt.deadline() == Interrupt::Clock::time_point::max());
  CHECK_FALSE(ask(interrupt));
}

TEST_CASE("A listener hears once that a wait is long", "[ffmpeg][interrupt]") {
  Interrupt interrupt;
  int heard = 0;
  interrupt.set_listener([](void* count) { ++*static_cast<int*>(count); }, &heard);
  interrupt.expect_within(1h, 1ms);
  CHECK(stream_infer::test::eventually([&] { return !ask(interrupt) && heard == 1; }));
  CHECK_FALSE(ask(interrupt));
  CHECK(heard == 1);
  interrupt.expect_within(1h, 1ms);
  CHECK(stream_infer::test::eventually([&] { return !ask(interrupt) && heard == 2; }));
}
