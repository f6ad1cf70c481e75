#pragma once

#include "stream_infer/core/frame_pool.hpp"
#include "stream_infer/core/media_time.hpp"
#include "stream_infer/core/min_max.hpp"
#include "stream_infer/core/rational.hpp"
#include "stream_infer/core/stats.hpp"
#include "stream_infer/ffmpeg/converter.hpp"
#include "stream_infer/ffmpeg/decoder.hpp"
#include "stream_infer/ffmpeg/demuxer.hpp"
#include "stream_infer/ffmpeg/ffmpeg_options.hpp"
#include "stream_infer/ffmpeg/handle.hpp"
#include "stream_infer/ffmpeg/orientation.hpp"
#include "stream_infer/producer/producer.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

namespace stream_infer::ffmpeg {

/// Makes frames of decoded pictures: their size, their way up, and their time, which always increases. One thread.
class FrameMaker {
 public:
  static constexpr int largest_side = 65535;

  explicit FrameMaker(FFmpegOptions settings) : settings_{std::move(settings)} {}

  [[nodiscard]] const std::shared_ptr<SourceCounters>& counters() const { return counters_; }

  /// Pictures will be turned so, and are likely to be as `info` says. Returns what will become of them.
  const ImageSpec& set(const Orientation& orientation, const SourceInfo& info) {
    orientation_ = orientation;
    fps_ = info.fps;
    return spec_ = spec_of(info.width, info.height);
  }

  /// The frame of a picture that the decoder gave; takes what it refers to.
  [[nodiscard]] Frame make(Demuxer& demuxer, AVFrame& picture) {
    last_time_ = next_time(demuxer, picture.best_effort_timestamp, picture.pts == AV_NOPTS_VALUE);
    if (is_damaged(picture)) stream_infer::detail::count(counters_->frames_damaged);
    spec_ = orientation_.transpose ? spec_of(picture.height, picture.width) : spec_of(picture.width, picture.height);
    return pool_.make_lazy(spec_, *last_time_,
                           [&](DecodedPicture& held) { held.take(picture, orientation_, converters_); });
  }

  /// The frame of a picture that has been left out.
  [[nodiscard]] Frame make_left_out(Demuxer& demuxer, std::int64_t timestamp) {
    last_time_ = next_time(demuxer, timestamp, false);
    return without_pixels(spec_, *last_time_);
  }

  /// A frame without pixels, in place of one that has been made.
  [[nodiscard]] Frame without_pixels(const ImageSpec& spec, MediaTime time) {
    Frame frame = pool_.make_lazy(spec, time, [](DecodedPicture&) {});
    stream_infer::detail::FrameAccess::leave_out(frame);
    return frame;
  }

  /// Whether there has been a frame.
  [[nodiscard]] bool made_any() const { return last_time_.has_value(); }

  /// What becomes of an upright picture of this size.
  [[nodiscard]] ImageSpec spec_of(int width, int height) const {
    const auto in_proportion = [](int side, int to, int of) {
      return static_cast<int>(
          stream_infer::detail::clamp<std::int64_t>((std::int64_t{side} * to + of / 2) / of, 1, largest_side + 1));
    };
    ImageSpec spec{settings_.width, settings_.height, settings_.format};
    if (spec.width == 0 && spec.height == 0) return {width, height, spec.format};
    if (spec.width == 0) spec.width = in_proportion(width, spec.height, height);
    if (spec.height == 0) spec.height = in_proportion(height, spec.width, width);
    return spec;
  }

 private:
  /// The picture's time. One without a time stamp comes a period after the one before. So do those whose time stamps are not
  /// later, but the first of them comes half a period earlier: if it is one too many, those after it keep their times.
  /// \param guessed  the time stamp is of decoding, or made up
  [[nodiscard]] MediaTime next_time(Demuxer& demuxer, std::int64_t timestamp, bool guessed) {
    if (timestamp != AV_NOPTS_VALUE) {
      // In an AVI, say, the stream's start is that of decoding; its first picture is shown later, and that is our start.
      if (!last_time_ && (guessed || !demuxer.knows_start())) demuxer.start_at(timestamp);
      const MediaTime time = demuxer.time_of(timestamp);
      if (!last_time_ || time > *last_time_) {
        timed_ = time;
        half_periods_since_ = 0;
        return time;
      }
    }
    if (!last_time_) return MediaTime{0};
    half_periods_since_ += timestamp != AV_NOPTS_VALUE && half_periods_since_ == 0 ? 1 : 2;
    const Rational rate = fps_.value_or(Rational{1000});
    return timed_ + MediaTime{static_cast<std::int64_t>(stream_infer::detail::floor_div(
                        stream_infer::detail::int128{500'000'000} * half_periods_since_ * rate.den(), rate.num()))};
  }

  FFmpegOptions settings_;
  Orientation orientation_;
  std::optional<Rational> fps_;
  ImageSpec spec_;  // of the latest frame
  std::shared_ptr<SourceCounters> counters_{new SourceCounters};
  std::shared_ptr<DecodedPicture::Converters> converters_{new DecodedPicture::Converters};
  FramePool<DecodedPicture> pool_{counters_};

  std::optional<MediaTime> last_time_;
  MediaTime timed_{};  // the latest time that a time stamp gave
  std::int64_t half_periods_since_ = 0;
};

}  // namespace stream_infer::ffmpeg
