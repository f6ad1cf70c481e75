#pragma once

#include "stream_infer/ffmpeg/fifo.hpp"

#include <cerrno>
#include <string>

#include <fcntl.h>
#include <sys/file.h>

namespace stream_infer::ffmpeg {

/// Holds a file against whoever else would lock it, in this process or another, for as long as this lives.
class FileLock {
 public:
  /// Makes the file if it is not there. What is no regular file, or is where files cannot be locked, is free for all.
  /// \returns false if somebody else holds it
  [[nodiscard]] bool take(const std::string& path) {
    if (const mode_t kind = kind_of_file(path); kind != 0 && kind != S_IFREG) return true;
    file_ = Descriptor{::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666)};
    return !file_ || ::flock(file_.get(), LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
  }
  void release() { file_ = {}; }

 private:
  Descriptor file_;
};

}  // namespace stream_infer::ffmpeg
