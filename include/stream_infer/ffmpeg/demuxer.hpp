#pragma once

#include "stream_infer/core/error.hpp"
#include "stream_infer/core/media_time.hpp"
#include "stream_infer/core/min_max.hpp"
#include "stream_infer/core/rational.hpp"
#include "stream_infer/core/redact.hpp"
#include "stream_infer/ffmpeg/error.hpp"
#include "stream_infer/ffmpeg/input.hpp"
#include "stream_infer/ffmpeg/orientation.hpp"
#include "stream_infer/ffmpeg/packet.hpp"
#include "stream_infer/ffmpeg/packet_tap.hpp"
#include "stream_infer/ffmpeg/stream_index.hpp"
#include "stream_infer/producer/producer.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace stream_infer::ffmpeg {

/// Reads the packets of a source's video stream. For one thread at a time; the stop token may be used from any.
class Demuxer {
 public:
  /// Opens `source`. \param again  it was open before, and its rate need not be found out \throws Error
  Demuxer(const std::string& source, const FFmpegOptions& options, const std::stop_token& stop, bool again = false)
      : name_{redact(source)},
        input_{open_input(source, options, stop, again)},
        interrupt_{stop, Interrupting{input_.interrupt}},
        taps_{options.taps} {
    choose_stream();
    const Address address{source};
    is_device_ = address.device != nullptr;
    if (address.is_remote()) stall_ = options.deadlines.stall;
    const bool names_others =
        is_format("hls") || is_format("dash") || is_format("concat") || is_format("imf") || is_format("sdp");
    is_file_ = !is_device_ && !names_others && is_regular_file(source.starts_with("file:") ? source.substr(5) : source);
    live_ = find_live(source);
    for_each_tap([this](PacketTap& tap) { tap.open(*input_.context, stream_->index); });
  }
  Demuxer(const Demuxer&) = delete;
  Demuxer& operator=(const Demuxer&) = delete;
  ~Demuxer() { cut_taps(); }

  enum class Status : std::uint8_t {
    packet,
    damaged,  ///< a part of the source that makes no sense was passed over
    end,
    stopped,
  };

  /// The next packet of the video stream. If the source fails, that is its end, and failure() says why.
  [[nodiscard]] Status read(Packet& packet) {
    // After a time-out it may still have something to give.
    if (stall_ > MediaTime{0} && !input_.interrupt->timed_out()) input_.interrupt->expect_within(stall_, stall_notice);
    for (;;) {
      const int code = av_read_frame(input_.context.get(), packet.refill());
      if (code >= 0) {
        for_each_tap([&packet](PacketTap& tap) { tap.packet(*packet); });
        if (packet->stream_index != stream_->index) continue;
        damages_in_a_row_ = 0;
        last_is_cut_ = (packet->flags & AV_PKT_FLAG_CORRUPT) != 0;
        const std::int64_t timestamp = packet->pts != AV_NOPTS_VALUE ? packet->pts : packet->dts;
        if (timestamp != AV_NOPTS_VALUE)
          end_ = stream_infer::detail::max(end_, av_sat_add64(timestamp, packet->duration));
        return Status::packet;
      }
      if (interrupted()) return Status::stopped;
      // FFmpeg's code for it may be any.
      if (input_.interrupt->timed_out() || !input_.gate->refused().empty()) return fail();
      if (code == AVERROR_EOF) return Status::end;
      if (code == AVERROR(EAGAIN)) {  // a device that has nothing yet
        if (Interrupt::ask(input_.interrupt.get()) != 0) continue;
        std::this_thread::sleep_for(MediaTime{1'000'000});
        continue;
      }
      const bool damaged = code == AVERROR_INVALIDDATA || code == AVERROR_PATCHWELCOME;
      if (damaged && ++damages_in_a_row_ <= most_damages_in_a_row) return Status::damaged;
      if (!damaged && !at_end_of_file()) failure_ = std::make_exception_ptr(make_error(code, "read", name_));
      damaged_end_ = damaged;
      return Status::end;
    }
  }

  /// Sets who hears, in read(), that it has been waiting for a while. \param self  outlives this
  void on_stall(void (*listener)(void*), void* self) { input_.interrupt->set_listener(listener, self); }

  /// Whether it reads a file, and nothing else: no pipe and no network that keeps its reader waiting.
  [[nodiscard]] bool is_file() const { return is_file_; }

  /// Whether it has been waiting for too long: what it still gives had come before.
  [[nodiscard]] bool timed_out() const { return input_.interrupt->timed_out(); }

  /// Whether stop has been requested.
  [[nodiscard]] bool interrupted() const { return input_.interrupt->requested(); }

