#pragma once

#include "stream_infer/algo/load_algo.hpp"
#include "stream_infer/exporter/memory_exporter.hpp"
#include "stream_infer/exporter/print_exporter.hpp"
#include "stream_infer/inference/inference.hpp"
#include "stream_infer/tracker/frame_tracker.hpp"

#include <chrono>
#include <span>

namespace si = stream_infer;
using namespace std::chrono_literals;

struct Count {  // takes any window
  int run(std::span<const si::Frame> frames) { return static_cast<int>(frames.size()); }
};

struct Five {  // takes windows of five frames alone
  int run(const si::Window<5>&) { return 5; }
};
