#include "stream_infer/exporter/json.hpp"

#include "support/catch.hpp"
#include "support/error_of.hpp"

#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace si = stream_infer;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using si::test::error_of;

namespace user {

struct Box {
  int x = 0, y = 0;
  std::string label{};
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Box, x, y, label)

struct Track {
  std::optional<Box> box{};
  std::vector<std::optional<double>> speeds{};
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Track, box, speeds)

struct Opaque {};

}  // namespace user

namespace {

template <class T>
std::string json_of(T value) {
  return si::to_stored(si::Record<T>{.time = 40ms, .frame_index = 1, .algo = si::Name{"a"}, .value = std::move(value)})
      .value;
}

}  // namespace

static_assert(si::JsonValue<int> && si::JsonValue<bool> && si::JsonValue<double> && si::JsonValue<std::string>);
static_assert(si::JsonValue<user::Box> && si::JsonValue<std::vector<user::Box>>);
static_assert(si::JsonValue<std::optional<user::Box>> && si::JsonValue<std::vector<std::optional<int>>>);
static_assert(si::JsonValue<std::variant<std::monostate, int, std::vector<user::Box>>>);
static_assert(!si::JsonValue<user::Opaque> && !si::JsonValue<std::vector<user::Opaque>>);
static_assert(!si::JsonValue<std::optional<user::Opaque>> && !si::JsonValue<std::variant<int, user::Opaque>>);
static_assert(!si::JsonValue<std::unique_ptr<user::Opaque>>);

TEST_CASE("Values become JSON as nlohmann-json makes it", "[exporter][json]") {
  CHECK(json_of(-7) == "-7");
  CHECK(json_of(std::numeric_limits<std::uint64_t>::max()) == "18446744073709551615");
  CHECK(json_of(0.5) == "0.5");
  CHECK(json_of(true) == "true");
  CHECK(json_of(std::string{"a \"b\"\n\xc3\xa9"}) == "\"a \\\"b\\\"\\n\xc3\xa9\"");
  CHECK(json_of(std::vector<double>{1, 0.25}) == "[1.0,0.25]");
  CHECK(json_of(std::map<std::string, int>{{"b", 2}, {"a", 1}}) == R"({"a":1,"b":2})");
  CHECK(json_of(std::pair<int, std::string>{1, "x"}) == R"([1,"x"])");
  CHECK(json_of(user::Box{3, 7, "head"}) == R"({"label":"head","x":3,"y":7})");
  CHECK(json_of(std::vector{user::Box{}}) == R"([{"label":"","x":0,"y":0}])");
}

TEST_CASE("Optionals and variants become what they hold", "[exporter][json]") {
  CHECK(json_of(std::optional<int>{}) == "null");
  CHECK(json_of(std::optional<int>{4}) == "4");
  CHECK(json_of(std::vector<std::optional<int>>{1, {}, 3}) == "[1,null,3]");
  CHECK(json_of(std::list<std::variant<int, std::string>>{1, "b"}) == R"([1,"b"])");
  CHECK(json_of(std::variant<std::monostate, user::Box>{}) == "null");
  CHECK(json_of(user::Track{{}, {1, {}}}) == R"({"box":null,"speeds":[1.0,null]})");
  CHECK(nlohmann::json::parse(R"({"box":{"label":"","x":3,"y":0},"speeds":[null]})").get<user::Track>().box->x == 3);
  CHECK(json_of(std::optional<std::variant<int, user::Box>>{user::Box{}}) == R"({"label":"","x":0,"y":0})");
}

TEST_CASE("A value that JSON cannot hold is an error that names the algorithm and the frame", "[exporter][json]") {
  const auto refused = [](auto value) {
    const si::Error error = error_of([&] { static_cast<void>(json_of(value)); });
    CHECK(error.code() == si::Errc::invalid_argument);
    CHECK(error.source() == "a");
    CHECK_THAT(error.what(), ContainsSubstring("frame 1 "));
    return error.reason();
  };
  CHECK_THAT(refused(std::nan("")), ContainsSubstring("not a number"));
  CHECK_THAT(refused(std::vector<double>{1, std::numeric_limits<double>::infinity()}),
             ContainsSubstring("value/1 is infinite"));
  CHECK_THAT(refused(std::map<std::string, std::optional<double>>{{"a", std::nan("")}}),
             ContainsSubstring("value/a is infinite, not a number"));
  CHECK_THAT(refused(std::string{"\xff\xfe"}), ContainsSubstring("value is text that is not UTF-8"));
  CHECK_THAT(refused(std::map<std::string, std::map<std::string, int>>{{"a", {{"\xff", 1}}}}),
             ContainsSubstring("value/a is text that is not UTF-8"));
  CHECK_THAT(refused(user::Box{1, 2, "\xc3"}), ContainsSubstring("value/label is text that is not UTF-8"));
}

TEST_CASE("A record as JSON has all that the schema names, in one line", "[exporter][json]") {
  const si::Record<user::Box> record{.time = 1s,
                                     .frame_index = 29,
                                     .algo = si::Name{"head \"1\"\n"},
                                     .value = {3, 7, "line\nbreak"},
                                     .epoch = 2,
                                     .source = {si::Name{"clips/\xff.mp4"}, si::WallTime{5ns}}};
  const si::StoredRecord stored = si::to_stored(record);
  const std::string text = si::to_json_text(stored);
  CHECK(text.find('\n') == std::string::npos);
  const nlohmann::json json = nlohmann::json::parse(text);
  CHECK(json.size() == 9);
  CHECK(json.at("schema") == 1);
  CHECK(json.at("key") == si::record_key(stored));
  CHECK(json.at("source") == "clips/\xef\xbf\xbd.mp4");  // a name of a file may be any bytes
  CHECK(json.at("began_at_ns") == 5);
  CHECK(json.at("epoch") == 2);
  CHECK(json.at("algorithm") == "head \"1\"\n");
  CHECK(json.at("frame_index") == 29);
  CHECK(json.at("time_ns") == 1'000'000'000);
  CHECK(json.at("value") == nlohmann::json(record.value));
}
