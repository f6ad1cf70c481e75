#pragma once

#include "stream_infer/core/media_time.hpp"
#include "stream_infer/exporter/record_store.hpp"

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace stream_infer {

/// When a file of results is put aside and another one begun. What is put aside gets the moment of that into its name:
/// `results.jsonl` becomes `results.20260131T120000.000Z.jsonl`. Nothing is deleted.
struct Rotation {
  std::uint64_t bytes = 0;  ///< before it would grow larger; 0: whatever its size
  MediaTime age{0};         ///< at the first record that comes so long after the file was begun; 0: whatever its age
};

namespace detail {

/// A text file that grows by whole lines: what cannot be written whole is taken back. For one thread.
class RotatingFile {
 public:
  /// \param head  the first line of every file, with its end; may be empty
  /// \throws StoreError
  RotatingFile(std::string path, Rotation rotation, std::string head)
      : path_{std::move(path)}, rotation_{rotation}, head_{std::move(head)} {
    open();
  }
  RotatingFile(const RotatingFile&) = delete;
  RotatingFile& operator=(const RotatingFile&) = delete;
  RotatingFile(RotatingFile&& other) noexcept
      : path_{std::move(other.path_)},
        rotation_{other.rotation_},
        head_{std::move(other.head_)},
        file_{std::exchange(other.file_, -1)},
        size_{other.size_},
        begun_{other.begun_} {}
  RotatingFile& operator=(RotatingFile&&) = delete;
  ~RotatingFile() {
    if (file_ >= 0) ::close(file_);
  }

  /// Appends lines, which end with '\n'. All of them are in the file when it returns, or none. \throws StoreError
  void append(std::string_view lines) {
    if (file_ < 0) open();
    if (is_due(lines.size())) rotate();
    write(lines);
  }

 private:
  using Clock = std::chrono::system_clock;

  [[noreturn]] void fail(int error, std::string_view what) const {
    throw StoreError{StoreError::Kind::retry, std::error_code{error, std::generic_category()}, path_,
                     std::string{what} + ": " + std::generic_category().message(error)};
  }

  void open() {
    file_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (file_ < 0) fail(errno, "cannot be opened");
    struct stat status {};
    if (::fstat(file_, &status) != 0) fail(errno, "cannot be opened");
    size_ = static_cast<std::uint64_t>(status.st_size);
    begun_ = Clock::now();
    char last = '\n';
    if (size_ > 0 && S_ISREG(status.st_mode)) static_cast<void>(::pread(file_, &last, 1, status.st_size - 1));
    if (last != '\n') write("\n");  // whoever wrote it was killed in the midst of a line, which stays by itself
    if (size_ == 0) write(head_);
  }

  [[nodiscard]] bool is_due(std::size_t more) const {
    if (size_ <= head_.size()) return false;
    const bool too_large = rotation_.bytes > 0 && size_ + more > rotation_.bytes;
    return too_large || (rotation_.age > MediaTime{0} && Clock::now() - begun_ >= rotation_.age);
  }

  void rotate() {
    const std::filesystem::path path{path_};
    std::filesystem::path aside;
    for (auto now = Clock::now();; now += std::chrono::milliseconds{1}) {
      aside = path.parent_path() / (path.stem().string() + '.' + moment(now) + path.extension().string());
      if (::link(path_.c_str(), aside.c_str()) == 0) break;  // never over another file, as a rename would
      if (errno != EEXIST) fail(errno, "cannot be put aside as " + aside.string());
    }
    if (::unlink(path_.c_str()) != 0) fail(errno, "cannot be put aside");
    ::close(std::exchange(file_, -1));
    open();
  }

  static std::string moment(Clock::time_point time) {
    const std::time_t seconds = Clock::to_time_t(time);
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    char text[64];
    const std::size_t size = std::strftime(text, sizeof text, "%Y%m%dT%H%M%S", &parts);
    const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
    std::snprintf(text + size, sizeof text - size, ".%03dZ", static_cast<int>(milliseconds % 1000));
    return text;
  }

  void write(std::string_view text) {
    std::size_t written = 0;
    while (written < text.size()) {
      const ssize_t now = ::write(file_, text.data() + written, text.size() - written);
      if (now < 0 && errno == EINTR) continue;
      if (now <= 0) {
        const int error = now < 0 ? errno : ENOSPC;
        if (written > 0 && ::ftruncate(file_, static_cast<off_t>(size_)) != 0) {
          ::close(std::exchange(file_, -1));  // opened anew, the part of a line is closed
        }
        fail(error, "cannot be written");
      }
      written += static_cast<std::size_t>(now);
    }
    size_ += text.size();
  }

  std::string path_;
  Rotation rotation_;
  std::string head_;
  int file_ = -1;
  std::uint64_t size_ = 0;
  Clock::time_point begun_{};
};

}  // namespace detail
}  // namespace stream_infer
