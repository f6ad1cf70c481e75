#pragma once

#include "stream_infer/core/error.hpp"
#include "stream_infer/core/frame_pool.hpp"
#include "stream_infer/core/media_time.hpp"
#include "stream_infer/core/min_max.hpp"
#include "stream_infer/core/queue.hpp"
#include "stream_infer/core/stats.hpp"
#include "stream_infer/ffmpeg/bitstream.hpp"
#include "stream_infer/ffmpeg/converter.hpp"
#include "stream_infer/ffmpeg/decoder.hpp"
#include "stream_infer/ffmpeg/demuxer.hpp"
#include "stream_infer/ffmpeg/ffmpeg_options.hpp"
#include "stream_infer/ffmpeg/packet.hpp"
#include "stream_infer/ffmpeg/planned_decoder.hpp"
#include "stream_infer/producer/producer.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

namespace stream_infer::ffmpeg {

/// Demuxer, decoder and frames put together: the pictures of a source in the order of their time. For one thread at a
/// time; the counters may be read by any.
///
/// From a start position on, the frames are the same, in time and pixels, as those of a reading from the start. It seeks
/// where the first picture that comes then proves it: an intra coded key frame with a time stamp of its own, at or before
/// the position. A landing that proves nothing is tried again further back, and in the end from the start.
class FrameSource {
 public:
  /// Opens the source. Pictures from `options.position` on will come, perhaps after some before it. \throws Error
  FrameSource(std::string source, const FFmpegOptions& settings, const OpenOptions& options)
      : source_{std::move(source)}, settings_{settings}, stop_{options.stop} {
    open();
    if (settings.rotate) orientation_ = demuxer().orientation();
    info_ = demuxer().info(orientation_);
    const ImageSpec spec = spec_of(info_.width, info_.height);
    if (stream_infer::detail::max(spec.width, spec.height) > largest_side)
      throw Error{Errc::invalid_argument, "open", demuxer().name(),
                  "its pictures would become " + std::to_string(spec.width) + "x" + std::to_string(spec.height) +
                      ", more than 65535 pixels on a side: set both width and height"};
    const bool planned = options.needs && plan(options);
    if (options.needs && !planned && !demuxer().live()) needs_ = options.needs(info_);
    if (planned_) return;
    if (options.position > MediaTime{0} && demuxer().can_seek() && can_start_at_key_frames()) {
      landing_ = Landing{.position = options.position};
      land();
    }
  }

  [[nodiscard]] const SourceInfo& info() const { return info_; }
  [[nodiscard]] const std::shared_ptr<SourceCounters>& counters() const { return counters_; }

  /// The next picture, not yet converted. Not to be called again after an error. \throws Error  if the source fails, after
  /// the pictures before that
  [[nodiscard]] ReadStatus read(Frame& frame) { return needs_ ? read_filtered(frame) : read_next(frame); }

  /// Whether the frame read last has no pixels, because nobody needs it.
  [[nodiscard]] bool left_out() const { return left_out_; }

 private:
  static constexpr int largest_side = 65535;
  static constexpr std::size_t most_pending = 64;

  [[nodiscard]] ReadStatus read_next(Frame& frame) { return planned_ ? read_planned(frame) : read_plain(frame); }

  [[nodiscard]] ReadStatus read_plain(Frame& frame) {
    for (;;) {
      switch (decoder().receive(*decoded_)) {
        case Decoder::Status::frame:
          if (landing_ && !proves_landing()) {
            land_further_back();
            break;
          }
          landing_.reset();
          frame = frame_of_picture();
          return ReadStatus::frame;
        case Decoder::Status::end:
          if (landing_) {
            land_further_back();
            break;
          }
          finish();
          return ReadStatus::end;
        case Decoder::Status::error: count_error(); break;
        case Decoder::Status::hungry:
          if (!feed()) return ReadStatus::stopped;
          break;
      }
    }
  }

