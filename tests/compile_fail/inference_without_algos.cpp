#include "support.hpp"

int main() {
  si::FrameTracker tracker;
  si::MemoryExporter<int> exporter;
#ifdef STREAM_INFER_EXPECT_FAILURE
  const si::Inference inference{tracker, exporter};
#else
  const si::Inference inference{tracker, exporter, si::load_algo("count", Count{}, si::Schedule{})};
#endif
}
