#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace stream_infer::ffmpeg {

/// Holds the time stamps of pictures against the order of showing that their bits tell: decoders go by the bits. Files whose
/// time stamps are those of decoding, though pictures are put in another order, are made by ordinary copies.
class PictureOrder {
 public:
  /// The next picture, in the order of decoding. Where it `restarts` the numbers, all before it are shown before it and all
  /// that come after it. Returns false if its time stamp does not fit its number, and from there on up to a restart.
  [[nodiscard]] bool add(std::int64_t number, std::int64_t timestamp, bool restarts) {
    if (restarts) {
      before_ = broken_ ? INT64_MIN : latest_;
      latest_ = INT64_MIN;
      count_ = 0;
      broken_ = false;
    }
    broken_ = broken_ || timestamp <= before_;
    for (std::size_t i = 0; i < count_ && i < pictures_.size(); ++i) {
      const Picture& other = pictures_[i];
      const bool fits =
          other.number < number ? other.timestamp < timestamp : other.number > number && other.timestamp > timestamp;
      broken_ = broken_ || !fits;
    }
    pictures_[count_++ % pictures_.size()] = {number, timestamp};
    if (timestamp > latest_) latest_ = timestamp;
    return !broken_;
  }

 private:
  struct Picture {
    std::int64_t number;
    std::int64_t timestamp;
  };

  std::array<Picture, 64> pictures_{};  // the latest; far more than are put in order
  std::size_t count_ = 0;               // since the restart
  std::int64_t latest_ = INT64_MIN;     // time stamp since then
  std::int64_t before_ = INT64_MIN;     // before it
  bool broken_ = false;
};

}  // namespace stream_infer::ffmpeg