  /// What ended the source, if it was not its own end: an Error.
  [[nodiscard]] const std::exception_ptr& failure() const { return failure_; }
  /// It, for whoever is to have it alone: it may outlive this, on another thread.
  [[nodiscard]] std::exception_ptr take_failure() { return std::exchange(failure_, nullptr); }

  /// Whether it is worth trying to seek.
  [[nodiscard]] bool can_seek() const {
    const AVFormatContext& context = *input_.context;
    // Where time stamps may begin anew, the same one can stand at two places: only a reading from the start tells them.
    const bool has_times = start_known_ && (context.iformat->flags & (AVFMT_NOTIMESTAMPS | AVFMT_TS_DISCONT)) == 0;
    // Where there is no `pb`, the format opens its files itself: an image sequence does, and can seek.
    const bool has_places = context.pb == nullptr || (context.pb->seekable & AVIO_SEEKABLE_NORMAL) != 0;
    return !live_ && !is_device_ && has_times && has_places;
  }

  /// Goes to a key frame at or before `position`, or near it: some formats are not exact. Returns false if that fails;
  /// what has been read is lost then, too.
  [[nodiscard]] bool seek(MediaTime position) {
    cut_taps();
    const std::int64_t target = av_sat_add64(start_, av_rescale_q(position.count(), nanoseconds, stream_->time_base));
    return av_seek_frame(input_.context.get(), stream_->index, target, AVSEEK_FLAG_BACKWARD) >= 0;
  }

  /// Likewise, for a time stamp of showing.
  [[nodiscard]] bool seek_to_entry(std::int64_t timestamp) {
    cut_taps();
    return av_seek_frame(input_.context.get(), stream_->index, timestamp, AVSEEK_FLAG_BACKWARD) >= 0;
  }

  /// The container's index of the video stream, as far as it has been read.
  [[nodiscard]] StreamIndex index() const { return StreamIndex{*stream_}; }

  /// Whether that index has every picture of the stream, each to be shown, and packets may be passed over by it: an MP4 or MOV
  /// file that is not in fragments.
  [[nodiscard]] bool has_whole_index() const {
    if (is_tapped()) return false;
    const StreamIndex known = index();
    return can_seek() && is_format("mov") && known.size() > 0 && known.hidden() == 0 &&
           known.size() == static_cast<std::uint64_t>(stream_->nb_frames);
  }

  /// A time stamp of the video stream as media time.
  [[nodiscard]] MediaTime time_of(std::int64_t timestamp) const {
    const std::int64_t since_start = av_sat_sub64(timestamp, start_);
    return MediaTime{av_rescale_q_rnd(since_start, stream_->time_base, nanoseconds, AV_ROUND_NEAR_INF)};
  }

  /// Whether the stream says at which time stamp it starts.
  [[nodiscard]] bool knows_start() const { return start_known_; }

  /// A picture with that time stamp has become a frame at that time.
  void note_shown(std::int64_t timestamp, MediaTime time) {
    if (timestamp == AV_NOPTS_VALUE) return;
    for_each_tap([&](PacketTap& tap) { tap.shown(timestamp, time); });
  }

  /// Makes `timestamp` media time 0.
  void start_at(std::int64_t timestamp) {
    start_ = timestamp;
    start_known_ = true;
  }

