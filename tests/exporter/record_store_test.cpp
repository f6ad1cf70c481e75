#include "stream_infer/exporter/record_store.hpp"

#include "stream_infer/exporter/csv_exporter.hpp"
#include "stream_infer/exporter/exporter.hpp"
#include "stream_infer/exporter/jsonl_exporter.hpp"
#include "stream_infer/exporter/sqlite_exporter.hpp"
#include "support/catch.hpp"

#include <chrono>
#include <string>
#include <system_error>
#include <type_traits>

namespace si = stream_infer;
using namespace std::chrono_literals;

namespace {

struct Opaque {};

template <class S>
constexpr bool is_store = si::RecordStore<S>&& si::Exporter<S, int, std::string> && !si::Exporter<S, Opaque> &&
                          std::is_move_constructible_v<S>;

}  // namespace

static_assert(is_store<si::JsonlExporter> && is_store<si::CsvExporter> && is_store<si::SqliteExporter>);
static_assert(!si::RecordStore<int>);

TEST_CASE("A store's error says whether it may pass", "[exporter][record_store]") {
  using Kind = si::StoreError::Kind;
  const si::StoreError busy{Kind::retry, std::make_error_code(std::errc::timed_out), "db", "no answer", 3s};
  CHECK(busy.kind() == Kind::retry);
  CHECK(busy.retry_after() == 3s);
  CHECK(std::string{busy.what()} == "export 'db': no answer");
  const si::StoreError poison{Kind::poison, std::make_error_code(std::errc::invalid_argument), "db", "too large"};
  CHECK(poison.kind() == Kind::poison);
  CHECK_FALSE(poison.retry_after());
}
