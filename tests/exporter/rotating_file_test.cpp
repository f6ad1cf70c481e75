#include "stream_infer/exporter/rotating_file.hpp"

#include "support/catch.hpp"
#include "support/error_of.hpp"
#include "support/fault_row.hpp"
#include "support/files.hpp"
#include "support/full_disk.hpp"
#include "support/process.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <sys/resource.h>

namespace si = stream_infer;
namespace test = stream_infer::test;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using si::detail::RotatingFile;

namespace {

std::string text_of(const std::string& path) {
  const test::Bytes bytes = test::read_file(path);
  return {bytes.begin(), bytes.end()};
}

test::Bytes bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

/// All files of a folder, put together in the order of their names, the one that grows last.
std::vector<std::string> files_in(const std::string& folder, const std::string& growing) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator{folder})
    if (entry.path().filename() != growing) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  names.push_back(growing);
  return names;
}

}  // namespace

TEST_CASE("Lines are in the file when they have been appended", "[exporter][file]") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "a.txt";
  {
    RotatingFile file{path, {}, "head\n"};
    file.append("1\n");
    CHECK(text_of(path) == "head\n1\n");
    RotatingFile moved{std::move(file)};
    moved.append("2\n3\n");
  }
  RotatingFile{path, {}, "head\n"}.append("4\n");  // continued, with one head
  CHECK(text_of(path) == "head\n1\n2\n3\n4\n");
}

TEST_CASE("A line that was cut off stays by itself", "[exporter][file]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.txt", bytes_of("1\n2, and th"));
  RotatingFile{path, {}, ""}.append("3\n");
  CHECK(text_of(path) == "1\n2, and th\n3\n");
  const std::string quoted = folder.file("b.csv", bytes_of("a,b\n1,\"in quotes,"));
  RotatingFile{quoted, {}, ""}.append("2,3\n");
  CHECK(text_of(quoted) == "a,b\n1,\"in quotes,\"\n2,3\n");
  const std::string large = folder.file("c", test::Bytes(10'000, 'x'));
  RotatingFile{large, {}, "head\n"}.append("1\n");
  CHECK(text_of(large) == std::string(10'000, 'x') + "\n1\n");
}

TEST_CASE("A file that would become too large is put aside", "[exporter][file]") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "a.b.txt";
  {
    RotatingFile file{path, {.bytes = 10}, "h\n"};
    for (const char* const line : {"1234\n", "56\n", "7\n", "12345678901234567890\n", "8\n"}) file.append(line);
  }
  const std::vector<std::string> names = files_in(folder / "", "a.b.txt");
  REQUIRE(names.size() == 4);
  std::vector<std::string> texts;
  for (const std::string& name : names) texts.push_back(text_of(folder / name));
  CHECK(texts == std::vector<std::string>{"h\n1234\n56\n", "h\n7\n", "h\n12345678901234567890\n", "h\n8\n"});
  CHECK(names[0].size() == std::string_view{"a.b.20260131T120000.000Z.txt"}.size());
  CHECK_THAT(names[0], ContainsSubstring("Z.txt"));
}

TEST_CASE("A file that has become old is put aside when there is more to write", "[exporter][file]") {
  const test::TemporaryFolder folder;
  RotatingFile file{folder / "a", {.age = 30ms}, ""};
  file.append("1\n");
  std::this_thread::sleep_for(40ms);
  CHECK(files_in(folder / "", "a").size() == 1);
  file.append("2\n");
  CHECK(files_in(folder / "", "a").size() == 2);
  CHECK(text_of(folder / "a") == "2\n");
}

TEST_CASE("A file that somebody deletes or moves is begun anew", "[exporter][file]") {
  for (const std::uint64_t bytes : {std::uint64_t{0}, std::uint64_t{4}}) {
    const test::TemporaryFolder folder;
    const std::string path = folder / "a.txt";
    RotatingFile file{path, {.bytes = bytes}, "h\n"};
    file.append("1\n");
    std::filesystem::remove(path);
    file.append("2\n");
    CHECK(text_of(path) == "h\n2\n");
    std::filesystem::rename(path, folder / "b.txt");
    file.append("3\n");
    if (bytes == 0)
      CHECK(text_of(folder / "b.txt") == "h\n2\n3\n");  // as it is with logs that are put aside
    else
      CHECK(text_of(path) == "h\n3\n");
  }
}

TEST_CASE("On a full disk no part of a line stays behind, and writing goes on when there is room", "[exporter][file]") {
  test::FaultRow row{52, "a disk that is full in the midst of a line", "stated policy, Clean"};
  const test::TemporaryFolder folder;
  const std::string path = folder / "a.txt";
  RotatingFile file{path, {}, ""};
  file.append("12345\n");
  {
    const test::FullDisk full{9};
    const si::Error error = test::error_of([&] { file.append("abcdef\n"); });
    CHECK(error.step() == "export");
    CHECK(error.source() == path);
    CHECK_THAT(error.what(), ContainsSubstring("cannot be written: "));
    CHECK(text_of(path) == "12345\n");
    file.append("ab\n");
  }
  file.append("abcdef\n");
  CHECK(text_of(path) == "12345\nab\nabcdef\n");
  row.happened("an Error, no part of a line left behind; later lines are written");
}

TEST_CASE("Two that write to one file leave each other's lines alone", "[exporter][file]") {
  const test::TemporaryFolder folder;
  RotatingFile first{folder / "a", {}, "h\n"}, second{folder / "a", {}, "h\n"};
  for (int i = 0; i < 10; ++i) first.append("first\n");
  {
    const test::FullDisk full{64};
    CHECK_THROWS_AS(second.append("second\n"), si::StoreError);
  }
  CHECK(text_of(folder / "a").size() == 62);
}

TEST_CASE("A file that is begun on a full disk gets its head later", "[exporter][file]") {
  const test::TemporaryFolder folder;
  RotatingFile file{folder / "a", {.bytes = 10}, "head\n"};
  file.append("12345\n");
  {
    const test::FullDisk full{2};
    CHECK_THROWS_AS(file.append("67890\n"), si::StoreError);
  }
  file.append("67890\n");
  CHECK(text_of(folder / "a") == "head\n67890\n");
}

TEST_CASE("An error keeps no descriptor", "[exporter][file]") {
  const test::TemporaryFolder folder;
  const std::size_t before = test::count_descriptors();
  const test::FullDisk full{2};
  for (int i = 0; i < 10; ++i) CHECK_THROWS_AS((RotatingFile{folder / "a", {}, "head\n"}), si::StoreError);
  CHECK(test::count_descriptors() == before);
}

TEST_CASE("A file that cannot be opened is an error that says why", "[exporter][file]") {
  const test::TemporaryFolder folder;
  const auto reason = [](const std::string& path) {
    return test::error_of([&] { RotatingFile{path, {}, ""}; }).reason();
  };
  CHECK_THAT(reason(folder / "no/a.txt"), ContainsSubstring("No such file"));
  CHECK_THAT(reason(folder / ""), ContainsSubstring("directory"));
  CHECK_THAT(test::error_of([] {
               RotatingFile{"/dev/full", {}, ""}.append("1\n");
             }).reason(),
             ContainsSubstring("No space"));
}
