#pragma once

#include "stream_infer/core/name.hpp"
#include "stream_infer/vision/box.hpp"

#include <cstdint>
#include <vector>

namespace stream_infer {

/// Something that a detector has found in a picture.
struct Detection {
  Box box{};
  int class_id = 0;  ///< the model's number of what it is
  float score = 0;   ///< how sure the detector is, from 0 to 1
  Name label{};      ///< the class in words; empty if there are none

  friend bool operator==(const Detection&, const Detection&) = default;
};

using Detections = std::vector<Detection>;

/// A detection that has been followed through the pictures.
struct Track {
  std::uint64_t id = 0;  ///< the same for the same thing, and never given again
  Box box{};
  int class_id = 0;
  float score = 0;
  Name label{};

  friend bool operator==(const Track&, const Track&) = default;
};

using Tracks = std::vector<Track>;

}  // namespace stream_infer
