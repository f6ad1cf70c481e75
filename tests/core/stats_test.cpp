#include "stream_infer/core/stats.hpp"

#include "support/catch.hpp"

#include <sstream>
#include <string>

namespace si = stream_infer;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("Every skipped frame and every missed due is in the totals", "[stats]") {
  CHECK(si::Skips{.rate = 1, .position = 20, .tracker = 300, .stopped = 4000}.total() == 4321);
  CHECK(si::Misses{.gap = 1, .warm_up = 20, .busy = 300, .overwritten = 4000, .left_out = 50000}.total() == 54321);
}

TEST_CASE("A source's account adds up, or shows that it does not", "[stats]") {
  si::SourceStats source{.frames_seen = 10, .frames_played = 4, .skipped = {.rate = 3, .position = 2, .stopped = 1}};
  CHECK(source.adds_up());
  ++source.frames_seen;
  CHECK_FALSE(source.adds_up());
  ++source.skipped.tracker;
  CHECK(source.adds_up());
}

TEST_CASE("An algorithm's account adds up, or shows that it does not", "[stats]") {
  si::AlgoStats algo{
      .dues = 10, .runs = 4, .failures = 1, .missed = {.gap = 2, .warm_up = 1, .busy = 1, .overwritten = 1}};
  CHECK(algo.adds_up());
  ++algo.runs;
  CHECK_FALSE(algo.adds_up());
  ++algo.dues;
  CHECK(algo.adds_up());
  ++algo.export_failures;  // those are runs too
  CHECK(algo.adds_up());
}

TEST_CASE("A reader's counters are all taken over", "[stats]") {
  si::SourceCounters counters;
  counters.packets_read = 1;
  counters.packets_decoded = 2;
  counters.left_out_non_reference = 7;
  counters.left_out_tail = 8;
  counters.left_out_group = 9;
  counters.left_out_late = 10;
  counters.frames_decoded = 3;
  counters.frames_converted = 4;
  counters.frames_damaged = 5;
  counters.decode_errors = 6;
  counters.truncated = true;
  si::SourceStats source{.frames_seen = 9, .frames_played = 9};
  source.take(counters);
  CHECK(source.packets_read == 1);
  CHECK(source.packets_decoded == 2);
  CHECK(source.left_out == si::LeftOut{.non_reference = 7, .tail = 8, .group = 9, .late = 10});
  CHECK(source.left_out.total() == 34);
  CHECK(source.frames_decoded == 3);
  CHECK(source.frames_converted == 4);
  CHECK(source.frames_damaged == 5);
  CHECK(source.decode_errors == 6);
  CHECK(source.truncated);
  CHECK(source.frames_seen == 9);  // not the reader's to say
}

TEST_CASE("Stats are printed in one line that leaves out what did not happen", "[stats]") {
  const auto print = [](const auto& stats) {
    std::ostringstream out;
    out << stats;
    return out.str();
  };
  CHECK(print(si::AlgoStats{.name = "head", .dues = 3, .runs = 3}) == "head: 3 due, 3 run");
  CHECK(print(si::AlgoStats{.name = "head",
                            .dues = 9,
                            .runs = 3,
                            .failures = 2,
                            .missed = {.gap = 1, .warm_up = 1, .busy = 1, .overwritten = 1},
                            .export_failures = 1,
                            .last_error = "no model"}) ==
        "head: 9 due, 3 run, 2 failed, 1 missed in gaps, 1 missed at warm-up, 1 missed while busy, 1 missed as "
        "overwritten, 1 not exported (last error: no model)");
  CHECK(print(si::SourceStats{.packets_read = 5,
                              .packets_decoded = 4,
                              .frames_decoded = 4,
                              .frames_converted = 1,
                              .frames_seen = 4,
                              .frames_played = 2}) ==
        "source: 2 of 4 frames played, 1 converted, 4 of 5 packets decoded");
  CHECK(print(si::SourceStats{.packets_read = 9, .packets_decoded = 3, .left_out = {1, 2, 3}}) ==
        "source: 0 of 0 frames played, 0 converted, 3 of 9 packets decoded, 3 in groups nobody needs, 2 at the ends of "
        "groups, 1 not referred to");
  CHECK(print(si::SourceStats{.frames_damaged = 1, .decode_errors = 2, .truncated = true, .skipped = {.tracker = 3}}) ==
        "source: 0 of 0 frames played, 0 converted, 0 of 0 packets decoded, 3 frames dropped by the tracker, 2 packets "
        "refused, 1 frames damaged, truncated");
}

TEST_CASE("A report says how often a live source was lost, and why", "[stats]") {
  const auto text = [](const si::SourceStats& source) {
    std::ostringstream out;
    out << source;
    return out.str();
  };
  CHECK(text({}).find("lost") == std::string::npos);
  si::SourceStats source{.losses = 2, .lost_for = 8500ms, .last_loss = "read 'cam': no picture for 3 s"};
  CHECK_THAT(text(source),
             ContainsSubstring(", lost 2 times, away for 00:00:08.500 (last: read 'cam': no picture for 3 s)"));
  source.losses = 1;
  CHECK_THAT(text(source), ContainsSubstring(", lost 1 time, away"));
  source.losses = 0;
  CHECK_THAT(text(source), ContainsSubstring(", not there at first, away for"));
}

TEST_CASE("A report says how long runs over the limit took", "[stats]") {
  std::ostringstream out;
  out << si::AlgoStats{.name = "slow", .dues = 3, .runs = 3, .missed = {}, .longest_run = 1600ms, .slow_runs = 2};
  CHECK_THAT(out.str(), ContainsSubstring(", 2 over the run limit (longest run: 1600 ms)"));
}
