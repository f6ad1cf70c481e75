#pragma once

#include "stream_infer/core/descriptor.hpp"
#include "stream_infer/core/media_time.hpp"
#include "stream_infer/core/min_max.hpp"
#include "stream_infer/exporter/record_store.hpp"

#include <algorithm>
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
  MediaTime age{0};         ///< at the first record that comes so long after the file was opened; 0: whatever its age
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
  RotatingFile(RotatingFile&&) = default;
  RotatingFile& operator=(RotatingFile&&) = delete;
  ~RotatingFile() = default;

  /// Appends lines, which end with '\n'. All of them are in the file when it returns, or none. \throws StoreError
  void append(std::string_view lines) {
    if (!file_ || is_deleted()) open();
    if (is_due(lines.size())) rotate();
    write(lines);
  }

  /// Returns when what was appended survives a loss of power. \throws StoreError
  void sync() {
    if (file_ && ::fsync(file_.get()) != 0 && errno != EINVAL) fail(errno, "cannot be written");  // a pipe has no disk
  }

 private:
  using Clock = std::chrono::system_clock;

  [[noreturn]] void fail(int error, std::string_view what) const {
    throw StoreError{StoreError::Kind::retry, std::error_code{error, std::generic_category()}, path_,
                     std::string{what} + ": " + std::generic_category().message(error)};
  }

  void open() try {
    file_ = Descriptor{::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644)};
    if (!file_) fail(errno, "cannot be opened");
    begun_ = Clock::now();
    update_size();
    if (const std::string last = last_line(); !last.empty()) {
      // Whoever wrote it was killed in the midst of a line, which stays by itself; also where it is CSV, within quotes.
      write(std::count(last.begin(), last.end(), '"') % 2 == 0 ? "\n" : "\"\n");
    }
    if (size_ == 0) write(head_);
  } catch (...) {
    file_ = {};
    throw;
  }

  [[nodiscard]] bool is_deleted() const {
    struct stat status {};
    return ::fstat(file_.get(), &status) == 0 && status.st_nlink == 0;
  }

  void update_size() {
    struct stat status {};
    if (::fstat(file_.get(), &status) != 0) fail(errno, "cannot be opened");
    size_ = S_ISREG(status.st_mode) ? static_cast<std::uint64_t>(status.st_size) : 0;
  }

  /// What there is behind the last '\n'.
  [[nodiscard]] std::string last_line() const {
    std::string line;
    while (line.size() < size_) {
      char part[4096];
      const std::uint64_t end = size_ - line.size(), begin = end - detail::min<std::uint64_t>(end, sizeof part);
      const ssize_t got = ::pread(file_.get(), part, end - begin, static_cast<off_t>(begin));
      if (got <= 0) break;
      line.insert(0, part, static_cast<std::size_t>(got));
      if (const std::size_t newline = line.rfind('\n'); newline != std::string::npos) return line.substr(newline + 1);
    }
    return line;
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
      if (::link(path_.c_str(), aside.c_str()) == 0) {  // never over another file, as a rename would
        if (::unlink(path_.c_str()) != 0) fail(errno, "cannot be put aside");
        break;
      }
      if (errno == EEXIST) continue;
      if (errno == ENOENT) break;  // somebody else has put it aside
      const int error = errno;
      const bool has_no_links = error == EPERM || error == ENOTSUP || error == ENOSYS;  // as FAT
      if (!has_no_links) fail(error, "cannot be put aside as " + aside.string());
      if (::access(aside.c_str(), F_OK) == 0) continue;
      if (::rename(path_.c_str(), aside.c_str()) != 0) fail(errno, "cannot be put aside as " + aside.string());
      break;
    }
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
    update_size();  // somebody else may write to it, too
    std::size_t written = 0;
    while (written < text.size()) {
      const ssize_t now = ::write(file_.get(), text.data() + written, text.size() - written);
      if (now < 0 && errno == EINTR) continue;
      if (now <= 0) {
        const int error = now < 0 ? errno : ENOSPC;
        const off_t end = ::lseek(file_.get(), 0, SEEK_CUR), begin = end - static_cast<off_t>(written);
        const bool is_alone = begin == static_cast<off_t>(size_);  // else a line of somebody else's would be cut off
        if (written > 0 && (!is_alone || ::ftruncate(file_.get(), begin) != 0))
          file_ = {};  // opened anew, the part of a line is closed
        fail(error, "cannot be written");
      }
      written += static_cast<std::size_t>(now);
    }
    size_ += text.size();
  }

  std::string path_;
  Rotation rotation_;
  std::string head_;
  Descriptor file_;
  std::uint64_t size_ = 0;
  Clock::time_point begun_{};
};

}  // namespace detail
}  // namespace stream_infer
