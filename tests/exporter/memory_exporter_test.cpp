#include "stream_infer/exporter/memory_exporter.hpp"

#include "stream_infer/exporter/exporter.hpp"
#include "support/catch.hpp"

#include <cstddef>
#include <string>
#include <thread>
#include <type_traits>
#include <variant>
#include <vector>

namespace si = stream_infer;

static_assert(si::Exporter<si::MemoryExporter<int>, int>);
static_assert(!si::Exporter<si::MemoryExporter<int>, double>);  // no silent conversion
static_assert(!si::Exporter<si::MemoryExporter<double>, int>);
static_assert(si::Exporter<si::MemoryExporter<int, std::string>, std::string, int>);
static_assert(!si::Exporter<si::MemoryExporter<int, std::string>, std::string, double>);
static_assert(std::is_same_v<si::MemoryExporter<int>::AnyRecord, si::Record<int>>);
static_assert(
    std::is_same_v<si::MemoryExporter<int, char>::AnyRecord, std::variant<si::Record<int>, si::Record<char>>>);

namespace {

si::Record<int> record(int value) { return {.algo = si::Name{"count"}, .value = value}; }

std::vector<int> values(const si::MemoryExporter<int>& exporter) {
  std::vector<int> out;
  for (const si::Record<int>& one : exporter.results()) out.push_back(one.value);
  return out;
}

}  // namespace

TEST_CASE("The latest records are kept in the order of their collection", "[memory_exporter]") {
  si::MemoryExporter<int> exporter{3};
  CHECK(values(exporter).empty());
  for (const int i : {1, 2, 3}) exporter.collect(record(i));
  CHECK(values(exporter) == std::vector{1, 2, 3});
  CHECK(exporter.dropped() == 0);
  for (const int i : {4, 5, 6, 7}) exporter.collect(record(i));
  CHECK(values(exporter) == std::vector{5, 6, 7});
  CHECK(exporter.dropped() == 4);

  exporter.clear();
  CHECK(values(exporter).empty());
  for (const int i : {8, 9}) exporter.collect(record(i));
  CHECK(values(exporter) == std::vector{8, 9});
}

TEST_CASE("A capacity of 0 keeps one record in memory", "[memory_exporter]") {
  si::MemoryExporter<int> exporter{0};
  for (const int i : {1, 2}) exporter.collect(record(i));
  CHECK(values(exporter) == std::vector{2});
  CHECK(exporter.dropped() == 1);
}

TEST_CASE("Records of several types are variants", "[memory_exporter]") {
  si::MemoryExporter<int, std::string> exporter;
  exporter.collect(record(1));
  exporter.collect(si::Record<std::string>{.value = "two"});
  const auto results = exporter.results();
  REQUIRE(results.size() == 2);
  CHECK(std::get<si::Record<int>>(results[0]).value == 1);
  CHECK(std::get<si::Record<std::string>>(results[1]).value == "two");
}

TEST_CASE("Any thread may collect and look at the same time", "[memory_exporter]") {
  si::MemoryExporter<int> exporter{100};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t)
    threads.emplace_back([&exporter] {
      for (int i = 0; i < 1000; ++i) {
        exporter.collect(record(i));
        if (i % 50 == 0) static_cast<void>(exporter.results().size() + exporter.dropped());
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(exporter.results().size() == 100);
  CHECK(exporter.dropped() == 2900);
}
