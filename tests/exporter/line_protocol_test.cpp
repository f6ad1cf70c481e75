#include "stream_infer/exporter/line_protocol.hpp"

#include "support/catch.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace si = stream_infer;
using namespace std::chrono_literals;

namespace line_protocol_test {

struct Box {
  int x = 0;
  double score = 0;
  std::string label{};
  std::optional<bool> seen{};
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Box, x, score, label, seen)

struct Best {
  Box box{};
  std::vector<int> others{};
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Best, box, others)

}  // namespace line_protocol_test

namespace {

using line_protocol_test::Best;

/// The fields that a value becomes.
template <class T>
std::string fields(const T& value) {
  const si::Record<T> record{.algo = si::Name{"a"}, .value = value, .source = {si::Name{"s"}, {}}};
  const std::string line = si::to_line(si::to_stored(record), "a");
  const std::string before = "frame_index=0i";
  const std::size_t from = line.find(before) + before.size();
  return line.substr(from, line.rfind(' ') - from);
}

}  // namespace

TEST_CASE("A record is a line with measurement, tags, fields and time", "[exporter][line_protocol]") {
  const si::Record<int> record{.time = 1500ns,
                               .frame_index = 3,
                               .algo = si::Name{"head, count"},
                               .value = -2,
                               .epoch = 4,
                               .source = {si::Name{"C:\\my=clip\n.mp4\\"}, si::WallTime{2s}}};
  const si::StoredRecord stored = si::to_stored(record);
  CHECK(si::to_line(stored, "all results") ==
        "all\\ results,algorithm=head\\,\\ count,source=C:/my\\=clip_.mp4/ key=\"" + si::record_key(stored) +
            "\",began_at_ns=2000000000i,epoch=4i,frame_index=3i,value=-2i 2000001500\n");
  CHECK(si::to_line(si::to_stored(si::Record<int>{.algo = si::Name{"a"}, .value = 0}), "m")
            .starts_with("m,algorithm=a key="));
}

TEST_CASE("A value becomes fields by its type", "[exporter][line_protocol]") {
  CHECK(fields(7) == ",value=7i");
  CHECK(fields(std::uint64_t{9'223'372'036'854'775'807U}) == ",value=9223372036854775807i");
  CHECK(fields(std::uint64_t{1} << 63U) == ",value=9.223372036854776e+18");
  CHECK(fields(2.0) == ",value=2.0");
  CHECK(fields(1e-300) == ",value=1e-300");
  CHECK(fields(true) == ",value=true");
  CHECK(fields(std::string{"\"a\\b\""}) == ",value=\"\\\"a\\\\b\\\"\"");
  CHECK(fields(std::vector<std::string>{"a", "\""}) == ",value=\"[\\\"a\\\",\\\"\\\\\\\"\\\"]\"");
  CHECK(fields(std::optional<int>{}).empty());
  CHECK(fields(std::variant<int, std::string>{"x"}) == ",value=\"x\"");
  Best best;
  best.box = {1, 0.5, "a b", {}};
  best.others = {2};
  CHECK(fields(best) == ",value_box_label=\"a b\",value_box_score=0.5,value_box_x=1i,value_others=\"[2]\"");
}
