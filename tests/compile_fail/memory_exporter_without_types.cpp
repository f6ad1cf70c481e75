#include "support.hpp"

int main() {
#ifdef STREAM_INFER_EXPECT_FAILURE
  const si::MemoryExporter<> exporter;
#else
  const si::MemoryExporter<int> exporter;
#endif
  return static_cast<int>(exporter.dropped());
}
