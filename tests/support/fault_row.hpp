#pragma once

#include <chrono>
#include <string>

namespace stream_infer::test {

/// A row of the table of faults that tests/run.sh prints: what goes wrong in the field (by its number), how a test made it
/// happen, what is required then, and what happened. Written when this goes; the test that does not get to its end says so.
class FaultRow {
 public:
  FaultRow(int number, std::string done, std::string required);
  FaultRow(const FaultRow&) = delete;
  FaultRow& operator=(const FaultRow&) = delete;
  ~FaultRow();

  void happened(std::string what) { happened_ = std::move(what); }

 private:
  int number_;
  std::string done_, required_, happened_ = "THE TEST DID NOT GET TO ITS END";
};

/// "12.3 ms"
[[nodiscard]] std::string milliseconds(std::chrono::nanoseconds time);

}  // namespace stream_infer::test
