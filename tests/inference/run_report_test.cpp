#include "stream_infer/inference/run_report.hpp"

#include "support/catch.hpp"

#include <chrono>
#include <sstream>

namespace si = stream_infer;
using namespace std::chrono_literals;

namespace {

si::RunReport sound() {
  si::RunReport report;
  report.end = si::PlayState::ended;
  report.source.frames_seen = 110;
  report.source.frames_played = 100;
  report.source.skipped.rate = 7;
  report.source.skipped.position = 3;
  si::AlgoStats algo;
  algo.name = "head";
  algo.dues = 12;
  algo.runs = 5;
  algo.failures = 1;
  algo.missed = {.gap = 1, .warm_up = 2, .busy = 2, .overwritten = 1};
  report.algos.push_back(algo);
  report.media_time = 10s;
  report.wall_time = 4s;
  return report;
}

}  // namespace

TEST_CASE("a report adds up only if every account in it does") {
  CHECK(sound().adds_up());
  CHECK(si::RunReport{}.adds_up());

  si::RunReport lost_frame = sound();
  --lost_frame.source.frames_played;
  CHECK_FALSE(lost_frame.adds_up());

  si::RunReport lost_due = sound();
  ++lost_due.algos[0].dues;
  CHECK_FALSE(lost_due.adds_up());

  si::RunReport lost_miss = sound();
  --lost_miss.algos[0].missed.overwritten;
  CHECK_FALSE(lost_miss.adds_up());
}

TEST_CASE("a report prints every number that is not 0") {
  std::ostringstream out;
  si::RunReport report = sound();
  report.algos[0].last_error = "out of memory";
  report.process_skipped = 4;
  out << report;
  const std::string text = out.str();
  using Catch::Matchers::ContainsSubstring;
  CHECK_THAT(text, ContainsSubstring("ended after 00:00:10.000"));
  CHECK_THAT(text, ContainsSubstring("4.00 s (2.5x real time)"));
  CHECK_THAT(text, ContainsSubstring("100 of 110 frames played"));
  CHECK_THAT(text, ContainsSubstring("head: 12 due, 5 run, 1 failed, 1 missed in gaps, 2 missed at warm-up, "
                                     "2 missed while busy, 1 missed as overwritten (last error: out of memory)"));
  CHECK_THAT(text, ContainsSubstring("4 frames skipped"));
}
