#include "stream_infer/algo/load_algo.hpp"

#include "support/catch.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace si = stream_infer;
using namespace std::chrono_literals;

namespace {

struct TakesSpan {
  double run(std::span<const si::Frame>) { return 0; }
};
struct TakesTwo {
  std::string run(const si::Window<2>&) { return {}; }
};
struct TakesByValue {
  int run(si::Window<2>) { return 0; }
};
struct TakesVector {
  int run(const std::vector<si::Frame>&) { return 0; }
};
struct TakesBoth {
  int run(std::span<const si::Frame>) { return 1; }
  double run(const si::Window<3>&) { return 2; }
};
struct TakesAny {
  template <class Frames>
  std::size_t run(const Frames& frames) {
    return frames.size();
  }
};
struct GivesNothing {
  void run(std::span<const si::Frame>) {}
};
struct GivesReference {
  const std::string& run(std::span<const si::Frame>) { return text; }
  std::string text;
};
struct WritesFrames {
  int run(std::span<si::Frame>) { return 0; }
};
struct NoRun {};
struct PrivateRun {
 private:
  int run(std::span<const si::Frame>) { return 0; }
};
struct ConstRun {
  int run(std::span<const si::Frame>) const { return 0; }
};
struct MoveOnly {
  int run(std::span<const si::Frame>) { return *value; }
  std::unique_ptr<int> value = std::make_unique<int>(5);
};

constexpr si::Sampling two{.frame_count = 2, .frame_step = 15};

}  // namespace

static_assert(si::SpanAlgo<TakesSpan> && si::SpanAlgo<TakesBoth> && si::SpanAlgo<TakesAny> && si::SpanAlgo<ConstRun>);
static_assert(si::SpanAlgo<const ConstRun> && si::SpanAlgo<GivesNothing> && si::SpanAlgo<MoveOnly>);
static_assert(!si::SpanAlgo<TakesTwo> && !si::SpanAlgo<NoRun> && !si::SpanAlgo<WritesFrames>);
static_assert(!si::SpanAlgo<PrivateRun> && !si::SpanAlgo<TakesVector> && !si::SpanAlgo<const TakesSpan>);
static_assert(!si::SpanAlgo<int>);

static_assert(si::WindowAlgo<TakesTwo, 2> && si::WindowAlgo<TakesByValue, 2> && si::WindowAlgo<TakesSpan, 7>);
static_assert(!si::WindowAlgo<TakesTwo, 3> && !si::WindowAlgo<TakesTwo, 1> && !si::WindowAlgo<NoRun, 1>);
static_assert(!si::WindowAlgo<WritesFrames, 2>);  // a window's frames are not to be replaced

static_assert(si::Algo<TakesSpan> && si::Algo<TakesSpan, 4> && si::Algo<TakesTwo, 2>);
static_assert(!si::Algo<TakesTwo> && !si::Algo<TakesTwo, 4> && !si::Algo<NoRun> && !si::Algo<NoRun, 1>);

template <si::Sampling S, class A>
using Fixed = decltype(si::load_algo<S>("", std::declval<A>(), 1s));
template <class A>
using AtRunTime = decltype(si::load_algo("", std::declval<A>(), si::Schedule{}));

// What run() returns is what the exporter gets, without reference or const.
static_assert(std::is_same_v<AtRunTime<TakesSpan>::Value, double>);
static_assert(std::is_same_v<Fixed<two, TakesTwo>::Value, std::string>);
static_assert(std::is_same_v<AtRunTime<GivesNothing>::Value, void>);
static_assert(std::is_same_v<AtRunTime<GivesReference>::Value, std::string>);
// A run() for the very window is preferred, as by any overload resolution.
static_assert(std::is_same_v<Fixed<si::Sampling{.frame_count = 3}, TakesBoth>::Value, double>);
static_assert(std::is_same_v<Fixed<two, TakesBoth>::Value, int>);
static_assert(std::is_same_v<AtRunTime<TakesBoth>::Value, int>);
// std::ref leaves the algorithm with the caller.
static_assert(std::is_same_v<AtRunTime<std::reference_wrapper<TakesSpan>>::Algorithm, TakesSpan&>);
static_assert(std::is_same_v<AtRunTime<TakesSpan>::Algorithm, TakesSpan>);
static_assert(std::is_same_v<Fixed<two, std::reference_wrapper<TakesTwo>>::Algorithm, TakesTwo&>);

static_assert(Fixed<two, TakesTwo>::Shape::static_count == 2 && Fixed<two, TakesTwo>::Shape::static_span == 16);
static_assert(AtRunTime<TakesSpan>::Shape::static_span == 0);  // never too long while compiling

TEST_CASE("load_algo keeps the name, the algorithm and the schedule", "[load_algo]") {
  const auto fixed = si::load_algo<two>("motion", TakesTwo{}, 500ms);
  CHECK(fixed.name == "motion");
  CHECK(fixed.schedule == si::Schedule{.frame_count = 2, .frame_step = 15, .interval = 500ms});

  constexpr si::Schedule schedule{.frame_count = 3, .frame_step = 4, .interval = 1s};
  const auto at_run_time = si::load_algo("trend", TakesSpan{}, schedule);
  CHECK(at_run_time.name == "trend");
  CHECK(at_run_time.schedule == schedule);
}

TEST_CASE("A window has the length that its schedule says", "[load_algo]") {
  CHECK(Fixed<two, TakesTwo>::Shape::storage({}).size() == 2);
  CHECK(AtRunTime<TakesSpan>::Shape::storage(si::Schedule{.frame_count = 7}).size() == 7);
}

TEST_CASE("An algorithm is moved, never copied", "[load_algo]") {
  MoveOnly algo;
  const int* const value = algo.value.get();
  const auto loaded = si::load_algo("move", std::move(algo), si::Schedule{});
  CHECK(loaded.algo.value.get() == value);
  const auto fixed = si::load_algo<two>("move", MoveOnly{}, 1s);
  CHECK(*fixed.algo.value == 5);
}

TEST_CASE("std::ref leaves the algorithm where it is", "[load_algo]") {
  MoveOnly algo;
  const auto loaded = si::load_algo("ref", std::ref(algo), si::Schedule{});
  CHECK(&loaded.algo == &algo);
  const auto fixed = si::load_algo<two>("ref", std::ref(algo), 1s);
  CHECK(&fixed.algo == &algo);
}
