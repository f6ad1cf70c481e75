#include "stream_infer/exporter/journal.hpp"

#include "support/catch.hpp"
#include "support/error_of.hpp"
#include "support/fault_row.hpp"
#include "support/files.hpp"
#include "support/full_disk.hpp"
#include "support/random.hpp"
#include "support/sanitizers.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

namespace si = stream_infer;
namespace test = stream_infer::test;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using si::detail::Journal;

namespace {

si::StoredRecord record(std::uint64_t index) {
  return {.source = {si::Name{"cam"}, si::WallTime{7ns}},
          .epoch = 3,
          .algorithm = si::Name{"count"},
          .frame_index = index,
          .time = index * 40ms,
          .value = std::to_string(index)};
}

std::vector<si::StoredRecord> records(std::uint64_t begin, std::uint64_t end) {
  std::vector<si::StoredRecord> made;
  for (std::uint64_t i = begin; i < end; ++i) made.push_back(record(i));
  return made;
}

std::vector<std::uint64_t> indices_in(Journal& journal) {
  std::vector<std::uint64_t> indices;
  for (const Journal::Entry& entry : journal.read(0, 100'000, SIZE_MAX)) {
    CHECK(si::to_json_text(entry.record) == si::to_json_text(record(entry.record.frame_index)));
    indices.push_back(entry.record.frame_index);
  }
  return indices;
}

/// The distance from one cut to the next: every byte with as many rounds().
std::size_t every(std::size_t bytes) {
  return std::max<std::size_t>(1, static_cast<std::size_t>(static_cast<double>(bytes) / test::rounds()));
}

/// Where the oldest entries are.
std::vector<Journal::Range> first(Journal& journal, std::size_t count) {
  const std::vector<Journal::Entry> entries = journal.read(0, count, SIZE_MAX);
  return {{entries.front().id, entries.back().id}};
}

}  // namespace

TEST_CASE("A journal gives back what it was given, the oldest first", "[exporter][journal]") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "journal";
  {
    Journal journal{path};
    CHECK(journal.size() == 0);
    journal.write({}, records(0, 5));
    CHECK(indices_in(journal) == std::vector<std::uint64_t>{0, 1, 2, 3, 4});
    CHECK(journal.bytes() > 0);
    journal.write(first(journal, 2), records(0, 0));
    CHECK(journal.size() == 3);
  }
  Journal journal{path};
  CHECK(journal.damaged().empty());
  CHECK(journal.size() == 3);
  journal.write({}, records(5, 6));
  CHECK(indices_in(journal) == std::vector<std::uint64_t>{2, 3, 4, 5});
  journal.write(first(journal, 3), records(6, 8));
  CHECK(indices_in(journal) == std::vector<std::uint64_t>{5, 6, 7});
  const std::int64_t next = journal.write(first(journal, 3), records(8, 9));
  CHECK(journal.size() == 1);
  CHECK(journal.read(next - 1, 1, 1).size() == 1);
  CHECK(journal.read(next, 1, 1).empty());
}

TEST_CASE("A journal is one program's", "[exporter][journal]") {
  const test::TemporaryFolder folder;
  const Journal journal{folder / "journal"};
  CHECK_THAT(test::error_of([&] { Journal{folder / "journal"}; }).what(),
             ContainsSubstring("ReliableOptions::journal is in use"));
  CHECK_THAT(test::error_of([&] { Journal{folder / "no/journal"}; }).what(), ContainsSubstring("unable to open"));
}

TEST_CASE("Neither somebody's text nor somebody's database becomes a journal", "[exporter][journal]") {
  const test::TemporaryFolder folder;
  const test::Bytes text(5000, 'x');
  const std::string path = folder.file("text", text);
  CHECK_THAT(test::error_of([&] { Journal{path}; }).what(), ContainsSubstring("this is no journal"));
  CHECK(test::read_file(path) == text);
  {
    si::detail::SqliteDatabase other{folder / "other"};
    other.run("CREATE TABLE results (key TEXT)");
    CHECK_THAT(test::error_of([&] { Journal{folder / "other"}; }).what(), ContainsSubstring("is in use"));
  }
  CHECK_THAT(test::error_of([&] { Journal{folder / "other"}; }).what(), ContainsSubstring("this is no journal"));
  si::detail::SqliteDatabase other{folder / "other"};
  CHECK_FALSE(other.next_row(*other.prepare("SELECT 1 FROM sqlite_master WHERE name = 'journal'")));
}

TEST_CASE("A journal that is no journal is put aside", "[exporter][journal]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("journal", test::Bytes(5000, 0xff));
  Journal journal{path};
  CHECK(journal.damaged() == path + ".damaged");
  CHECK(test::read_file(path + ".damaged").size() == 5000);
  journal.write({}, records(0, 2));
  CHECK(journal.size() == 2);
}

