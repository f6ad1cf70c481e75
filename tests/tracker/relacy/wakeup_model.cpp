#include "model.hpp"

#include "stream_infer/core/wakeup.hpp"

#if defined(MODEL_MUST_FAIL) && !defined(MODEL_MUTANT)
#error "this was to be built with a mutated header"
#endif

namespace {

using namespace si_model;
using WakeUp = stream_infer::detail::BasicWakeUp<RelacySync>;

// A sleeper that is not woken is a deadlock, which relacy reports. The state is relaxed everywhere: that it is seen in
// time is WakeUp's own doing.

/// Two sleep until the state is what they wait for; one changes it, step by step.
template <int Steps>
struct Wake : Heap, rl::test_suite<Wake<Steps>, 3> {
  static constexpr const char* name = Steps == 1 ? "woken by one change" : "woken by the second change";
  WakeUp wakeup;
  RelacySync::atomic<int> state{0};

  void thread(unsigned id) {
    if (id != 0) {
      wakeup.wait([this] { return state.load(std::memory_order_relaxed) == Steps; });
      return;
    }
    for (int step = 1; step <= Steps; ++step) {
      state.store(step, std::memory_order_relaxed);
      wakeup.notify();
    }
  }
};

/// Two change the state, one sleeps until both have.
struct TwoNotifiers : Heap, rl::test_suite<TwoNotifiers, 3> {
  static constexpr const char* name = "woken by two";
  WakeUp wakeup;
  RelacySync::atomic<int> first{0};
  RelacySync::atomic<int> second{0};

  void thread(unsigned id) {
    if (id == 0)
      wakeup.wait(
          [this] { return first.load(std::memory_order_relaxed) + second.load(std::memory_order_relaxed) == 2; });
    else
      (id == 1 ? first : second).store(1, std::memory_order_relaxed), wakeup.notify();
  }
};

/// One sleeper's time runs out while another goes on sleeping: it must still be woken.
struct TimeOut : Heap, rl::test_suite<TimeOut, 3> {
  static constexpr const char* name = "woken though another timed out";
  WakeUp wakeup;
  RelacySync::atomic<int> state{0};

  void thread(unsigned id) {
    const auto changed = [this] { return state.load(std::memory_order_relaxed) == 1; };
    if (id == 0) {
      state.store(1, std::memory_order_relaxed);
      wakeup.notify();
    } else if (id == 1) {
      wakeup.wait(changed);
    } else {
      wakeup.wait_for(std::chrono::nanoseconds{1}, changed);
    }
  }
};

}  // namespace

int main() {
  Models models;
  models.random<Wake<1>>(300'000);
  models.random<Wake<2>>(300'000);
  models.random<TwoNotifiers>(300'000);
  models.random<TimeOut>(300'000);
  models.bound<Wake<1>>(4);
  models.bound<Wake<2>>(3);
  models.bound<TwoNotifiers>(4);
  models.bound<TimeOut>(3);
  return models.result();
}
