#pragma once

#include "stream_infer/core/media_time.hpp"
#include "stream_infer/core/queue.hpp"
#include "stream_infer/ffmpeg/bitstream.hpp"
#include "stream_infer/ffmpeg/compat.hpp"
#include "stream_infer/ffmpeg/demuxer.hpp"
#include "stream_infer/ffmpeg/frame_maker.hpp"
#include "stream_infer/ffmpeg/handle.hpp"
#include "stream_infer/ffmpeg/packet.hpp"
#include "stream_infer/ffmpeg/picture_order.hpp"
#include "stream_infer/producer/producer.hpp"
#include "stream_infer/schedule/due_forecast.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace stream_infer::ffmpeg {

/// For live streams in realtime, where nothing can wait until it is known who needs it: what nobody is likely to need loses
/// its pixels, and if nobody refers to it either, is not decoded at all. All others are: whatever comes next, it can be
/// decoded. One thread.
class LiveFilter {
 public:
  /// \param bitstream  what packets are read by; null: all are decoded
  LiveFilter(Handle<Bitstream> bitstream, std::unique_ptr<PictureNeeds> needs)
      : bitstream_{std::move(bitstream)}, needs_{std::move(needs)} {
    latest_packets_.fill(AV_NOPTS_VALUE);  // the smallest number
  }

  /// Whether the next packet shall not be decoded. Its picture will come from read().
  [[nodiscard]] bool leaves_out(const AVPacket& packet, const Demuxer& demuxer) {
    if (packet.pts == AV_NOPTS_VALUE) {
      if (bitstream_) static_cast<void>(bitstream_->inspect(packet));  // it must see them all
      return false;
    }
    const std::size_t shown_later = count_shown_later(packet.pts);
    if (bitstream_ && shown_later > bitstream_->most_reordered()) bitstream_.reset(nullptr);
    const Place place{stretch_, packet.pts};
    decoded_at_ = packet.dts;
    const bool leaves = can_leave_out(packet, demuxer);
    if (leaves) {
      left_out_.push_back(place);  // and to its place
      for (std::size_t i = left_out_.size() - 1; i > 0 && left_out_[i] < left_out_[i - 1]; --i)
        std::swap(left_out_[i - 1], left_out_[i]);
    } else {
      if (in_decoder_.size() == most_pending) static_cast<void>(in_decoder_.pop_front());  // it came to nothing
      in_decoder_.push_back(place);
    }
    return leaves;
  }

  /// Whether a picture that was left out is the next one, whatever comes out of the decoder.
  [[nodiscard]] bool has_next() const {
    if (left_out_.empty() || decoded_at_ == AV_NOPTS_VALUE) return false;
    const Place first = left_out_.front();
    if (Place{stretch_, decoded_at_} < first) return false;
    for (std::size_t i = 0; i < in_decoder_.size(); ++i)
      if (in_decoder_[i] < first) return false;
    return true;
  }

  /// The next frame: of a picture that was left out, or of the next one that the decoder gives. `decode()` puts that into
  /// `picture`, or returns nothing if has_next() before that.
  template <class Decode>
  [[nodiscard]] ReadStatus read(Frame& frame, bool& left_out, FrameMaker& maker, Demuxer& demuxer, AVFrame& picture,
                                Decode decode) {
    if (!coming_ && !has_next()) {
      try {
        coming_ = decode();
      } catch (...) {
        coming_ = ReadStatus::end;
        failure_ = std::current_exception();
      }
      if (coming_ == ReadStatus::stopped) return ReadStatus::stopped;
      if (coming_ == ReadStatus::frame) coming_at_ = take_from_decoder(picture.best_effort_timestamp);
    }
    const bool is_left_out =
        !left_out_.empty() && (!coming_ || coming_ == ReadStatus::end || left_out_.front() < coming_at_);
    if (is_left_out) {
      const std::int64_t timestamp = left_out_.pop_front().timestamp;
      frame = maker.make_left_out(demuxer, timestamp);
      left_out = true;
      static_cast<void>(is_wanted(frame.time(), timestamp));
      return ReadStatus::frame;
    }
    if (coming_ == ReadStatus::end) {
      if (failure_) std::rethrow_exception(failure_);
      return ReadStatus::end;
    }
    coming_.reset();
    frame = maker.make(demuxer, picture);
    left_out = !is_wanted(frame.time(), coming_at_.timestamp);
    if (left_out) frame = maker.without_pixels(frame);
    return ReadStatus::frame;
  }

