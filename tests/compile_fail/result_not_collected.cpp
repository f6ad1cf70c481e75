#include "support.hpp"

int main() {
  si::FrameTracker tracker;
#ifdef STREAM_INFER_EXPECT_FAILURE
  si::MemoryExporter<double> exporter;  // run() returns an int
#else
  si::MemoryExporter<int> exporter;
#endif
  const si::Inference inference{tracker, exporter, si::load_algo("count", Count{}, si::Schedule{.interval = 1s})};
}
