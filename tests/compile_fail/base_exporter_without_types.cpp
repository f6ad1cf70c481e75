#include "stream_infer/exporter/base_exporter.hpp"

namespace si = stream_infer;

#ifdef STREAM_INFER_EXPECT_FAILURE
struct Outbox : si::BaseExporter<Outbox> {
#else
struct Outbox : si::BaseExporter<Outbox, int> {
#endif
  void send(const si::Record<int>&) {}
};

int main() {
  const Outbox exporter;
  return static_cast<int>(exporter.dropped());
}
