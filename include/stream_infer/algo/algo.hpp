#pragma once

#include "stream_infer/core/frame.hpp"
#include "stream_infer/tracker/window.hpp"

#include <cstddef>
#include <span>

namespace stream_infer {

/// An algorithm whose window has a length known at run time: `run(std::span<const Frame>)`.
///
/// 1. `run(frames)` gets the window, oldest frame first, and returns a result of any type, which goes to the exporter;
///    `void` exports nothing. What it throws costs that run alone.
/// 2. Optional: `init()` is called once, before the first run, when an Inference is made.
///
/// run() is never called twice at the same time. In realtime, `start` calls it on a thread of its own, and init() on the
/// thread that makes the Inference.
template <class A>
concept SpanAlgo = requires(A& algo, std::span<const Frame> frames) {
  algo.run(frames);
};

/// An algorithm for windows of exactly `N` frames: `run(const Window<N>&)`, or anything that takes one, such as a span.
template <class A, std::size_t N>
concept WindowAlgo = requires(A& algo, const Window<N>& frames) {
  algo.run(frames);
};

/// An algorithm for windows of `N` frames; N = 0 means a length known at run time.
template <class A, std::size_t N = 0>
concept Algo = (N == 0 && SpanAlgo<A>) || (N != 0 && WindowAlgo<A, N>);

}  // namespace stream_infer
