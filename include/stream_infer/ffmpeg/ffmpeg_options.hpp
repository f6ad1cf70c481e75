#pragma once

#include "stream_infer/core/image.hpp"

#include <string>
#include <utility>
#include <vector>

namespace stream_infer {

/// How FFmpegProducer opens a source and what its frames look like.
struct FFmpegOptions {
  int width = 0;   ///< of the frames, in pixels; 0 is the source's, or follows `height` in its proportion
  int height = 0;  ///< likewise
  PixelFormat format = PixelFormat::bgr24;
  int threads = 0;     ///< decoding threads; 0 is one for each core
  bool rotate = true;  ///< turn pictures upright, as the container says
  /// FFmpeg's own options for the source, as on its command line: {{"framerate", "10"}}. Unknown ones are an error.
  std::vector<std::pair<std::string, std::string>> options = {};
};

}  // namespace stream_infer
