#pragma once

#include "stream_infer/algo/algo.hpp"
#include "stream_infer/core/error.hpp"
#include "stream_infer/schedule/schedule.hpp"

#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace stream_infer {
namespace detail {

/// A window whose shape is known while compiling.
template <Sampling S>
struct FixedShape {
  static constexpr std::size_t static_count = S.frame_count;
  static constexpr std::size_t static_span = S.span();
  using Storage = Window<S.frame_count>;
  static Storage storage(const Schedule&) { return {}; }
  static const Storage& argument(const Storage& window) { return window; }
};

/// A window whose shape is known at run time. Templates, so that only who has such windows pays for vectors of frames.
struct RuntimeShape {
  static constexpr std::size_t static_count = 0;
  static constexpr std::size_t static_span = 0;
  using Storage = std::vector<Frame>;
  template <class S>
  static Storage storage(const S& schedule) {
    return Storage(schedule.frame_count);
  }
  template <class Frames>
  static std::span<const Frame> argument(const Frames& window) {
    return {window.data(), window.size()};
  }
};

/// What run() of `A` gives for a window of `Shape`; void where there is no such run().
template <class A, class Shape>
struct RunResult {
  using type = void;
};
template <class A, class Shape>
  requires Algo<A, Shape::static_count>
struct RunResult<A, Shape> {
  using type = std::remove_cvref_t<decltype(std::declval<A&>().run(
      Shape::argument(std::declval<const typename Shape::Storage&>())))>;
};

/// What std::ref refers to, as a reference; else the type itself. (std::unwrap_reference_t is in <functional>.)
template <class A>
using Unwrapped = std::tuple_element_t<0, decltype(std::make_tuple(std::declval<A>()))>;

}  // namespace detail

/// An algorithm with its name and schedule, ready for an Inference. Made by load_algo().
template <class A, class ShapeT>
struct LoadedAlgo {
  using Algorithm = A;  ///< a reference where load_algo was given std::ref
  using Shape = ShapeT;
  using Value = typename detail::RunResult<std::remove_reference_t<A>, Shape>::type;  ///< what run() returns

  std::string name;
  A algo;
  Schedule schedule;
};

/// Names an algorithm and says which frames it looks at, and how often. The window's shape is a template argument, so
/// run() may take a `const Window<N>&`, and a window that cannot fit the tracker does not compile.
///
///     si::load_algo<si::Sampling{.frame_count = 5, .frame_step = 6}>("emotion", Emotion{}, 60s)
///
/// \param algo      taken over; std::ref(algo) leaves it with the caller, who keeps it alive
/// \param interval  of media time between two runs; 0, or less than a frame's period, is every played frame
template <Sampling S, class A>
[[nodiscard]] auto load_algo(std::string name, A algo, MediaTime interval) {
  static_assert(S.frame_count > 0 && S.frame_step > 0,
                "stream_infer: in a Sampling, frame_count and frame_step must be at least 1");
  static_assert(S.span() > 0 || S.frame_count == 0 || S.frame_step == 0,
                "stream_infer: in a Sampling, frame_count and frame_step are too large");
  using Unwrapped = detail::Unwrapped<A>;
  static_assert(Algo<std::remove_reference_t<Unwrapped>, S.frame_count>,
                "stream_infer: the algorithm has no run() that fits: it needs run(const si::Window<frame_count>&) with "
                "the frame_count of its Sampling, or run(std::span<const si::Frame>)");
  return LoadedAlgo<Unwrapped, detail::FixedShape<S>>{std::move(name), std::forward<Unwrapped>(algo),
                                                      Schedule{S.frame_count, S.frame_step, interval}};
}

/// The same with a schedule known at run time; run() takes a `std::span<const Frame>`.
///
///     si::load_algo("motion", Motion{}, si::Schedule{.frame_count = 2, .frame_step = 15, .interval = 500ms})
template <class A>
[[nodiscard]] auto load_algo(std::string name, A algo, Schedule schedule) {
  using Unwrapped = detail::Unwrapped<A>;
  static_assert(Algo<std::remove_reference_t<Unwrapped>>,
                "stream_infer: the algorithm has no run() that fits: with a Schedule it needs "
                "run(std::span<const si::Frame>); for run(const si::Window<N>&) use load_algo<si::Sampling{...}>");
  return LoadedAlgo<Unwrapped, detail::RuntimeShape>{std::move(name), std::forward<Unwrapped>(algo), schedule};
}

/// An interval alone does not say which frames: this does not compile, and says what does.
template <class A, class Rep, class Period>
void load_algo(const std::string&, const A&, std::chrono::duration<Rep, Period>) {
  static_assert(!std::is_same_v<A, A>,
                "stream_infer: an interval alone does not say how many frames a run() looks at: "
                "load_algo<si::Sampling{.frame_count = 1}>(name, algo, interval), or "
                "load_algo(name, algo, si::Schedule{.interval = interval})");
}

}  // namespace stream_infer
