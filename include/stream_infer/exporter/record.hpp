#pragma once

#include "stream_infer/core/media_time.hpp"
#include "stream_infer/core/name.hpp"
#include "stream_infer/core/source_id.hpp"

#include <cstdint>
#include <exception>
#include <string>

namespace stream_infer {

/// What a run gives the exporter. It owns everything it holds.
template <class T>
struct Record {
  MediaTime time{};               ///< of the window's last frame, since the source's start
  std::uint64_t frame_index = 0;  ///< of the window's last frame
  Name algo{};                    ///< the name given to load_algo
  T value;                        ///< what run() returned; need not be default-constructible
  std::uint32_t epoch = 0;        ///< of the window's last frame: Frame::epoch()
  SourceId source{};              ///< likewise: Frame::source()
};

/// What an exporter's on_error() gets: an algorithm threw, or the exporter itself threw at a record.
struct RunError {
  MediaTime time{};
  std::uint64_t frame_index = 0;
  Name algo{};
  std::string message{};           ///< what the exception said
  std::exception_ptr exception{};  ///< the exception itself
  std::uint32_t epoch = 0;         ///< of the window's last frame
};

}  // namespace stream_infer
