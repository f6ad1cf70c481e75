#pragma once

// What the blocks of README.md take for granted. They are compiled, not run.

#include <stream_infer/stream_infer.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <span>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>

namespace si = stream_infer;
using namespace std::chrono_literals;

struct AnyAlgo {
  double run(std::span<const si::Frame> frames);
};

extern si::Frame frame;
extern si::FFmpegProducer producer;
extern si::FrameTracker<> tracker;
extern si::PrintExporter exporter;
extern si::Player<si::FFmpegProducer, si::FrameTracker<>, si::SteadyClock> player;
extern si::Inference<si::FrameTracker<>, si::PrintExporter, decltype(si::load_algo("any", AnyAlgo{}, si::Schedule{}))>
    inference;

void show(const si::Frame& frame, double value);
