#pragma once

#include "camera_health/black.hpp"
#include "camera_health/condition.hpp"
#include "camera_health/picture.hpp"

#include <stream_infer/core/frame.hpp>
#include <stream_infer/tracker/window.hpp>

#include <algorithm>
#include <cstddef>

namespace camera_health {

struct CutOptions {
  double change = 0.2;     ///< of the histogram, from which on it may be a cut: 0 to 1
  double times = 2.5;      ///< how many times the change before and after it must be exceeded
  double structure = 0.7;  ///< correlation of the cells' brightness, above which it is the same scene
  BlackOptions black{};
};

/// What the cut detector says of one frame.
struct CutCheck {
  bool cut = false;
  MediaTime at{};     ///< of the first frame of the new scene
  double change = 0;  ///< of the histogram, 0 to 1
};

/// Hard cuts, by the difference of the histograms of two pictures in a row (Zhang, Kankanhalli, Smoliar: Automatic
/// partitioning of full-motion video. Multimedia Systems 1, 1993). A cut stands out from its neighbours in time, a fade,
/// a dissolve or fast motion does not (the sliding window of Yeo, Liu: Rapid scene analysis on compressed video. IEEE
/// Transactions on Circuits and Systems for Video Technology 5, 1995).
///
/// A lamp that is switched on, or the loss of focus, change the histogram as well, but not the coarse structure of the
/// picture. Going to black and back is not a cut, and neither is a flash of up to three frames.
struct CutDetector {
  CutOptions options{};

  /// \param frames  eight in a row; a cut is looked for in the middle
  [[nodiscard]] CutCheck run(const stream_infer::Window<8>& frames) const {
    const auto change_between = [&frames](std::size_t a, std::size_t b) {
      return distance(histogram(frames[a].image()), histogram(frames[b].image()));
    };
    const double change = change_between(3, 4);
    const bool cut = change >= options.change && change >= options.times * change_between(2, 3) &&
                     change >= options.times * change_between(4, 5) && change_between(0, 7) >= change / 2 &&
                     !is_black(frames[3].image(), options.black) && !is_black(frames[4].image(), options.black) &&
                     other_structure(frames[3], frames[4]);
    return {cut, frames[4].time(), change};
  }

 private:
  /// Cells that are dark in both pictures are left out: they may be black bars, which are the same in every scene.
  [[nodiscard]] bool other_structure(const stream_infer::Frame& before, const stream_infer::Frame& after) const {
    Grid a = cell_means(before.image());
    Grid b = cell_means(after.image());
    std::size_t left = 0;
    for (std::size_t i = 0; i < cell_count; ++i)
      if (a[i] > static_cast<float>(options.black.luma) || b[i] > static_cast<float>(options.black.luma))
        a[left] = a[i], b[left] = b[i], ++left;
    return left < cell_count / 8 || correlation(std::span{a}.first(left), std::span{b}.first(left)) < options.structure;
  }
};

}  // namespace camera_health
