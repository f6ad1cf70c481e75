#pragma once

#include "stream_infer/core/error.hpp"
#include "stream_infer/core/media_time.hpp"
#include "stream_infer/core/min_max.hpp"
#include "stream_infer/core/stats.hpp"
#include "stream_infer/ffmpeg/bitstream.hpp"
#include "stream_infer/ffmpeg/decoder.hpp"
#include "stream_infer/ffmpeg/deinterlacer.hpp"
#include "stream_infer/ffmpeg/demuxer.hpp"
#include "stream_infer/ffmpeg/describe_packet.hpp"
#include "stream_infer/ffmpeg/ffmpeg_options.hpp"
#include "stream_infer/ffmpeg/frame_filter.hpp"
#include "stream_infer/ffmpeg/frame_maker.hpp"
#include "stream_infer/ffmpeg/handle.hpp"
#include "stream_infer/ffmpeg/live_filter.hpp"
#include "stream_infer/ffmpeg/make_bitstream.hpp"
#include "stream_infer/ffmpeg/orientation.hpp"
#include "stream_infer/ffmpeg/packet.hpp"
#include "stream_infer/ffmpeg/planned_decoder.hpp"
#include "stream_infer/producer/producer.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <system_error>
#include <utility>

namespace stream_infer::ffmpeg {

/// Demuxer, decoder and frames put together: the pictures of a source in the order of their time. For one thread at a
/// time; the counters may be read by any.
///
/// From a start position on, the frames are the same, in time and pixels, as those of a reading from the start. It seeks
/// where the first picture that comes then proves it: an intra coded key frame with a time stamp of its own, at or before
/// the position. A landing that proves nothing is tried again further back, and in the end from the start. What it cannot
/// see are colours that H.264 or MPEG-2 names somewhere before the position, and neither at the start nor there.
class FrameSource {
  using Clock = std::chrono::steady_clock;

 public:
  /// Opens the source. Pictures from `options.position` on will come, perhaps after some before it. \throws Error
  FrameSource(std::string source, const FFmpegOptions& settings, const OpenOptions& options)
      : source_{std::move(source)}, settings_{settings}, options_{options}, frames_{settings} {
    open();
    info_ = demuxer().info(orientation());
    const ImageSpec spec = frames_.set(orientation(), info_);
    if (stream_infer::detail::max(spec.width, spec.height) > FrameMaker::largest_side)
      throw Error{Errc::invalid_argument, "open", demuxer().name(),
                  "its pictures would become " + std::to_string(spec.width) + "x" + std::to_string(spec.height) +
                      ", more than 65535 pixels on a side: set both width and height"};
    if (demuxer().live()) {
      follow();
      return;
    }
    if (options.needs && (settings_.deinterlace || !plan(options)))
      filter_.reset(new FrameFilter{options.needs(info_)});
    if (planned_) return;
    // What is deinterlaced looks at pictures before it, too: it is read from the start.
    const bool may_land = !settings_.deinterlace && can_start_at_key_frames();
    if (options.position > MediaTime{0} && demuxer().can_seek() && may_land) {
      landing_ = {.position = options.position, .active = true};
      land();
    }
  }

  /// Opens a live source again. Its frames go on, with another epoch. \throws Error
  void reopen() {
    close();
    open(true);
    frames_.set(orientation(), demuxer().info(orientation()));
    follow();
  }

  /// What was known of the source when it was opened first.
  [[nodiscard]] const SourceInfo& info() const { return info_; }
  [[nodiscard]] const std::shared_ptr<SourceCounters>& counters() const { return frames_.counters(); }

  /// The next picture, not yet converted. Not to be called again after an error. \throws Error  if the source fails, after
  /// the pictures before that
  [[nodiscard]] ReadStatus read(Frame& frame) {
    if (!filter_) return read_next(frame);
    return filter_->read(frame, left_out_, frames_, [this](Frame& next) { return read_next(next); });
  }

  /// Gives back demuxer and decoders. Nothing is to be read after it; info() and counters() stay.
  void close() noexcept {
    planned_.reset(nullptr);
    filter_.reset(nullptr);
    live_.reset(nullptr);
    deinterlacer_.reset(nullptr);
    opened_.reset(nullptr);
  }

