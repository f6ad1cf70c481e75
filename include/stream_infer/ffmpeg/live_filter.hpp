#pragma once

#include "stream_infer/core/media_time.hpp"
#include "stream_infer/core/queue.hpp"
#include "stream_infer/ffmpeg/bitstream.hpp"
#include "stream_infer/ffmpeg/compat.hpp"
#include "stream_infer/ffmpeg/demuxer.hpp"
#include "stream_infer/ffmpeg/frame_maker.hpp"
#include "stream_infer/ffmpeg/handle.hpp"
#include "stream_infer/ffmpeg/packet.hpp"
#include "stream_infer/producer/producer.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace stream_infer::ffmpeg {

/// For live streams, where nothing can wait until it is known who needs it: what nobody is likely to need loses its pixels,
/// and if nobody refers to it either, is not decoded at all. All others are: whatever comes next, it can be decoded. One
/// thread.
class LiveFilter {
 public:
  /// \param bitstream  what packets are read by; null: all are decoded
  LiveFilter(Handle<Bitstream> bitstream, std::unique_ptr<PictureNeeds> needs)
      : bitstream_{std::move(bitstream)}, needs_{std::move(needs)} {
    latest_packets_.fill(AV_NOPTS_VALUE);  // the smallest number
  }

  /// Whether the next packet shall not be decoded. Its picture will come from read().
  [[nodiscard]] bool leaves_out(const AVPacket& packet, const Demuxer& demuxer) {
    if (!bitstream_ || !is_droppable(packet) || left_out_.size() == most_left_out) return false;
    const MediaTime time = demuxer.time_of(packet.pts);
    // Where time makes a jump, the forecast has nothing to go by.
    if (time <= latest_ || time - latest_ > longest_gap || needs_->may_need(time)) return false;
    left_out_.push_back(packet.pts);
    for (std::size_t i = left_out_.size() - 1; i > 0 && left_out_[i - 1] > left_out_[i]; --i)
      std::swap(left_out_[i - 1], left_out_[i]);
    return true;
  }

  /// The next frame: of a picture that was left out, or of the next one that `decode()` puts into `picture`.
  template <class Decode>
  [[nodiscard]] ReadStatus read(Frame& frame, bool& left_out, FrameMaker& maker, Demuxer& demuxer, AVFrame& picture,
                                Decode decode) {
    if (!coming_) {
      try {
        coming_ = decode();
      } catch (...) {
        coming_ = ReadStatus::end;
        failure_ = std::current_exception();
      }
    }
    if (*coming_ == ReadStatus::stopped) return *coming_;
    const std::int64_t timestamp = *coming_ == ReadStatus::end ? INT64_MAX : picture.best_effort_timestamp;
    if (!left_out_.empty() && left_out_.front() < timestamp) {
      frame = maker.make_left_out(demuxer, left_out_.pop_front());
      left_out = true;
      static_cast<void>(is_wanted(frame.time()));
      return ReadStatus::frame;
    }
    if (*coming_ == ReadStatus::end) {
      if (failure_) std::rethrow_exception(failure_);
      return *coming_;
    }
    coming_.reset();
    frame = maker.make(demuxer, picture);
    left_out = !is_wanted(frame.time());
    if (left_out) frame = maker.without_pixels(frame.spec(), frame.time());
    return ReadStatus::frame;
  }

 private:
  /// Whether somebody may need the next frame, which is at `time`.
  [[nodiscard]] bool is_wanted(MediaTime time) {
    const bool may_be_needed = needs_->may_need(time);
    needs_->add(time);
    while (needs_->take() != PictureNeed::unknown) {}  // what is known now comes too late
    latest_ = time;
    return may_be_needed;
  }

  static constexpr std::size_t most_left_out = 64;  // that have not been taken: far more than codecs put in order
  static constexpr MediaTime longest_gap{10'000'000'000};  // between frames that belong together

  /// Whether the packet is known to be one that nothing else depends on.
  [[nodiscard]] bool is_droppable(const AVPacket& packet) {
    if (!is_in_order(packet.pts)) {
      bitstream_.reset(nullptr);
      return false;
    }
    if (packet.size <= 0 || compat::changes_parameters(packet)) return false;
    const std::optional<PictureTraits> traits = bitstream_->inspect(packet);
    if (!traits || !traits->droppable || traits->hidden) return false;
    constexpr int odd = AV_PKT_FLAG_CORRUPT | AV_PKT_FLAG_DISCARD;
    if (packet.pts == AV_NOPTS_VALUE || (packet.flags & odd) != 0) return false;
    sets_.clear();
    bitstream_->keep_parameter_sets(packet, sets_);
    return sets_.empty();
  }

  /// Whether the decoder knows how to put the picture in order. One that finds out on its way must see them all.
  [[nodiscard]] bool is_in_order(std::int64_t timestamp) {
    if (timestamp == AV_NOPTS_VALUE) return true;
    std::size_t shown_later = 0;
    for (const std::int64_t before : latest_packets_) shown_later += before > timestamp ? 1U : 0U;
    latest_packets_[packets_++ % latest_packets_.size()] = timestamp;
    return shown_later <= bitstream_->most_reordered();
  }

  Handle<Bitstream> bitstream_;
  std::unique_ptr<PictureNeeds> needs_;
  stream_infer::detail::Queue<std::int64_t> left_out_;  // time stamps, sorted; not yet read
  std::optional<ReadStatus> coming_;                    // what comes after those before it
  std::exception_ptr failure_;                          // where that is the end
  MediaTime latest_{};                                  // of the frame added last
  std::array<std::int64_t, 16> latest_packets_{};       // time stamps, in the order of decoding
  std::size_t packets_ = 0;
  std::string sets_;  // of one packet
};

}  // namespace stream_infer::ffmpeg