  /// Whether the source ended before its own index or header says so.
  /// \param packets  how many were read, from the start; none if reading did not begin there
  [[nodiscard]] bool is_truncated(std::optional<std::uint64_t> packets) const {
    if (damaged_end_) return true;
    if (live_) return false;
    if (last_is_cut_) return true;
    if (packets && is_format("mov")) return *packets < index().size();  // it knows every packet
    if (is_format("asf")) return false;  // gives every stream the duration of the longest
    const std::optional<MediaTime> whole = stream_duration();
    if (!whole || end_ == AV_NOPTS_VALUE) return false;
    const MediaTime missing{av_sat_sub64(whole->count(), time_of(end_).count())};
    const MediaTime period = period_of(frame_rate().value_or(Rational{2}));
    // These do not say how long the last picture lasts, and of a variable rate that may be long.
    if (is_format("avi") || is_format("flv") || is_format("nut") || is_format("ogg"))
      return missing > stream_infer::detail::max(3 * period, MediaTime{1'000'000'000});
    // Headers count frames and time a little differently: alone, neither is exact.
    const bool too_few = packets && stream_->nb_frames > 0 && *packets < static_cast<std::uint64_t>(stream_->nb_frames);
    return missing > (too_few ? period / 2 : 3 * period);
  }

  /// What is known of the source, for pictures turned as `orientation` says.
  [[nodiscard]] SourceInfo info(const Orientation& orientation) const {
    const AVCodecParameters& codec = *stream_->codecpar;
    SourceInfo info{.width = codec.width, .height = codec.height, .fps = frame_rate()};
    if (orientation.transpose) std::swap(info.width, info.height);
    info.frame_count = frame_count();
    info.duration = stream_duration();
    if (!info.duration) info.duration = whole_duration();
    info.interlaced = codec.field_order > AV_FIELD_PROGRESSIVE;
    info.codec = avcodec_get_name(codec.codec_id);
    info.live = live_;
    info.time_base = Rational{stream_->time_base.num, stream_infer::detail::max(1, stream_->time_base.den)};
    return info;
  }

  [[nodiscard]] const AVStream& stream() const { return *stream_; }
  [[nodiscard]] Orientation orientation() const { return Orientation::from(compat::display_matrix(*stream_)); }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] bool live() const { return live_; }

 private:
  static constexpr AVRational nanoseconds{1, 1'000'000'000};
  static constexpr MediaTime stall_notice{1'000'000'000};
  static constexpr int most_damages_in_a_row = 16;
  static constexpr std::int64_t longest = 4'000'000'000'000'000;  // microseconds: a century

  [[nodiscard]] bool is_tapped() const {
    return std::ranges::any_of(taps_, [](const std::shared_ptr<PacketTap>& tap) { return tap != nullptr; });
  }
  template <class Call>
  void for_each_tap(Call call) {
    for (const std::shared_ptr<PacketTap>& tap : taps_)
      if (tap) call(*tap);
  }

  void cut_taps() noexcept try {
    for_each_tap([](PacketTap& tap) { tap.cut(); });
  } catch (...) {  // no memory: what comes next cannot join, either
  }

  Status fail() {
    const Error error =
        input_.interrupt->timed_out()
            ? Error{std::make_error_code(std::errc::timed_out), "read", name_,
                    "no picture for " + detail::seconds_text(stall_) + " (FFmpegOptions::deadlines.stall)"}
            : input_.gate->error("read", name_);
    failure_ = std::make_exception_ptr(error);
    return Status::end;
  }

  void choose_stream() {
    AVFormatContext& context = *input_.context;
    const auto is_picture_track = [&](int i) {
      const AVStream& stream = *context.streams[i];
      return stream.codecpar->codec_type == AVMEDIA_TYPE_VIDEO &&
             (stream.disposition & AV_DISPOSITION_ATTACHED_PIC) == 0;
    };
    int chosen = av_find_best_stream(&context, AVMEDIA_TYPE_VIDEO, -1, -1, nullptr, 0);
    if (chosen >= 0 && !is_picture_track(chosen)) chosen = -1;  // cover art
    const int streams = static_cast<int>(context.nb_streams);
    for (int i = 0; i < streams && chosen < 0; ++i)
      if (is_picture_track(i)) chosen = i;
    if (chosen < 0)
      throw Error{Errc::no_video_stream, "find video stream", name_,
                  "no video stream among its " + std::to_string(streams) + " stream(s)" +
                      (streams > 0 ? "; audio and cover art cannot be played" : "")};
    for (int i = 0; i < streams; ++i) {
      const bool is_heard = is_tapped() && context.streams[i]->codecpar->codec_type == AVMEDIA_TYPE_AUDIO;
      context.streams[i]->discard = i == chosen || is_heard ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
    }
    stream_ = context.streams[chosen];
    start_known_ = stream_->start_time != AV_NOPTS_VALUE;
    start_ = start_known_ ? stream_->start_time : 0;
    if (stream_->codecpar->width <= 0 || stream_->codecpar->height <= 0)
      throw make_error(
          AVERROR_INVALIDDATA, "find video stream", name_,
          "the size of its pictures cannot be told: it may be damaged, or a live one without a key frame yet");
  }

  /// The real frame rate: the one that all time stamps fit, unless the average is well below it (a variable rate).
  [[nodiscard]] std::optional<Rational> frame_rate() const {
    const std::optional<Rational> real = rate_of(stream_->r_frame_rate);
    const std::optional<Rational> average = rate_of(stream_->avg_frame_rate);
    if (!average || !real) return average ? average : real;
    return average->to_double() < 0.99 * real->to_double() ? average : real;
  }

  /// Some containers keep the time of a frame, rounded: 60000/1001 comes out of a Matroska as 19001/317.
  [[nodiscard]] static std::optional<Rational> rate_of(AVRational told) {
    if (told.num <= 0 || told.den <= 0) return std::nullopt;
    const Rational rate{told.num, told.den};
    for (const std::int64_t den : {1, 1001}) {
      const std::int64_t unit = den == 1 ? 1 : 1000;  // n / 1 or n * 1000 / 1001
      const std::int64_t n = (2 * rate.num() * den / unit + rate.den()) / (2 * rate.den());
      const double ratio = Rational{n * unit, den}.to_double() / rate.to_double();
      if (ratio > 1 - 1e-6 && ratio < 1 + 1e-6) return Rational{n * unit, den};
    }
    return rate;
  }

  [[nodiscard]] std::optional<std::uint64_t> frame_count() const {
    if (stream_->nb_frames <= 0) return std::nullopt;
    const auto count = static_cast<std::uint64_t>(stream_->nb_frames);
    if (!is_format("mov")) return count;
    // An edit list hides pictures or leaves them out. More than the header counts are the fragments read so far.
    const StreamIndex known = index();
    if (known.size() > count) return std::nullopt;
    return known.size() > 0 ? known.size() - known.hidden() : count;
  }

  [[nodiscard]] std::optional<MediaTime> stream_duration() const {
    if (is_guessed_duration()) return std::nullopt;
    if (stream_->duration > 0) return MediaTime{av_rescale_q(stream_->duration, stream_->time_base, nanoseconds)};
    const AVDictionaryEntry* tag = av_dict_get(stream_->metadata, "DURATION", nullptr, 0);  // Matroska
    std::int64_t end = 0;
    if (tag != nullptr && av_parse_time(&end, tag->value, 1) >= 0)
      return positive(from_microseconds(end) - start_in_matroska());
    return input_.context->nb_streams == 1 ? whole_duration() : std::nullopt;
  }

  /// Of the longest stream.
  [[nodiscard]] std::optional<MediaTime> whole_duration() const {
    if (is_guessed_duration() || input_.context->duration <= 0) return std::nullopt;
    return positive(from_microseconds(input_.context->duration) - start_in_matroska());
  }

  [[nodiscard]] bool is_guessed_duration() const {
    return input_.context->duration_estimation_method == AVFMT_DURATION_FROM_BITRATE;
  }

  /// Matroska counts durations from its own start, not from the stream's.
  [[nodiscard]] MediaTime start_in_matroska() const {
    if (!is_format("matroska") || stream_->start_time == AV_NOPTS_VALUE) return MediaTime{0};
    return MediaTime{av_rescale_q(stream_->start_time, stream_->time_base, nanoseconds)};
  }

  [[nodiscard]] static MediaTime from_microseconds(std::int64_t time) {
    return MediaTime{stream_infer::detail::clamp<std::int64_t>(time, -longest, longest) * 1000};
  }

  [[nodiscard]] static std::optional<MediaTime> positive(MediaTime time) {
    return time > MediaTime{0} ? std::optional{time} : std::nullopt;
  }

  [[nodiscard]] bool is_format(const char* name) const {
    return av_match_name(name, input_.context->iformat->name) != 0;
  }

  /// Some formats give an input error where the file just ends.
  [[nodiscard]] bool at_end_of_file() const {
    AVIOContext* io = input_.context->pb;
    return io != nullptr && io->error == 0 && avio_feof(io) != 0;
  }

  /// Whether frames come at their own pace. A network source with a known end is like a file.
  [[nodiscard]] bool find_live(const std::string& source) const {
    if (is_device_) return !is_format("lavfi");
    const std::string_view scheme =
        std::string_view{source}.substr(0, stream_infer::detail::min(source.find("://"), source.size()));
    for (const char* always : {"rtsp", "rtsps", "rtp", "udp", "srt", "sdp"})
      if (scheme == always) return true;
    for (const char* if_endless : {"http", "https", "rtmp", "rtmps", "rtmpt", "rtmpe", "tcp", "tls", "hls"})
      if (scheme == if_endless) return input_.context->duration <= 0;
    return false;
  }

  std::string name_;
  Input input_;
  std::stop_callback<Interrupting> interrupt_;
  PacketTaps taps_;
  AVStream* stream_ = nullptr;  // the context's
  std::int64_t start_ = 0;      // the time stamp of media time 0
  bool start_known_ = false;
  bool is_device_ = false;
  bool is_file_ = false;
  bool live_ = false;
  MediaTime stall_{};  // FFmpegOptions::deadlines.stall, where it counts
  int damages_in_a_row_ = 0;
  bool last_is_cut_ = false;  // the packet that was read last
  bool damaged_end_ = false;
  std::exception_ptr failure_;
  std::int64_t end_ = AV_NOPTS_VALUE;  // of the packets read, the smallest number before there were any
};

}  // namespace stream_infer::ffmpeg