  /// Where everything must be decoded: the pixels of what nobody needs are let go of as soon as that is known. Frames wait
  /// for it, but not more of them than `most_pending`.
  [[nodiscard]] ReadStatus read_filtered(Frame& frame) {
    for (;;) {
      if (!pending_.empty()) {
        for (; overdue_ > 0 && needs_->take() != PictureNeed::unknown; --overdue_) {}
        const PictureNeed need = overdue_ > 0 ? PictureNeed::unknown : needs_->take();
        if (need != PictureNeed::unknown || pending_.size() == most_pending) {
          if (need == PictureNeed::unknown) ++overdue_;
          frame = pending_.pop_front();
          left_out_ = need == PictureNeed::not_needed;
          if (left_out_) frame = pool_.make_lazy(frame.spec(), frame.time(), [](DecodedPicture&) {});
          return ReadStatus::frame;
        }
      } else if (ended_) {
        if (failure_) std::rethrow_exception(failure_);
        return ReadStatus::end;
      }
      Frame next;
      try {
        const ReadStatus status = read_next(next);
        if (status == ReadStatus::stopped) return status;
        ended_ = status == ReadStatus::end;
      } catch (...) {
        ended_ = true;
        failure_ = std::current_exception();
      }
      if (ended_) {
        needs_->end();
      } else {
        needs_->add(next.time());
        pending_.push_back(std::move(next));
      }
    }
  }

  struct Opened {
    Opened(const std::string& source, const FFmpegOptions& settings, const std::stop_token& stop)
        : demuxer{source, settings, stop}, decoder{demuxer.stream(), settings.threads, demuxer.name()} {}
    Demuxer demuxer;
    Decoder decoder;
  };

  /// A seek whose first picture has not come yet.
  struct Landing {
    MediaTime position{};  ///< what is wanted
    MediaTime back{};      ///< how far before it the seek went
  };

  [[nodiscard]] Demuxer& demuxer() { return opened_->demuxer; }
  [[nodiscard]] Decoder& decoder() { return opened_->decoder; }

  static void count(std::atomic<std::uint64_t>& counter) { counter.fetch_add(1, std::memory_order_relaxed); }

  void count_error() {
    if (!landing_) count(counters_->decode_errors);
  }

  /// Goes to work by what will be looked at, if the stream can be planned. Else all is as before.
  bool plan(const OpenOptions& options) {
    if (demuxer().live() || !demuxer().knows_start() || !make_bitstream(*demuxer().stream().codecpar)) return false;
    if (options.position > MediaTime{0} && demuxer().can_seek() && !seek_to_entry(options.position)) {
      open();
      return false;
    }
    planned_.emplace(demuxer(), decoder(), *counters_, make_bitstream(*demuxer().stream().codecpar),
                     options.needs(info_));
    return planned_->can_plan();
  }

  /// Goes to a packet, at or before `position`, from which on decoding is as from the start. Returns false if there is none
  /// near.
  bool seek_to_entry(MediaTime position) {
    for (const MediaTime back : {MediaTime{0}, MediaTime{2'000'000'000}, MediaTime{8'000'000'000}}) {
      const MediaTime to = position - back;
      if (to <= MediaTime{0}) break;
      const std::unique_ptr<Bitstream> bitstream = make_bitstream(*demuxer().stream().codecpar);
      if (!demuxer().seek(to) || demuxer().read(packet_) != Demuxer::Status::packet) return false;
      const std::optional<PictureTraits> traits = bitstream->inspect(*packet_);
      if (!traits || traits->entry == PictureTraits::Entry::none || packet_->pts == AV_NOPTS_VALUE) continue;
      if (demuxer().time_of(packet_->pts) > position || !demuxer().seek(to)) continue;
      from_start_ = false;
      return true;
    }
    open();  // from the start
    return true;
  }

