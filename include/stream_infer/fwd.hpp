#pragma once

#include <cstddef>
#include <limits>

/// The names that others need to declare, and their default template arguments.
namespace stream_infer {

// core
class Error;
class Rational;
class Frame;
class Image;
class SteadyClock;
class ManualClock;
struct ImageSpec;
struct Timing;
struct SourceStats;
struct AlgoStats;

// producer
struct SourceInfo;
struct OpenOptions;

// tracker
inline constexpr std::size_t dynamic_capacity = std::numeric_limits<std::size_t>::max();
inline constexpr std::size_t default_capacity = 120;  ///< frames; as in Stream Infer
template <std::size_t Capacity = default_capacity>
class FrameTracker;

// schedule
struct Sampling;
struct Schedule;
class DueRule;

// exporter
template <class T>
struct Record;
class PrintExporter;

// ffmpeg
class FFmpegProducer;

// inference
template <class Tracker, class E, class... Loaded>
class Inference;
struct RunReport;

}  // namespace stream_infer
