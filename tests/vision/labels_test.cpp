#include "stream_infer/vision/labels.hpp"

#include "support/catch.hpp"
#include "support/error_of.hpp"
#include "support/files.hpp"

#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace si = stream_infer;
namespace test = stream_infer::test;
using Catch::Matchers::ContainsSubstring;

namespace {

std::string write(const test::TemporaryFolder& folder, std::string_view text) {
  return folder.file("labels.txt", test::Bytes{text.begin(), text.end()});
}

}  // namespace

TEST_CASE("Labels are the lines of a file, in their order", "[labels]") {
  const test::TemporaryFolder folder;
  const std::vector<std::string> expected{"person", "traffic light", "", "car"};
  CHECK(si::read_labels(write(folder, "person\ntraffic light\n\ncar\n")) == expected);
  CHECK(si::read_labels(write(folder, "person\ntraffic light\n\ncar")) == expected);
  CHECK(si::read_labels(write(folder, "person\r\ntraffic light\r\n\r\ncar\r\n\r\n\n")) == expected);
}

TEST_CASE("A file of labels that is not there, or has none, is an error", "[labels]") {
  const test::TemporaryFolder folder;
  const si::Error missing = test::error_of([&] { static_cast<void>(si::read_labels(folder / "none.txt")); });
  CHECK(missing.code() == std::errc::no_such_file_or_directory);
  CHECK(missing.source() == folder / "none.txt");
  CHECK_THAT(missing.what(), ContainsSubstring("labels"));
  for (const std::string_view text : {"", "\n\r\n"})
    CHECK_THAT(test::error_of([&] { static_cast<void>(si::read_labels(write(folder, text))); }).what(),
               ContainsSubstring("expected a label in each line, found none"));
}