  /// Sets who hears, in read(), that a source that may keep it waiting does. \param self  outlives this
  void on_stall(void (*listener)(void*), void* self) {
    on_stall_ = listener;
    stalling_ = self;
    if (opened_) demuxer().on_stall(listener, self);
  }

  /// Whether a frame has been read since the source was opened last.
  [[nodiscard]] bool has_begun() const { return has_begun_; }

  /// Whether nothing has come from the source for too long: the frame read last had come before that.
  [[nodiscard]] bool timed_out() { return demuxer().timed_out(); }

  /// Whether the frame read last has no pixels, because nobody needs it.
  [[nodiscard]] bool left_out() const { return left_out_; }

 private:
  [[nodiscard]] ReadStatus read_next(Frame& frame) {
    if (planned_) return read_planned(frame);
    if (live_) return live_->read(frame, left_out_, frames_, demuxer(), *decoded_, [this] { return decode(); });
    const ReadStatus status = *decode();
    if (status == ReadStatus::frame) frame = frames_.make(demuxer(), *decoded_);
    return status;
  }

  /// Decodes the next picture. Nothing if one that was left out comes first.
  [[nodiscard]] std::optional<ReadStatus> decode() {
    if (!deinterlacer_) return decode_as_coded();
    return deinterlacer_->next(*decoded_, [this] { return decode_as_coded(); });
  }

  [[nodiscard]] std::optional<ReadStatus> decode_as_coded() {
    for (;;) {
      switch (decoder().receive(*decoded_)) {
        case Decoder::Status::frame:
          if (landing_.active && !proves_landing()) {
            land_further_back();
            break;
          }
          landing_.active = false;
          stream_infer::detail::count(counters()->frames_decoded);
          if (drops(*decoded_)) break;
          has_begun_ = true;
          return ReadStatus::frame;
        case Decoder::Status::end:
          if (landing_.active) {
            land_further_back();
            break;
          }
          finish();
          return ReadStatus::end;
        case Decoder::Status::error: count_error(); break;
        case Decoder::Status::hungry:
          if (!feed()) return ReadStatus::stopped;
          if (live_ && live_->has_next()) return {};
          break;
      }
    }
  }

  /// Whether a picture is not to be handed on: it has been decoded with errors, or, live, may have been.
  [[nodiscard]] bool drops(const AVFrame& picture) const {
    if (!is_damaged(picture)) return false;
    stream_infer::detail::count(counters()->frames_damaged);
    // Where MPEG-TS files are put one behind another, a picture is taken for incomplete that is not.
    return !settings_.damaged && (info_.live || picture.decode_error_flags != 0);
  }

  [[nodiscard]] Orientation orientation() { return settings_.rotate ? demuxer().orientation() : Orientation{}; }

  /// A live source has been opened: looks at it as far as somebody will.
  void follow() {
    if (!options_.needs) return;
    std::unique_ptr<PictureNeeds> needs = options_.needs(info_);
    if (needs->keeps_pace())
      live_.reset(
          new LiveFilter{settings_.deinterlace ? Handle<Bitstream>{} : make_bitstream(*demuxer().stream().codecpar),
                         std::move(needs)});
    else
      filter_.reset(new FrameFilter{std::move(needs)});
  }

  struct Opened {
    Opened(const std::string& source, const FFmpegOptions& settings, const std::stop_token& stop, bool again)
        : demuxer{source, settings, stop, again},
          threads{settings.threads == 0 && demuxer.live() ? fewest_threads(demuxer.stream()) : settings.threads},
          decoder{demuxer.stream(), threads == 1 ? settings.threads : threads, demuxer.name(),
                  demuxer.live() && threads == 1} {}
    Demuxer demuxer;
    int threads;
    Decoder decoder;
  };

