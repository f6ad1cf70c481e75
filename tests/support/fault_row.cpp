#include "support/fault_row.hpp"

#include <cstdio>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace stream_infer::test {

FaultRow::FaultRow(int number, std::string done, std::string required)
    : number_{number}, done_{std::move(done)}, required_{std::move(required)} {}

FaultRow::~FaultRow() {
  const std::string line =
      "| " + std::to_string(number_) + " | " + done_ + " | " + required_ + " | " + happened_ + " |\n";
  const int file = ::open(STREAM_INFER_FAULT_TABLE, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0 || ::write(file, line.data(), line.size()) < 0)  // in one piece: other tests write too
    std::fprintf(stderr, "cannot write to %s\n%s", STREAM_INFER_FAULT_TABLE, line.c_str());
  if (file >= 0) ::close(file);
}

std::string milliseconds(std::chrono::nanoseconds time) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f ms", static_cast<double>(time.count()) / 1e6);
  return text;
}

}  // namespace stream_infer::test
