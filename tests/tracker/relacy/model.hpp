#pragma once

#include "relacy_sync.hpp"

#include <cstdio>

namespace si_model {

/// Runs models, each under several searches, and prints how many schedules that were.
///
/// Normally every schedule must hold. Built for a mutant (MODEL_MUST_FAIL), a schedule must break it: the process then
/// succeeds only if relacy itself reports a fault. A mutant that no schedule breaks fails, as does one that crashes.
class Models {
 public:
  /// All schedules with at most `switches` involuntary context switches.
  template <class Test>
  void bound(unsigned switches) {
    rl::test_params params;
    params.search_type = rl::sched_bound;
    params.context_bound = switches;
    run<Test, rl::context_bound_scheduler<threads<Test>>>(params, "up to " + std::to_string(switches) + " switches");
  }

  /// All schedules.
  template <class Test>
  void all() {
    rl::test_params params;
    params.search_type = rl::sched_full;
    run<Test, rl::full_search_scheduler<threads<Test>>>(params, "all");
  }

  /// Random schedules. Only here loads are more than one store behind, and relacy's own heap is watched.
  template <class Test>
  void random(rl::iteration_t schedules) {
    rl::test_params params;
    params.search_type = rl::sched_random;
#ifdef MODEL_MUST_FAIL
    schedules = std::min<rl::iteration_t>(schedules, 20'000);  // one model breaks it within dozens, the others never
#endif
    params.iteration_count = schedules;
    run<Test, rl::random_scheduler<threads<Test>>>(params, "random");
  }

  int result() const {
#ifdef MODEL_MUST_FAIL
    if (!found_) std::printf("survived: none of %llu schedules breaks this mutant\n", schedules_);
    return found_ ? 0 : 1;
#else
    std::printf("%llu schedules, %s\n", schedules_, found_ ? "FAILED" : "all hold");
    return found_ ? 1 : 0;
#endif
  }

 private:
  template <class Test>
  static constexpr rl::thread_id_t threads = Test::params::thread_count;

  // Not rl::simulate(): that compiles every test for every scheduler.
  template <class Test, class Scheduler>
  void run(rl::test_params& params, const std::string& search) {
    if (found_) return;
    std::ostringstream report;
    std::ostringstream progress;
    params.output_stream = &report;
    params.progress_stream = &progress;
    params.execution_depth_limit = 1000;
    rl::ostringstream failing_schedule;
    const auto start = std::chrono::steady_clock::now();
    const rl::test_result_e result = rl::run_test<Test, Scheduler>(params, failing_schedule, false);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    schedules_ += params.stop_iteration;
    if (result == rl::test_result_success) {
      std::printf("%-32s %-18s %9llu schedules %6.2f s\n", Test::name, search.c_str(),
                  static_cast<unsigned long long>(params.stop_iteration), seconds.count());
      return;
    }
    found_ = true;
#ifdef MODEL_MUST_FAIL
    std::printf("caught by '%s' (%s), schedule %llu: %s\n", Test::name, search.c_str(), schedules_,
                rl::test_result_str(result));
#else
    // Once more, telling what happens.
    params.initial_state = failing_schedule.str();
    params.collect_history = true;
    rl::ostringstream ignored;
    static_cast<void>(rl::run_test<Test, Scheduler>(params, ignored, true));
    std::printf("%.8000s\n'%s' (%s): %s\n", report.str().c_str(), Test::name, search.c_str(),
                rl::test_result_str(result));
#endif
  }

  bool found_ = false;
  unsigned long long schedules_ = 0;
};

}  // namespace si_model
