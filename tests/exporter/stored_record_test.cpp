#include "stream_infer/exporter/stored_record.hpp"

#include "support/catch.hpp"

#include <chrono>
#include <cstdint>
#include <set>
#include <string>

namespace si = stream_infer;
using namespace std::chrono_literals;

namespace {

si::StoredRecord record() {
  return {.source = {si::Name{"rtsp://***@cam/1"}, si::WallTime{1'767'225'600s}},
          .epoch = 2,
          .algorithm = si::Name{"head"},
          .frame_index = 29,
          .time = 1s,
          .value = "1"};
}

}  // namespace

TEST_CASE("A record's key is the hash that its doc names", "[exporter][stored_record]") {
  // made by another program
  CHECK(si::record_key(record()) == "28935e3ee1ccc0f017f31717352d149b");
  CHECK(si::record_key({}) == "47798bbd958d5bf6e1026a31a13d9fa5");
}

TEST_CASE("A record's key is that of its result, whatever it says and whenever it is sent",
          "[exporter][stored_record]") {
  si::StoredRecord same = record();
  same.value += "2";
  CHECK(si::record_key(same) == si::record_key(record()));

  std::set<std::string> keys{si::record_key(record())};
  const auto differs = [&](auto change) {
    si::StoredRecord other = record();
    change(other);
    CHECK(keys.insert(si::record_key(other)).second);
  };
  differs([](si::StoredRecord& r) { r.source.name = si::Name{"rtsp://***@cam/2"}; });
  differs([](si::StoredRecord& r) { r.source.began_at += 1ns; });
  differs([](si::StoredRecord& r) { r.epoch = 3; });
  differs([](si::StoredRecord& r) { r.algorithm = si::Name{"hand"}; });
  differs([](si::StoredRecord& r) { r.frame_index = 30; });
  differs([](si::StoredRecord& r) { r.time += 1ns; });  // the same index, played at another rate
  differs([](si::StoredRecord& r) {                     // where one field ends and the next begins counts
    r.epoch = 22;
    r.algorithm = si::Name{"ead"};
  });
}

TEST_CASE("A record's times are in nanoseconds", "[exporter][stored_record]") {
  CHECK(record().began_at_ns() == 1'767'225'600'000'000'000);
  CHECK(record().time_ns() == 1'000'000'000);
  CHECK(si::StoredRecord{}.began_at_ns() == 0);
  CHECK(record().bytes() > sizeof(si::StoredRecord));
}
