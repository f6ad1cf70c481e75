#pragma once

#include "stream_infer/core/descriptor.hpp"
#include "stream_infer/ffmpeg/compat.hpp"

#include <atomic>
#include <cerrno>
#include <string>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

namespace stream_infer::ffmpeg {

using stream_infer::detail::Descriptor;

/// Opens the named pipe at `path` and waits until somebody has written to it. FFmpeg's own way of opening and reading one
/// waits for the writer where no stop can reach it; with a descriptor that does not block, it asks for a stop as it does
/// for the network. \param requested  ends the wait when it turns true
/// \returns  a descriptor, or one of FFmpeg's error codes: AVERROR_EXIT if the wait was ended
[[nodiscard]] inline int open_fifo(const std::string& path, const std::atomic<bool>& requested,
                                   Descriptor& descriptor) {
  descriptor = Descriptor{::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
  if (descriptor.get() < 0) return AVERROR(errno);
  for (pollfd written{descriptor.get(), POLLIN, 0}; ::poll(&written, 1, 50) <= 0;)
    if (requested.load(std::memory_order_relaxed)) return AVERROR_EXIT;  // a lone flag
  return 0;
}

/// What kind of file it is, one of S_IF…; 0 if there is none.
[[nodiscard]] inline mode_t kind_of_file(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? status.st_mode & S_IFMT : 0;
}

[[nodiscard]] inline bool is_fifo(const std::string& path) { return kind_of_file(path) == S_IFIFO; }
[[nodiscard]] inline bool is_regular_file(const std::string& path) { return kind_of_file(path) == S_IFREG; }

}  // namespace stream_infer::ffmpeg
