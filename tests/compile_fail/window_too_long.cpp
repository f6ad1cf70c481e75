#include "support.hpp"

int main() {
#ifdef STREAM_INFER_EXPECT_FAILURE
  si::FrameTracker<24> tracker;  // the window reaches over (5 - 1) * 6 + 1 = 25 frames
#else
  si::FrameTracker<25> tracker;
#endif
  si::MemoryExporter<int> exporter;
  const si::Inference inference{tracker, exporter,
                                si::load_algo<si::Sampling{.frame_count = 5, .frame_step = 6}>("count", Count{}, 1s)};
}
