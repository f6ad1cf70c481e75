#include "stream_infer/vision/vision_json.hpp"

#include "stream_infer/exporter/json.hpp"
#include "support/catch.hpp"

namespace si = stream_infer;

static_assert(si::JsonValue<si::Detections>);
static_assert(si::JsonValue<si::Tracks>);

TEST_CASE("Detections and tracks are JSON", "[vision][json]") {
  const si::Record<si::Detections> found{
      .algo = si::Name{"people"},
      .value = {{.box = {10.5F, 20, 30, 40}, .class_id = 2, .score = 0.75F, .label = si::Name{"person"}}, {}}};
  CHECK(si::to_stored(found).value ==
        R"([{"box":{"height":40.0,"width":30.0,"x":10.5,"y":20.0},"class_id":2,"label":"person","score":0.75},)"
        R"({"box":{"height":0.0,"width":0.0,"x":0.0,"y":0.0},"class_id":0,"score":0.0}])");
  nlohmann::json track;
  track = si::Track{.id = 7, .box = {1, 2, 3, 4}, .class_id = 0, .score = 0.5F};
  CHECK(track.dump() == R"({"box":{"height":4.0,"width":3.0,"x":1.0,"y":2.0},"class_id":0,"id":7,"score":0.5})");
}
