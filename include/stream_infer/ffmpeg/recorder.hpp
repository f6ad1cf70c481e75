#pragma once

#include "stream_infer/core/callback.hpp"
#include "stream_infer/core/error.hpp"
#include "stream_infer/core/frame.hpp"
#include "stream_infer/core/image.hpp"
#include "stream_infer/core/media_time.hpp"
#include "stream_infer/core/min_max.hpp"
#include "stream_infer/ffmpeg/encoder.hpp"
#include "stream_infer/ffmpeg/output.hpp"
#include "stream_infer/ffmpeg/packet_tap.hpp"
#include "stream_infer/ffmpeg/recording.hpp"
#include "stream_infer/ffmpeg/sound_tap.hpp"
#include "stream_infer/ffmpeg/sound_track.hpp"
#include "stream_infer/ffmpeg/worker.hpp"

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

namespace stream_infer {

/// A file that has been recorded.
struct RecordedFile {
  std::string path{};
  MediaTime begin{};        ///< media time of its first picture
  MediaTime end{};          ///< where its last picture ends
  std::uint64_t bytes = 0;  ///< of encoded pictures
};

/// How a Recorder writes.
struct RecorderOptions {
  std::string container{};  ///< FFmpeg's name of it; empty: as the path ends
  std::string encoder{};    ///< FFmpeg's name of it; empty: H.264 where the container can hold it, else its usual one
  /// FFmpeg's own, as on its command line: {{"preset", "medium"}, {"crf", "20"}}. x264 and x265 begin with "veryfast".
  std::vector<std::pair<std::string, std::string>> encoder_options{};
  /// Likewise. MP4 and MOV begin with `movflags` "frag_keyframe+delay_moov+default_base_moof".
  std::vector<std::pair<std::string, std::string>> container_options{};
  MediaTime keyframe_interval{2'000'000'000};     ///< at most; of a fragmented file, a kill may cost that much
  MediaTime segment_time{};                       ///< a new file each time after so long; 0: never. Numbers go on after
                                                  ///< those of the files that are there
  std::uint64_t segment_bytes = 0;                ///< likewise, after so many; 0: never
  std::size_t queue = 32;                         ///< pictures that wait for the encoder
  Overload overload = Overload::wait;             ///< where as many wait
  Callback<void(const RecordedFile&)> on_file{};  ///< a file is finished; on the encoder's thread, must not throw
};

namespace ffmpeg {

/// Where a Recording puts its packets: one file after the other.
class FileSink {
 public:
  FileSink(std::string path, const RecorderOptions& options, std::shared_ptr<SoundTap> sound)
      : path_{std::move(path)}, options_{&options}, sound_{std::move(sound)} {
    if (segments() && name(0) == path_)
      throw Error{Errc::invalid_argument, "record", redact(path_),
                  "for segments the path needs a place for their number: rec-%03d.mp4"};
    if (options.segment_time < MediaTime{0} || options.keyframe_interval <= MediaTime{0})
      throw Error{Errc::invalid_argument, "record", redact(path_),
                  "RecorderOptions::segment_time must not be negative, nor keyframe_interval be 0"};
    if (segments()) number_ = number_after_those_there();
    prepare();
  }

  [[nodiscard]] const AVOutputFormat& format() const { return output_->format(); }
  void start() {
    for (; !opened(); prepare()) ++number_;
  }
  [[nodiscard]] bool is_ready(const Encoder&) const { return true; }

  [[nodiscard]] bool wants_key(MediaTime time) {
    if (!cut_at_) cut_at_ = time + options_->segment_time;
    const bool is_time = options_->segment_time > MediaTime{0} && time >= *cut_at_;
    if (is_time) cut_at_ = time + options_->segment_time;
    return std::exchange(is_full_, false) || is_time;
  }

  void write(AVPacket& packet, const Encoder& encoder) {
    const AVRational unit = encoder.context().time_base;
    if (base_ && (packet.flags & AV_PKT_FLAG_KEY) != 0 && is_due(packet.pts, unit)) {
      sound_.write(*output_, time_of(packet.pts, unit));
      end();
      prepare();
      start();
    }
    if (!base_) {
      base_ = packet.pts;
      file_ = {.path = name(number_++), .begin = time_of(packet.pts, unit)};
      ++files_;
      output_->add_stream(*encoder.parameters(), unit);
      sound_.add_to(*output_);
      sound_.begin(file_.begin);
      output_->begin();
    }
    sound_.write(*output_, time_of(packet.dts, unit));
    file_.end = stream_infer::detail::max(file_.end, time_of(packet.pts + packet.duration, unit));
    packet.pts -= *base_;
    packet.dts -= *base_;
    file_.bytes += static_cast<std::uint64_t>(packet.size);
    const bool was_full = output_->bytes() >= most_bytes();
    output_->write(packet, 0, unit);
    if (!was_full && output_->bytes() >= most_bytes()) is_full_ = true;
  }

