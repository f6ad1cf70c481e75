#include "stream_infer/exporter/csv_exporter.hpp"

#include "support/catch.hpp"
#include "support/files.hpp"

#include <chrono>
#include <string>

namespace si = stream_infer;
namespace test = stream_infer::test;
using namespace std::chrono_literals;

TEST_CASE("Records are rows under the names of their fields", "[exporter][csv]") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "results.csv";
  const si::Record<std::string> record{.time = 1s,
                                       .frame_index = 29,
                                       .algo = si::Name{"a,b"},
                                       .value = "say \"x\"",
                                       .epoch = 2,
                                       .source = {si::Name{"clip\n.mp4"}, si::WallTime{7ns}}};
  {
    si::CsvExporter exporter{path};
    exporter.collect(record);
    exporter.collect(si::Record<int>{.algo = si::Name{"n"}, .value = 5});
  }
  si::CsvExporter{path}.write({});
  const test::Bytes bytes = test::read_file(path);
  CHECK(std::string{bytes.begin(), bytes.end()} ==
        "key,source,began_at_ns,epoch,algorithm,frame_index,time_ns,value\n" + si::record_key(si::to_stored(record)) +
            ",\"clip\n.mp4\",7,2,\"a,b\",29,1000000000,\"\"\"say \\\"\"x\\\"\"\"\"\"\n" +
            si::record_key({.algorithm = si::Name{"n"}}) + ",,0,0,n,0,0,5\n");
}
