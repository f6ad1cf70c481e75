#include "stream_infer/vision/non_maximum_suppression.hpp"

#include "support/catch.hpp"
#include "support/random.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace si = stream_infer;
namespace test = stream_infer::test;

namespace {

/// An integer from `low` to `high`.
int pick(test::Random& random, int low, int high) { return static_cast<int>(random.between(low, high)); }

}  // namespace

TEST_CASE("Of detections that overlap the best is kept", "[vision][nms]") {
  const si::Detection best{.box = {0, 0, 10, 10}, .class_id = 1, .score = 0.9F};
  const si::Detection near{.box = {1, 0, 10, 10}, .class_id = 1, .score = 0.8F};
  const si::Detection other{.box = {1, 0, 10, 10}, .class_id = 2, .score = 0.7F};
  const si::Detection far{.box = {50, 0, 10, 10}, .class_id = 1, .score = 0.6F};
  CHECK(si::suppress_non_maxima({far, near, other, best}, 0.5F) == si::Detections{best, other, far});
  CHECK(si::suppress_non_maxima({far, near, other, best}, 0.5F, true) == si::Detections{best, far});
  CHECK(si::suppress_non_maxima({near, best}, 0.9F) == si::Detections{best, near});
  CHECK(si::suppress_non_maxima({}, 0.5F).empty());
  si::Detection same = best;
  same.label = si::Name{"second"};
  CHECK(si::suppress_non_maxima({best, same}, 0.5F) == si::Detections{best});
}

TEST_CASE("What is kept does not overlap, and what is not overlaps with something better", "[vision][nms]") {
  test::for_random_cases(200, [](test::Random& random) {
    si::Detections all;
    for (int i = pick(random, 0, 40); i > 0; --i)
      all.push_back({.box = {static_cast<float>(pick(random, 0, 60)), static_cast<float>(pick(random, 0, 60)),
                             static_cast<float>(pick(random, 1, 40)), static_cast<float>(pick(random, 1, 40))},
                     .class_id = pick(random, 0, 2),
                     .score = static_cast<float>(pick(random, 0, 1000)) / 1000});
    const float most = static_cast<float>(pick(random, 1, 9)) / 10;
    const si::Detections kept = si::suppress_non_maxima(all, most);
    const auto overlap = [&](const si::Detection& a, const si::Detection& b) {
      return a.class_id == b.class_id && si::iou(a.box, b.box) >= most;
    };
    for (std::size_t i = 0; i < kept.size(); ++i)
      for (std::size_t j = i + 1; j < kept.size(); ++j) {
        CHECK(kept[i].score >= kept[j].score);
        CHECK_FALSE(overlap(kept[i], kept[j]));
      }
    for (const si::Detection& one : all) {
      const bool is_kept = std::find(kept.begin(), kept.end(), one) != kept.end();
      const bool is_covered = std::any_of(kept.begin(), kept.end(), [&](const si::Detection& better) {
        return better.score >= one.score && overlap(better, one);
      });
      CHECK((is_kept || is_covered));
    }
  });
}