TEST_CASE("Of a journal that is cut off anywhere, what comes before is taken over", "[exporter][journal]") {
  test::FaultRow row{53, "a journal cut off anywhere", "Clean, prefix recovered"};
  const test::TemporaryFolder folder;
  const std::string whole = folder / "whole";
  constexpr std::uint64_t count = 300;
  {
    Journal journal{whole};
    for (std::uint64_t i = 0; i < count; i += 50) journal.write({}, records(i, i + 50));
  }
  const test::Bytes bytes = test::read_file(whole);
  REQUIRE(bytes.size() > 10'000);
  std::size_t most = 0;
  const std::size_t step = every(test::is_sanitized ? 1511 : 211);
  for (std::size_t less = 0; less <= bytes.size(); less += step) {
    const std::size_t size = bytes.size() - less;
    CAPTURE(size);
    const test::TemporaryFolder other;
    test::Bytes part = bytes;
    part.resize(size);
    Journal journal{other.file("journal", part)};
    const std::vector<std::uint64_t> found = indices_in(journal);
    CHECK(std::is_sorted(found.begin(), found.end()));
    CHECK(found.size() + 160 >= count * size / bytes.size());  // but for two pages or so
    most = std::max(most, found.size());
    journal.write({}, records(1000, 1001));
    CHECK(journal.size() == found.size() + 1);
  }
  CHECK(most > 100);
  row.happened("the damaged file is kept, up to " + std::to_string(most) +
               " of 300 records are taken over, and it goes on");
}

TEST_CASE("A journal that a program has stays its own, whoever else looks at it", "[exporter][journal]") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "journal";
  Journal journal{path};
  journal.write({}, records(0, 5));
  CHECK_THAT(test::error_of([&] { Journal{path}; }).what(), ContainsSubstring("is in use"));
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    try {
      Journal{path}.write({}, records(5, 10));
    } catch (const si::StoreError&) {
      ::_exit(7);
    }
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 7);
  CHECK(indices_in(journal).size() == 5);
}

TEST_CASE("A damaged journal that cannot be taken over for want of room waits until there is some",
          "[exporter][journal]") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "journal";
  { Journal{path}.write({}, records(0, 1000)); }
  test::Bytes bytes = test::read_file(path);
  bytes[bytes.size() / 2] ^= 1U;
  test::write_file(path, bytes);
  for (const rlim_t room : {rlim_t{1}, rlim_t{4096}, rlim_t{20'000}, rlim_t{40'000}}) {
    const test::FullDisk full{room};
    CAPTURE(room, test::error_of([&] { Journal{path}; }).what());
    CHECK(test::read_file(path) == bytes);
  }
  Journal journal{path};
  CHECK(test::read_file(journal.damaged()) == bytes);
  CHECK(indices_in(journal).size() > 900);
}

TEST_CASE("A journal that is deleted while it is open says so", "[exporter][journal]") {
  const test::TemporaryFolder folder;
  Journal journal{folder / "journal"};
  journal.write({}, records(0, 5));
  std::filesystem::remove(folder / "journal");
  CHECK_THAT(test::error_of([&] { journal.write({}, records(5, 6)); }).what(), ContainsSubstring("moved or deleted"));
}

TEST_CASE("A bit that has changed is found, and what is not damaged taken over", "[exporter][journal]") {
  const test::TemporaryFolder folder;
  const std::string whole = folder / "whole";
  { Journal{whole}.write({}, records(0, 300)); }
  const test::Bytes bytes = test::read_file(whole);
  test::for_random_cases(test::is_sanitized ? 10 : 100, [&](test::Random& random) {
    const test::TemporaryFolder other;
    test::Bytes flipped = bytes;
    const auto at = static_cast<std::size_t>(random.between(0, static_cast<int>(bytes.size()) - 1));
    CAPTURE(at);
    flipped[at] ^= static_cast<std::uint8_t>(1 << random.between(0, 7));
    Journal journal{other.file("journal", flipped)};
    const std::vector<std::uint64_t> found = indices_in(journal);  // which compares each with what it should be
    if (journal.damaged().empty())
      CHECK(found.size() == 300);
    else
      CHECK(test::read_file(journal.damaged()) == flipped);
  });
}

TEST_CASE("A taking over that was interrupted is finished", "[exporter][journal]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("journal", test::Bytes(5000, 0xff));
  { Journal{path + ".recovered"}.write({}, records(0, 7)); }
  {
    Journal journal{path};
    CHECK(journal.damaged() == path + ".damaged");
    CHECK(indices_in(journal).size() == 7);
    CHECK(test::read_file(path + ".damaged").size() == 5000);
  }
  std::filesystem::remove(path);
  { Journal{path + ".recovered"}.write({}, records(0, 3)); }
  Journal journal{path};  // the damaged one had been put aside already
  CHECK(indices_in(journal).size() == 3);
}

TEST_CASE("What was being written when a program was killed is there as a whole, or not at all",
          "[exporter][journal]") {
  const test::TemporaryFolder folder;
  const std::string live = folder / "live";
  Journal journal{live};
  for (std::uint64_t i = 0; i < 100; i += 10) journal.write({}, records(i, i + 10));
  // As it is on the disk now, with the log cut off anywhere.
  const test::Bytes main = test::read_file(live), log = test::read_file(live + "-wal");
  REQUIRE(log.size() > 10'000);
  std::size_t most = 0;
  const std::size_t step = every(test::is_sanitized ? 6007 : 1601);
  for (std::size_t less = 0; less <= log.size(); less += step) {
    const std::size_t size = log.size() - less;
    CAPTURE(size);
    const test::TemporaryFolder other;
    test::Bytes part = log;
    part.resize(size);
    static_cast<void>(other.file("journal-wal", part));
    Journal killed{other.file("journal", main)};
    const std::vector<std::uint64_t> found = indices_in(killed);
    CHECK(found.size() % 10 == 0);
    for (std::size_t i = 0; i < found.size(); ++i) REQUIRE(found[i] == i);
    most = std::max(most, found.size());
  }
  CHECK(most == 100);
}