  /// How many threads keep pace with a live stream that comes in pictures of one slice.
  [[nodiscard]] static int fewest_threads(const AVStream& stream) {
    constexpr double pixels_each = 1920.0 * 1088 * 30;  // a second; half of what a core of a small machine does
    const AVRational told = stream.avg_frame_rate;
    const double rate = told.num > 0 && told.den > 0 ? stream_infer::detail::clamp(av_q2d(told), 1.0, 240.0) : 30.0;
    const double pixels = static_cast<double>(stream.codecpar->width) * stream.codecpar->height * rate;
    return static_cast<int>(stream_infer::detail::clamp(pixels / pixels_each + 0.99, 1.0, 16.0));
  }

  /// A seek whose first picture has not come yet.
  struct Landing {
    MediaTime position{};  ///< what is wanted
    MediaTime back{};      ///< how far before it the seek went
    bool active = false;
  };

  [[nodiscard]] Demuxer& demuxer() { return opened_->demuxer; }
  [[nodiscard]] Decoder& decoder() { return opened_->decoder; }

  void count_error() const {
    if (!landing_.active) stream_infer::detail::count(counters()->decode_errors);
  }

  /// Goes to work by what will be looked at, if the stream can be planned. Else all is as before.
  bool plan(const OpenOptions& options) {
    Handle<Bitstream> bitstream = make_bitstream_for_planning(demuxer());
    if (!bitstream) return false;
    if (options.position > MediaTime{0} && demuxer().can_seek() && !seek_to_entry(options.position)) {
      open();
      return false;
    }
    const PacketPlanner::Limits limits{.reordered = bitstream->most_reordered(), .tells_groups = demuxer().is_file()};
    planned_.reset(new PlannedDecoder{demuxer(), decoder(), *counters(), std::move(bitstream), options.needs(info_),
                                      settings_.threads, limits});
    return planned_->can_plan();
  }

  /// Goes to a packet, at or before `position`, from which on decoding is as from the start. Returns false if there is none
  /// near.
  bool seek_to_entry(MediaTime position) {
    for (const MediaTime back : {MediaTime{0}, MediaTime{2'000'000'000}, MediaTime{8'000'000'000}}) {
      const MediaTime to = position - back;
      if (to <= MediaTime{0}) break;
      const Handle<Bitstream> bitstream = make_bitstream(*demuxer().stream().codecpar);
      if (!demuxer().seek(to) || demuxer().read(packet_) != Demuxer::Status::packet) return false;
      const std::optional<PictureTraits> traits = bitstream->inspect(*packet_);
      if (!traits || traits->entry == PictureTraits::Entry::none || packet_->pts == AV_NOPTS_VALUE) continue;
      if (compat::changes_parameters(*packet_)) continue;  // it says so only once, and we shall seek again
      if (demuxer().time_of(packet_->pts) > position || !demuxer().seek(to)) continue;
      from_start_ = false;
      return true;
    }
    open();  // from the start
    return true;
  }

  [[nodiscard]] ReadStatus read_planned(Frame& frame) {
    std::int64_t timestamp = 0;
    PlannedDecoder::Status status = planned_->next(*decoded_, timestamp);
    while (status == PlannedDecoder::Status::picture && drops(*decoded_)) {
      planned_->give_up();  // what is needed was found out with this picture counted
      status = planned_->next(*decoded_, timestamp);
    }
    left_out_ = status == PlannedDecoder::Status::left_out;
    switch (status) {
      case PlannedDecoder::Status::picture: frame = frames_.make(demuxer(), *decoded_); return ReadStatus::frame;
      case PlannedDecoder::Status::left_out:
        frame = frames_.make_left_out(demuxer(), timestamp);
        return ReadStatus::frame;
      case PlannedDecoder::Status::stopped: return ReadStatus::stopped;
      case PlannedDecoder::Status::end: break;
    }
    packets_ = planned_->packets();
    finish();
    return ReadStatus::end;
  }

