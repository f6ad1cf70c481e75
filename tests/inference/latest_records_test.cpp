#include "stream_infer/inference/latest_records.hpp"

#include "support/catch.hpp"

#include <string>
#include <vector>

namespace si = stream_infer;

namespace {

template <class T>
si::Record<T> record(const std::string& name, std::uint64_t frame_index, T value) {
  return {.frame_index = frame_index, .algo = si::Name{name}, .value = value};
}

}  // namespace

TEST_CASE("the latest records are found by name and type, and by position") {
  si::LatestRecords<int, std::string, void, int> latest;
  CHECK(latest.find<int>("a") == nullptr);

  latest.set<0>(record("a", 1, 10));
  latest.set<0>(record("a", 2, 20));
  latest.set<1>(record("b", 3, std::string{"x"}));
  latest.set<3>(record("d", 4, 40));

  REQUIRE(latest.find<int>("a") != nullptr);
  CHECK(latest.find<int>("a")->value == 20);
  CHECK(latest.find<int>("d")->frame_index == 4);
  CHECK(latest.find<std::string>("b")->value == "x");
  CHECK(latest.find<std::string>("a") == nullptr);
  CHECK(latest.find<int>("nobody") == nullptr);
  REQUIRE(latest.get<0>().has_value());
  CHECK(latest.get<0>()->value == 20);
  CHECK_FALSE(latest.get<2>().has_value());
}

TEST_CASE("the latest records are visited in the order of loading, where there are any") {
  si::LatestRecords<int, std::string, void> latest;
  std::vector<std::string> names;
  const auto collect = [&names](const auto& r) { names.emplace_back(r.algo.view()); };
  latest.for_each(collect);
  CHECK(names.empty());

  latest.set<1>(record("second", 1, std::string{}));
  latest.set<0>(record("first", 2, 1));
  latest.for_each(collect);
  CHECK(names == std::vector<std::string>{"first", "second"});
}
