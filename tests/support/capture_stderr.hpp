#pragma once

#include <cstdio>
#include <memory>
#include <string>

#include <unistd.h>

namespace stream_infer::test {

/// Takes everything that this process writes to its standard error, by whatever means, until it is asked for.
class CaptureStderr {
 public:
  CaptureStderr() : file_{std::tmpfile(), &std::fclose}, terminal_{::dup(2)} {
    std::fflush(stderr);
    ::dup2(::fileno(file_.get()), 2);
  }
  CaptureStderr(const CaptureStderr&) = delete;
  CaptureStderr& operator=(const CaptureStderr&) = delete;
  ~CaptureStderr() { give_back(); }

  /// What was written so far. Ends the capture.
  [[nodiscard]] std::string text() {
    give_back();
    std::string text;
    char part[512];
    std::rewind(file_.get());
    while (const std::size_t size = std::fread(part, 1, sizeof part, file_.get())) text.append(part, size);
    return text;
  }

 private:
  void give_back() {
    if (terminal_ < 0) return;
    std::fflush(stderr);
    ::dup2(terminal_, 2);
    ::close(terminal_);
    terminal_ = -1;
  }

  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
  int terminal_;
};

}  // namespace stream_infer::test