  /// Opens the source, to be read from its start.
  void open(bool again = false) {
    opened_.reset(nullptr);
    opened_.reset(new Opened{source_, settings_, options_.stop, again});
    if (on_stall_ != nullptr) demuxer().on_stall(on_stall_, stalling_);
    if (settings_.deinterlace) deinterlacer_.reset(new Deinterlacer{demuxer().name()});
    has_begun_ = false;
    opened_at_ = Clock::now();
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
    stream_infer::detail::count(counters()->packets_read);
    if (info_.live) attend_live();
    if (await_key_ && (packet_->flags & AV_PKT_FLAG_KEY) == 0) {
      const bool too_far =
          landing_.active && packet_->dts != AV_NOPTS_VALUE && demuxer().time_of(packet_->dts) > landing_.position;
      if (too_far) land_further_back();
      return true;
    }
    await_key_ = false;
    if (live_ && live_->leaves_out(*packet_, demuxer())) {
      stream_infer::detail::count(counters()->left_out_non_reference);
      return true;
    }
    stream_infer::detail::count(counters()->packets_decoded);
    if (!decoder().send(packet_.get())) count_error();
    return true;
  }

  /// A packet of a live source has been read. \throws Error  if its first frame is overdue
  void attend_live() {
    frames_.note_arrival(packet_->pts != AV_NOPTS_VALUE ? packet_->pts : packet_->dts);
    const MediaTime limit = settings_.deadlines.first_frame;
    if (has_begun_ || limit == MediaTime{0} || Clock::now() - opened_at_ <= limit) return;
    throw Error{std::make_error_code(std::errc::timed_out), "decode", demuxer().name(),
                "no picture could be decoded in " + detail::seconds_text(limit) + ", of " + std::to_string(packets_) +
                    " packets: no key frame? (FFmpegOptions::deadlines.first_frame)"};
  }

  /// The end: says whether it is the right one. \throws Error  if the source failed, or nothing could be decoded
  void finish() {
    if (demuxer().failure()) std::rethrow_exception(demuxer().take_failure());
    if (demuxer().is_truncated(from_start_ ? std::optional{packets_} : std::nullopt))
      counters()->truncated.store(true, std::memory_order_relaxed);
    if (frames_.made_any() || has_begun_ || packets_ == 0) return;
    const int code = decoder().last_error() != 0 ? decoder().last_error() : AVERROR_INVALIDDATA;
    throw make_error(code, "decode", demuxer().name(), "not one of its pictures could be decoded");
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
    const MediaTime to = landing_.position - landing_.back;
    if (to > MediaTime{0} && demuxer().seek(to)) {
      decoder().flush();
      await_key_ = true;
      from_start_ = false;
      return;
    }
    landing_.active = false;
    open();
  }

  void land_further_back() {
    constexpr MediaTime first_step{2'000'000'000};
    landing_.back = landing_.back == MediaTime{0} ? first_step : 4 * landing_.back;
    land();
  }

  /// Whether the first picture after a seek is one from which on all is as in a reading from the start.
  [[nodiscard]] bool proves_landing() {
    // Of a stream that is refreshed bit by bit, key frames are predicted too, and what follows them need not be exact.
    const bool intra = compat::is_key_frame(*decoded_) && decoded_->pict_type == AV_PICTURE_TYPE_I;
    const bool timed = decoded_->pts != AV_NOPTS_VALUE && decoded_->pts == decoded_->best_effort_timestamp;
    return intra && timed && !is_damaged(*decoded_) && demuxer().time_of(decoded_->pts) <= landing_.position;
  }

  std::string source_;
  FFmpegOptions settings_;
  OpenOptions options_;
  Handle<Opened> opened_;
  SourceInfo info_;
  FrameMaker frames_;

  Packet packet_;
  UniqueFrame decoded_ = make_frame();
  Handle<Deinterlacer> deinterlacer_;
  std::uint64_t packets_ = 0;  // read since the start or the seek
  bool from_start_ = true;
  bool await_key_ = false;
  Landing landing_;
  Clock::time_point opened_at_{};
  bool has_begun_ = false;
  void (*on_stall_)(void*) = nullptr;
  void* stalling_ = nullptr;
  Handle<PlannedDecoder> planned_;
  bool left_out_ = false;
  Handle<FrameFilter> filter_;
  Handle<LiveFilter> live_;
};

}  // namespace stream_infer::ffmpeg
