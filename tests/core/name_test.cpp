#include "stream_infer/core/name.hpp"

#include "support/catch.hpp"

#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <type_traits>

using stream_infer::Name;

static_assert(std::is_convertible_v<Name, std::string_view>);
static_assert(!std::is_convertible_v<std::string, Name>);  // it allocates: only where somebody says so

TEST_CASE("A Name is its text", "[name]") {
  const Name name{"head"};
  CHECK(name.view() == "head");
  CHECK(name == "head");
  CHECK("head" == name);
  CHECK(name != "tail");
  CHECK(name == std::string{"head"});
  CHECK(name == Name{"head"});  // equal text, whoever owns it
  CHECK(name != Name{"tail"});
  const std::string_view view = name;
  CHECK(view == "head");
  std::ostringstream out;
  out << name;
  CHECK(out.str() == "head");
}

TEST_CASE("A Name without text is empty", "[name]") {
  CHECK(Name{}.view().empty());
  CHECK(Name{} == "");
  CHECK(Name{} == Name{""});
}

TEST_CASE("Copies share the text and outlive the original", "[name]") {
  std::optional<Name> original{std::in_place, "a name that is longer than any small string buffer"};
  const Name copy = *original;
  CHECK(copy.view().data() == original->view().data());
  original.reset();
  CHECK(copy == "a name that is longer than any small string buffer");
}
