// An optional part: it brings what it needs.
#include <stream_infer/exporter/sqlite_exporter.hpp>

#include <chrono>

namespace si = stream_infer;
using namespace std::chrono_literals;

int main() {
  si::SqliteExporter exporter{":memory:"};
  exporter.collect(si::Record<int>{.time = 1s, .frame_index = 24, .algo = si::Name{"count"}, .value = 3});
}
