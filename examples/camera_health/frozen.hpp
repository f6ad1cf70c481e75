#pragma once

#include "camera_health/black.hpp"
#include "camera_health/condition.hpp"
#include "camera_health/picture.hpp"

#include <stream_infer/core/frame.hpp>

#include <algorithm>
#include <bitset>
#include <cstddef>
#include <span>

namespace camera_health {

struct FrozenOptions {
  double change = 1.0;    ///< a cell has changed from this mean absolute difference on, in gray levels
  std::size_t cells = 2;  ///< so many cells may change all the same: a clock in the picture
  Seconds at_least{2.0};
  BlackOptions black{};
};

/// A frozen picture: nothing in it moves. Each picture is compared, by the mean absolute difference, with the one where
/// the stillness began, as FFmpeg's freezedetect filter does, and not with the one before: slow changes add up.
///
/// The difference is taken cell by cell, not over the whole picture, so that one small moving thing counts. What has
/// changed since the stillness began is summed up over time: a thing that moves reaches more and more cells, while a
/// running clock stays in its two. A small overlay that stands still in a live picture changes nothing.
///
/// A live picture of a still scene without any noise cannot be told from a frozen one.
class FrozenDetector {
 public:
  explicit FrozenDetector(const FrozenOptions& options = {}) : options_{options}, lasting_{options.at_least} {}

  [[nodiscard]] Condition run(std::span<const stream_infer::Frame> frames) {
    const stream_infer::Frame& now = frames.back();
    const stream_infer::ImageView image = now.image();
    if (is_black(image, options_.black)) {
      reference_ = {};
      return lasting_.at(now.time(), Fault::frozen, false, 0);
    }
    bool still = reference_ && reference_.spec() == now.spec() && reference_.time() < now.time();
    double largest = 0;
    if (still) {
      const Grid differences = cell_differences(reference_.image(), image);
      for (std::size_t i = 0; i < cell_count; ++i)
        if (differences[i] >= options_.change) changed_.set(i);
      largest = *std::ranges::max_element(differences);
      still = changed_.count() <= options_.cells;
    }
    if (!still) {
      reference_ = now;  // a Frame keeps its picture: nothing is copied
      changed_.reset();
      static_cast<void>(lasting_.at(now.time(), Fault::frozen, false, largest));
    }
    return lasting_.at(now.time(), Fault::frozen, true, largest);  // a stillness may begin at any frame
  }

 private:
  FrozenOptions options_;
  Lasting lasting_;
  stream_infer::Frame reference_;    // where the stillness began
  std::bitset<cell_count> changed_;  // since then
};

}  // namespace camera_health
