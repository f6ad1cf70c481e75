#include "support.hpp"

#include <ostream>

struct Box {
  int x;
#ifndef STREAM_INFER_EXPECT_FAILURE
  friend std::ostream& operator<<(std::ostream& out, const Box& box) { return out << box.x; }
#endif
};

struct FindBox {
  Box run(std::span<const si::Frame>) { return {1}; }
};

int main() {
  si::FrameTracker tracker;
  si::PrintExporter exporter;
  const si::Inference inference{tracker, exporter, si::load_algo("box", FindBox{}, si::Schedule{.interval = 1s})};
}