 private:
  static constexpr std::size_t most_pending = 64;             // far more pictures than codecs put in order
  static constexpr MediaTime farthest_ahead{10'000'000'000};  // of the latest frame; what is further is not foreseen

  /// In the order of showing.
  struct Place {
    std::uint64_t stretch = 0;  ///< of time stamps, until they jump back
    std::int64_t timestamp = 0;
    friend bool operator<(const Place& a, const Place& b) {
      return a.stretch != b.stretch ? a.stretch < b.stretch : a.timestamp < b.timestamp;
    }
  };

  struct Latest {
    std::int64_t timestamp;
    MediaTime time;
  };

  /// How many of the latest packets' pictures are shown after the next one's. If all are, time has jumped back.
  [[nodiscard]] std::size_t count_shown_later(std::int64_t timestamp) {
    std::size_t later = 0;
    for (const std::int64_t before : latest_packets_) later += before > timestamp ? 1U : 0U;
    if (later == latest_packets_.size()) {
      latest_packets_.fill(AV_NOPTS_VALUE);
      ++stretch_;
      later = 0;
    }
    latest_packets_[packets_++ % latest_packets_.size()] = timestamp;
    return later;
  }

  [[nodiscard]] bool can_leave_out(const AVPacket& packet, const Demuxer& demuxer) {
    if (!bitstream_ || !is_droppable(packet) || left_out_.size() == most_pending || !latest_) return false;
    using stream_infer::detail::int128;
    const int128 ahead = int128{demuxer.time_of(packet.pts).count()} - demuxer.time_of(latest_->timestamp).count();
    if (ahead <= 0 || ahead > farthest_ahead.count() || latest_->time > DueForecast::farthest) return false;
    return !needs_->may_need(latest_->time + MediaTime{static_cast<MediaTime::rep>(ahead)});
  }

  /// Whether the packet is known to be one that nothing else depends on.
  [[nodiscard]] bool is_droppable(const AVPacket& packet) {
    if (packet.size <= 0 || compat::changes_parameters(packet)) return false;
    const std::optional<PictureTraits> traits = bitstream_->inspect(packet);
    if (!traits || (traits->place && !order_.add(*traits->place, packet.pts, traits->restarts))) return false;
    if (!traits->droppable || traits->hidden) return false;
    if ((packet.flags & (AV_PKT_FLAG_CORRUPT | AV_PKT_FLAG_DISCARD)) != 0) return false;
    sets_.clear();
    return bitstream_->keep_parameter_sets(packet, sets_) && sets_.empty();
  }

  /// The place of a picture that came out of the decoder. Those before it that came to nothing are forgotten.
  [[nodiscard]] Place take_from_decoder(std::int64_t timestamp) {
    std::size_t at = 0;
    while (at < in_decoder_.size() && in_decoder_[at].timestamp != timestamp) ++at;
    if (at == in_decoder_.size()) return {in_decoder_.empty() ? stretch_ : in_decoder_.front().stretch, timestamp};
    const Place place = in_decoder_[at];
    for (std::size_t i = 0, size = in_decoder_.size(); i < size; ++i) {
      const Place other = in_decoder_.pop_front();
      if (i > at || place < other) in_decoder_.push_back(other);
    }
    return place;
  }

  /// Whether somebody may need the next frame.
  [[nodiscard]] bool is_wanted(MediaTime time, std::int64_t timestamp) {
    const bool may_be_needed = needs_->may_need(time);
    needs_->add(time);
    while (needs_->take() != PictureNeed::unknown) {}  // what is known now comes too late
    latest_ = Latest{timestamp, time};
    return may_be_needed;
  }

  Handle<Bitstream> bitstream_;
  std::unique_ptr<PictureNeeds> needs_;
  stream_infer::detail::Queue<Place> left_out_;    // sorted; not yet read
  stream_infer::detail::Queue<Place> in_decoder_;  // in the order of decoding; not yet come out
  std::uint64_t stretch_ = 0;                      // of the latest packet
  std::int64_t decoded_at_ = AV_NOPTS_VALUE;       // likewise; no later one is shown before that
  std::optional<ReadStatus> coming_;  // what the decoder has given, and comes after what was left out before it
  Place coming_at_;
  std::exception_ptr failure_;                     // where it is the end
  std::optional<Latest> latest_;                   // frame
  std::array<std::int64_t, 16> latest_packets_{};  // time stamps, in the order of decoding
  std::size_t packets_ = 0;
  PictureOrder order_;
  std::string sets_;  // of one packet
};

}  // namespace stream_infer::ffmpeg