  void end() {
    if (!base_) return remove_empty();
    sound_.write(*output_, file_.end);
    output_->end();
    output_.reset();
    base_.reset();
    if (options_->on_file) options_->on_file(file_);
  }

  void interrupt() { interrupt_->request(); }
  void note(RecorderStats& stats) const {
    stats.files = files_;
    stats.sound_dropped = sound_.dropped();
    stats.last_error = sound_.left_out();
  }

 private:
  static constexpr AVRational nanoseconds{1, 1'000'000'000};

  /// Returns false if another recorder has taken the number meanwhile.
  [[nodiscard]] bool opened() {
    try {
      output_->open();
      return true;
    } catch (const Error& error) {
      if (segments() && error.code() == std::errc::device_or_resource_busy) return false;
      throw;
    }
  }

  [[nodiscard]] bool segments() const { return options_->segment_time > MediaTime{0} || options_->segment_bytes > 0; }
  [[nodiscard]] std::uint64_t most_bytes() const {
    return options_->segment_bytes > 0 ? options_->segment_bytes : UINT64_MAX;
  }
  [[nodiscard]] static MediaTime time_of(std::int64_t timestamp, AVRational unit) {
    return MediaTime{av_rescale_q(timestamp, unit, nanoseconds)};
  }

  /// Whether a key frame at that time begins another file.
  [[nodiscard]] bool is_due(std::int64_t timestamp, AVRational unit) const {
    const std::int64_t length = av_rescale_q(options_->segment_time.count(), nanoseconds, unit);
    return output_->bytes() >= most_bytes() || (length > 0 && timestamp - *base_ + 1 >= length);
  }

  /// The path of one of the files.
  [[nodiscard]] std::string name(std::uint64_t number) const {
    if (!segments()) return path_;
    char text[4096];
    const int code = av_get_frame_filename2(text, sizeof text, path_.c_str(), static_cast<int>(number), 0);
    return code < 0 ? path_ : text;
  }

  /// So that a program that begins again loses none of the files that it has recorded before.
  [[nodiscard]] std::uint64_t number_after_those_there() const {
    const auto file_of = [](const std::string& path) { return path.substr(path.rfind('/') + 1); };
    const std::string pattern = name(0);
    const std::string folder = pattern.substr(0, pattern.rfind('/') + 1);
    constexpr std::string_view digits = "0123456789";
    std::uint64_t after = 0;
    std::error_code failure;  // the output will tell
    std::filesystem::directory_iterator entry{folder.empty() ? "." : folder, failure};
    for (; !failure && entry != std::filesystem::directory_iterator{}; entry.increment(failure)) {
      const std::string file = entry->path().filename().string();
      for (std::size_t at = file.find_first_of(digits); at < file.size(); at = file.find_first_of(digits, at + 1)) {
        int number = 0;  // it may be this one
        const auto [end, error] = std::from_chars(file.data() + at, file.data() + file.size(), number);
        if (error != std::errc{} || number == std::numeric_limits<int>::max()) continue;
        const auto next = static_cast<std::uint64_t>(number) + 1;
        if (file_of(name(next - 1)) == file) after = stream_infer::detail::max(after, next);
      }
    }
    return after;
  }

  /// There was no picture.
  void remove_empty() {
    output_.reset();
    const std::string path = name(number_);
    struct stat status {};
    if (::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && status.st_size == 0) ::unlink(path.c_str());
  }

  void prepare() {
    if (segments())
      while (kind_of_file(name(number_)) != 0) ++number_;  // another recorder's
    output_.emplace(Output::Target{.url = name(number_),
                                   .container = options_->container,
                                   .options = options_->container_options,
                                   .owner = "RecorderOptions",
                                   .interrupt = interrupt_});
  }

  std::string path_;
  const RecorderOptions* options_;
  std::shared_ptr<Interrupt> interrupt_{new Interrupt};
  std::optional<Output> output_;
  RecordedFile file_;                 // being written
  std::optional<std::int64_t> base_;  // the time of its first picture, in the encoder's units
  std::optional<MediaTime> cut_at_;   // where the picture shall be one to begin with
  std::uint64_t number_ = 0;          // of the next file
  std::uint64_t files_ = 0;           // that have been begun
  SoundTrack sound_;
  bool is_full_ = false;
};

/// What a Recorder shares with its thread.
struct FileRecording {
  FileRecording(std::string path, RecorderOptions given)
      : options{std::move(given)},
        recording{{.encoder = {.name = options.encoder, .options = options.encoder_options, .owner = "RecorderOptions"},
                   .keyframe_interval = options.keyframe_interval,
                   .queue = stream_infer::detail::max<std::size_t>(1, options.queue),
                   .overload = options.overload},
                  std::move(path),
                  options,
                  sound} {}

