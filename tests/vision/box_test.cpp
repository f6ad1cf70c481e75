#include "stream_infer/vision/box.hpp"

#include "support/catch.hpp"

namespace si = stream_infer;

TEST_CASE("What boxes have in common", "[vision][box]") {
  constexpr si::Box box{10, 20, 30, 40};
  CHECK(box.right() == 40);
  CHECK(box.bottom() == 60);
  CHECK(box.area() == 1200);
  CHECK(si::intersection(box, {20, 0, 100, 30}) == si::Box{20, 20, 20, 10});
  CHECK(si::intersection(box, {40, 20, 5, 5}) == si::Box{});  // they only touch
  CHECK(si::iou(box, box) == 1);
  CHECK(si::iou(box, {100, 100, 5, 5}) == 0);
  CHECK(si::iou({0, 0, 2, 2}, {1, 0, 2, 2}) == Approx(1 / 3.0));
  CHECK(si::iou({}, {}) == 0);
  CHECK(si::iou({0, 0, -5, -5}, {-5, -5, 5, 5}) == 0);
  CHECK(si::clipped({-5, -5, 10, 200}, 100, 50) == si::Box{0, 0, 5, 50});
  CHECK(si::clipped({200, 0, 10, 10}, 100, 50) == si::Box{});
}