  [[nodiscard]] ReadStatus read_planned(Frame& frame) {
    std::int64_t timestamp = 0;
    const PlannedDecoder::Status status = planned_->next(*decoded_, timestamp);
    left_out_ = status == PlannedDecoder::Status::left_out;
    switch (status) {
      case PlannedDecoder::Status::picture: frame = frame_of_picture(); return ReadStatus::frame;
      case PlannedDecoder::Status::left_out:
        timed_ = demuxer().time_of(timestamp);
        last_time_ = timed_;
        periods_since_ = 0;
        frame = pool_.make_lazy(spec_of(info_.width, info_.height), timed_, [](DecodedPicture&) {});
        return ReadStatus::frame;
      case PlannedDecoder::Status::stopped: return ReadStatus::stopped;
      case PlannedDecoder::Status::end: break;
    }
    packets_ = planned_->packets();
    finish();
    return ReadStatus::end;
  }

  /// Opens the source, to be read from its start.
  void open() {
    opened_.reset();
    opened_.emplace(source_, settings_, stop_);
    const AVCodecID codec = demuxer().stream().codecpar->codec_id;
    // Other decoders give nothing, or refuse, until they can decode; these make up the pixels that they do not have.
    await_key_ = codec == AV_CODEC_ID_HEVC || codec == AV_CODEC_ID_MPEG4;
    packets_ = 0;
    from_start_ = true;
  }

  /// Gives the decoder its next packet. Returns false if stop was requested.
  bool feed() {
    switch (demuxer().read(packet_)) {
      case Demuxer::Status::stopped: return false;
      case Demuxer::Status::end:
        if (!decoder().send(nullptr)) count_error();
        return true;
      case Demuxer::Status::damaged: count_error(); return true;
      case Demuxer::Status::packet: break;
    }
    ++packets_;
    count(counters_->packets_read);
    if (await_key_ && (packet_->flags & AV_PKT_FLAG_KEY) == 0) {
      const bool too_far =
          landing_ && packet_->dts != AV_NOPTS_VALUE && demuxer().time_of(packet_->dts) > landing_->position;
      if (too_far) land_further_back();
      return true;
    }
    await_key_ = false;
    count(counters_->packets_decoded);
    if (!decoder().send(packet_.get())) count_error();
    return true;
  }

  /// The end: says whether it is the right one. \throws Error  if the source failed, or nothing could be decoded
  void finish() {
    if (demuxer().failure()) std::rethrow_exception(demuxer().failure());
    if (demuxer().is_truncated(from_start_ ? std::optional{packets_} : std::nullopt))
      counters_->truncated.store(true, std::memory_order_relaxed);
    if (last_time_ || packets_ == 0) return;
    const int code = decoder().last_error() != 0 ? decoder().last_error() : AVERROR_INVALIDDATA;
    throw make_error(code, "decode", demuxer().name(), "not one of its pictures could be decoded");
  }

  [[nodiscard]] Frame frame_of_picture() {
    const MediaTime time = next_time();
    last_time_ = time;
    if (!planned_) count(counters_->frames_decoded);
    if (is_damaged()) count(counters_->frames_damaged);
    return pool_.make_lazy(spec_of_picture(), time,
                           [this](DecodedPicture& picture) { picture.take(*decoded_, orientation_, converters_); });
  }

  [[nodiscard]] bool is_damaged() const {
    return (decoded_->flags & AV_FRAME_FLAG_CORRUPT) != 0 || decoded_->decode_error_flags != 0;
  }

