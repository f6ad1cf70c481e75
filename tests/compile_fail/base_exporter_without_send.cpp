#include "stream_infer/exporter/base_exporter.hpp"

namespace si = stream_infer;

struct Outbox : si::BaseExporter<Outbox, int, double> {
  void send(const si::Record<int>&) {}
#ifndef STREAM_INFER_EXPECT_FAILURE
  void send(const si::Record<double>&) {}
#endif
};

int main() {
  const Outbox exporter;
  return static_cast<int>(exporter.dropped());
}
