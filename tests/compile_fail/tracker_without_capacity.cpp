#include "stream_infer/tracker/frame_tracker.hpp"

int main() {
#ifdef STREAM_INFER_EXPECT_FAILURE
  stream_infer::FrameTracker<0> tracker;
#else
  stream_infer::FrameTracker<1> tracker;
#endif
  return static_cast<int>(tracker.size());
}