  /// The picture's time. One without a time stamp, or not later than the one before, comes a period after that.
  [[nodiscard]] MediaTime next_time() {
    const std::int64_t timestamp = decoded_->best_effort_timestamp;
    if (timestamp != AV_NOPTS_VALUE) {
      // In an AVI, say, the stream's start is that of decoding; its first picture is shown later, and that is our start.
      const bool shown_later = decoded_->pts == AV_NOPTS_VALUE;
      if (!last_time_ && (shown_later || !demuxer().knows_start())) demuxer().start_at(timestamp);
      const MediaTime time = demuxer().time_of(timestamp);
      if (!last_time_ || time > *last_time_) {
        timed_ = time;
        periods_since_ = 0;
        return time;
      }
    }
    if (!last_time_) return MediaTime{0};
    ++periods_since_;
    const Rational rate = info_.fps.value_or(Rational{1000});
    return timed_ + MediaTime{static_cast<std::int64_t>(stream_infer::detail::floor_div(
                        stream_infer::detail::int128{1'000'000'000} * periods_since_ * rate.den(), rate.num()))};
  }

  [[nodiscard]] ImageSpec spec_of_picture() const {
    return orientation_.transpose ? spec_of(decoded_->height, decoded_->width)
                                  : spec_of(decoded_->width, decoded_->height);
  }

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

  /// The codecs whose decoders were seen to give the same pixels from any intra coded key frame on.
  [[nodiscard]] bool can_start_at_key_frames() {
    const AVCodecParameters& parameters = *demuxer().stream().codecpar;
    switch (parameters.codec_id) {
      case AV_CODEC_ID_H264:
      case AV_CODEC_ID_HEVC:
      case AV_CODEC_ID_AV1:
      case AV_CODEC_ID_VP8:
      case AV_CODEC_ID_VP9:
      case AV_CODEC_ID_MPEG1VIDEO:
      case AV_CODEC_ID_MPEG2VIDEO:
      case AV_CODEC_ID_MPEG4: return true;
      default: {
        const AVCodecDescriptor* descriptor = avcodec_descriptor_get(parameters.codec_id);
        const bool intra_only = descriptor != nullptr && (descriptor->props & AV_CODEC_PROP_INTRA_ONLY) != 0;
        return intra_only && parameters.format != AV_PIX_FMT_PAL8;  // a palette may have come with an earlier picture
      }
    }
  }

  void land() {
    const MediaTime to = landing_->position - landing_->back;
    if (to > MediaTime{0} && demuxer().seek(to)) {
      decoder().flush();
      await_key_ = true;
      from_start_ = false;
      return;
    }
    landing_.reset();
    open();
  }

  void land_further_back() {
    constexpr MediaTime first_step{2'000'000'000};
    landing_->back = landing_->back == MediaTime{0} ? first_step : 4 * landing_->back;
    land();
  }

  /// Whether the first picture after a seek is one from which on all is as in a reading from the start.
  [[nodiscard]] bool proves_landing() {
    // Of a stream that is refreshed bit by bit, key frames are predicted too, and what follows them need not be exact.
    const bool intra = compat::is_key_frame(*decoded_) && decoded_->pict_type == AV_PICTURE_TYPE_I;
    const bool timed = decoded_->pts != AV_NOPTS_VALUE && decoded_->pts == decoded_->best_effort_timestamp;
    return intra && timed && !is_damaged() && demuxer().time_of(decoded_->pts) <= landing_->position;
  }

  std::string source_;
  FFmpegOptions settings_;
  std::stop_token stop_;
  std::optional<Opened> opened_;
  Orientation orientation_;
  SourceInfo info_;
  std::shared_ptr<SourceCounters> counters_ = std::make_shared<SourceCounters>();
  std::shared_ptr<DecodedPicture::Converters> converters_ = std::make_shared<DecodedPicture::Converters>();
  FramePool<DecodedPicture> pool_{counters_};

  Packet packet_;
  UniqueFrame decoded_ = make_frame();
  std::uint64_t packets_ = 0;  // read since the start or the seek
  bool from_start_ = true;
  bool await_key_ = false;
  std::optional<Landing> landing_;
  std::optional<PlannedDecoder> planned_;
  bool left_out_ = false;

  std::unique_ptr<PictureNeeds> needs_;  // where nothing can be planned
  stream_infer::detail::Queue<Frame> pending_;
  std::size_t overdue_ = 0;  // answers of needs_ that were not waited for
  bool ended_ = false;
  std::exception_ptr failure_;

  std::optional<MediaTime> last_time_;
  MediaTime timed_{};  // the latest time that a time stamp gave
  std::int64_t periods_since_ = 0;
};

}  // namespace stream_infer::ffmpeg
