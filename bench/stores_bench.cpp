// stores_bench [RECORDS [RUNS]]: how long collect() takes while the store is down, and records a second from the first
// collect() until the last is in SQLite, beside a plain loop that inserts the same rows in the same batches.
#include <stream_infer/exporter/reliable.hpp>
#include <stream_infer/exporter/sqlite_exporter.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <span>
#include <string>
#include <system_error>
#include <vector>

namespace si = stream_infer;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::size_t batch = 500;

si::Record<double> record(std::uint64_t index) {
  static const si::SourceId source{si::Name{"rtsp://***@camera/1"}, si::WallTime{1ns}};
  static const si::Name name{"brightness"};
  return {.time = index * 40ms,
          .frame_index = index,
          .algo = name,
          .value = 0.5 * static_cast<double>(index),
          .source = source};
}

struct Down {
  void write(std::span<const si::StoredRecord>) {
    throw si::StoreError{si::StoreError::Kind::retry, std::make_error_code(std::errc::connection_refused), "down",
                         "down"};
  }
};

template <class Work>
double seconds(Work work) {
  const auto begin = Clock::now();
  work();
  return std::chrono::duration<double>{Clock::now() - begin}.count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t records = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 100'000;
  const int runs = argc > 2 ? std::atoi(argv[2]) : 5;
  const std::filesystem::path folder = std::filesystem::temp_directory_path() / "stream_infer_stores_bench";
  const auto fresh = [&] {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directory(folder);
    return folder.string() + "/";
  };

  std::vector<std::int64_t> took;
  {
    auto exporter = si::reliable(Down{}, {.journal = fresh() + "journal", .end_within = 0s});
    for (std::uint64_t i = 0; i < records; ++i) {
      const si::Record<double> next = record(i);
      const auto begin = Clock::now();
      exporter.collect(next);
      took.push_back(std::chrono::nanoseconds{Clock::now() - begin}.count());
    }
  }
  std::sort(took.begin(), took.end());
  std::printf("collect() with the store down: median %lld ns, 99 %% %lld ns, longest %lld ns\n",
              static_cast<long long>(took[took.size() / 2]), static_cast<long long>(took[took.size() * 99 / 100]),
              static_cast<long long>(took.back()));

  std::vector<double> ours, theirs;
  for (int run = 0; run < runs; ++run) {
    ours.push_back(seconds([&] {
      const std::string path = fresh();
      auto exporter = si::reliable(si::SqliteExporter{path + "a.db"}, {.journal = path + "journal", .batch = batch});
      for (std::uint64_t i = 0; i < records; ++i) exporter.collect(record(i));
      if (!exporter.flush(10min)) std::abort();
    }));
    theirs.push_back(seconds([&] {
      si::SqliteExporter plain{fresh() + "a.db"};
      std::vector<si::StoredRecord> rows;
      for (std::uint64_t i = 0; i < records; ++i) {
        rows.push_back(si::to_stored(record(i)));
        if (rows.size() < batch && i + 1 < records) continue;
        plain.write(rows);
        rows.clear();
      }
    }));
  }
  const double rate = static_cast<double>(records) / median(ours),
               plain = static_cast<double>(records) / median(theirs);
  std::printf("into SQLite: reliable %.0f records a second, a plain loop %.0f: %.2f of it\n", rate, plain,
              rate / plain);
  std::filesystem::remove_all(folder);
}
