#include "stream_infer/exporter/print_exporter.hpp"

#include "stream_infer/exporter/exporter.hpp"
#include "support/catch.hpp"

#include <array>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <ostream>
#include <sstream>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

namespace si = stream_infer;
using namespace std::chrono_literals;

namespace {

struct Box {
  int x, y, width, height;
  friend std::ostream& operator<<(std::ostream& out, const Box& box) {
    return out << box.width << " x " << box.height << " at " << box.x << ',' << box.y;
  }
};
struct Silent {};

template <class T>
std::string printed(const T& value) {
  std::ostringstream out;
  si::PrintExporter exporter{out};
  exporter.collect(si::Record<T>{.time = 1s, .frame_index = 29, .algo = si::Name{"head"}, .value = value});
  const std::string prefix = "00:00:01.000  frame 29  head: ";
  REQUIRE(out.str().substr(0, prefix.size()) == prefix);
  REQUIRE(out.str().back() == '\n');
  return out.str().substr(prefix.size(), out.str().size() - prefix.size() - 1);
}

}  // namespace

static_assert(si::Printable<int> && si::Printable<std::string> && si::Printable<Box> && si::Printable<bool>);
static_assert(si::Printable<std::vector<Box>> && si::Printable<std::vector<std::vector<double>>>);
static_assert(si::Printable<std::optional<Box>> && si::Printable<std::pair<int, Box>>);
static_assert(si::Printable<std::tuple<>> && si::Printable<std::variant<int, Box>>);
static_assert(si::Printable<std::map<std::string, std::vector<Box>>>);
static_assert(!si::Printable<Silent> && !si::Printable<std::vector<Silent>>);
static_assert(!si::Printable<std::optional<Silent>> && !si::Printable<std::pair<int, Silent>>);
static_assert(!si::Printable<std::tuple<int, Silent>> && !si::Printable<std::variant<int, Silent>>);

static_assert(si::Exporter<si::PrintExporter, int, std::string, std::vector<Box>>);
static_assert(!si::Exporter<si::PrintExporter, Silent>);
static_assert(si::detail::CollectsErrors<si::PrintExporter> && si::detail::SendsAll<si::PrintExporter>);

TEST_CASE("Values of all kinds are printed", "[print_exporter]") {
  CHECK(printed(42) == "42");
  CHECK(printed(0.5) == "0.5");
  CHECK(printed(std::string{"two words"}) == "two words");
  CHECK(printed(std::string_view{"view"}) == "view");
  CHECK(printed('x') == "x");
  CHECK(printed(true) == "true");
  CHECK(printed(false) == "false");
  CHECK(printed(std::uint8_t{65}) == "65");  // a number, not a letter
  CHECK(printed(std::int8_t{-1}) == "-1");
  CHECK(printed(std::uint64_t{1} << 63) == "9223372036854775808");
  CHECK(printed(Box{3, 7, 12, 40}) == "12 x 40 at 3,7");
}

TEST_CASE("Ranges, optionals, variants, pairs and tuples of printable values are printed", "[print_exporter]") {
  CHECK(printed(std::vector<Box>{{3, 7, 12, 40}, {0, 0, 1, 1}}) == "[12 x 40 at 3,7, 1 x 1 at 0,0]");
  CHECK(printed(std::vector<int>{}) == "[]");
  CHECK(printed(std::vector<bool>{true, false}) == "[true, false]");
  CHECK(printed(std::vector<std::uint8_t>{0, 255}) == "[0, 255]");
  CHECK(printed(std::array<std::array<int, 2>, 2>{{{1, 2}, {3, 4}}}) == "[[1, 2], [3, 4]]");
  CHECK(printed(std::list<std::string>{"a", "b"}) == "[a, b]");
  CHECK(printed(std::map<std::string, int>{{"a", 1}, {"b", 2}}) == "[(a, 1), (b, 2)]");
  CHECK(printed(std::optional<int>{7}) == "7");
  CHECK(printed(std::optional<int>{}) == "none");
  CHECK(printed(std::variant<int, std::string>{"text"}) == "text");
  CHECK(printed(std::pair{1, std::string{"one"}}) == "(1, one)");
  CHECK(printed(std::tuple{1, 2.5, std::vector{3}}) == "(1, 2.5, [3])");
  CHECK(printed(std::tuple<>{}) == "()");
}

TEST_CASE("Each record is a line with its time, frame and algorithm, and so is each error", "[print_exporter]") {
  std::ostringstream out;
  si::PrintExporter exporter{out};
  exporter.collect(si::Record<int>{.time = 1h + 59'999'999us, .frame_index = 0, .algo = si::Name{"a"}, .value = 1});
  exporter.on_error({.time = 2s, .frame_index = 7, .algo = si::Name{"b"}, .message = "no model"});
  exporter.send();
  exporter.send_all();
  CHECK(out.str() == "01:00:59.999  frame 0  a: 1\n00:00:02.000  frame 7  b: failed: no model\n");
}
