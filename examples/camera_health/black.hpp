#pragma once

#include "camera_health/condition.hpp"
#include "camera_health/picture.hpp"

#include <stream_infer/core/frame.hpp>

#include <span>

namespace camera_health {

struct BlackOptions {
  int luma = 25;        ///< a pixel is dark up to this brightness, 0 to 255
  double share = 0.98;  ///< a picture is black from this share of dark pixels on
  Seconds at_least{0.5};
};

/// A black picture: nearly all of its pixels are dark. These are the conventions of FFmpeg's blackdetect filter, whose
/// thresholds are 10 % of the range of brightness and 98 % of the pixels: the two per cent leave room for a logo or a
/// clock. Black bars do no harm as long as there is a picture between them.
class BlackDetector {
 public:
  explicit BlackDetector(const BlackOptions& options = {}) : options_{options}, lasting_{options.at_least} {}

  [[nodiscard]] Condition run(std::span<const stream_infer::Frame> frames) {
    const double share = dark_share(frames.back().image(), options_.luma);
    return lasting_.at(frames.back().time(), Fault::black, share >= options_.share, share);
  }

 private:
  BlackOptions options_;
  Lasting lasting_;
};

/// Whether a picture is black. The other detectors do not judge black pictures.
[[nodiscard]] inline bool is_black(const stream_infer::ImageView& image, const BlackOptions& options) {
  return dark_share(image, options.luma) >= options.share;
}

}  // namespace camera_health