  RecorderOptions options;
  std::shared_ptr<SoundTap> sound{new SoundTap};
  Recording<FileSink> recording;
};

}  // namespace ffmpeg

/// Writes pictures to a video file, encoded on a thread of its own. Every picture keeps its time, also where the rate
/// varies, but in an AVI, which has one rate.
///
///     si::Recorder recorder{"seen.mp4"};
///     inference.process([&](const si::Frame& frame, const auto& latest) {
///       si::Overlay overlay{frame};                       // or nothing: recorder.write(frame)
///       …
///       recorder.write(frame, overlay.image());
///     });
///     inference.start(player);
///     recorder.close();
///
/// - MP4 and MOV are written in fragments: if the program is killed or the disk is full, what there is plays up to the last
///   of them.
/// - The first picture's size is the video's, less a row or column where the encoder wants even numbers; later ones of
///   another size are scaled. Colours are BT.709 from 720 rows on, else BT.601, in limited range.
/// - Where the encoder is too slow, write() waits: in realtime, frames that the hook misses meanwhile are counted by
///   RunReport::process_skipped; or, with Overload::drop, pictures are dropped, and counted here.
///
/// One thread at a time writes; stats() is for any. The destructor closes it, and keeps an error for itself.
class Recorder {
 public:
  /// Opens the file, in place of one that is there. Where it is a named pipe, waits until somebody reads from it.
  /// \throws Error  for a folder that is not there, a file that another recording writes to, a container or encoder that
  ///                this FFmpeg does not have, or an option that it does not know
  explicit Recorder(std::string path, RecorderOptions options = {})
      : shared_{new ffmpeg::FileRecording{std::move(path), std::move(options)}},
        worker_{std::shared_ptr<ffmpeg::Task>{shared_, &shared_->recording}} {}
  Recorder(Recorder&&) noexcept = default;
  Recorder& operator=(Recorder&&) = delete;
  ~Recorder() { end(); }

  /// The frame's own picture. One that was left_out() counts as dropped. \throws Error  as Frame::image(), or as below
  void write(const Frame& frame) {
    if (frame.left_out()) return shared_->recording.drop();
    write(frame, frame.image());
  }
  /// A picture of it, as of Overlay: at its time. It is copied. \throws Error  what has ended the recording: a full disk …
  void write(const Frame& frame, ImageView picture) { write(picture, frame.time(), frame.timing().period); }
  /// A picture at a media time. \param period  until the next is likely to come; 0 if nobody knows
  void write(ImageView picture, MediaTime time, MediaTime period) { shared_->recording.bring(picture, time, period); }

  /// Encodes what waits, and finishes the file. \throws Error  if not all that was brought could be written
  void close() {
    end();
    if (const std::optional<Error> error = shared_->recording.error()) throw Error{*error};
  }

  /// For FFmpegOptions::taps: then the source's sound is recorded as well, as it is, with the pictures of the same time. What
  /// the container does not hold is left out, and counted.
  [[nodiscard]] std::shared_ptr<PacketTap> sound() const { return shared_->sound; }

  [[nodiscard]] RecorderStats stats() const { return shared_->recording.stats(); }

 private:
  void end() {
    if (shared_ == nullptr) return;
    shared_->recording.finish();
    static_cast<void>(worker_.wait({}));
  }

  std::shared_ptr<ffmpeg::FileRecording> shared_;
  ffmpeg::Worker worker_;
};

}  // namespace stream_infer
