#pragma once

#include "stream_infer/core/callback.hpp"
#include "stream_infer/core/error.hpp"
#include "stream_infer/core/media_time.hpp"
#include "stream_infer/core/queue.hpp"
#include "stream_infer/ffmpeg/output.hpp"
#include "stream_infer/ffmpeg/packet_ring.hpp"
#include "stream_infer/ffmpeg/worker.hpp"

#include <cerrno>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace stream_infer {

/// A piece of a source that has been saved.
struct Clip {
  std::string path{};
  MediaTime begin{};         ///< media time of its first picture, a key frame
  MediaTime end{};           ///< where its last picture ends, or begins if nobody says how long it lasts
  std::uint64_t events = 0;  ///< that it was saved for
};

struct ClipsStats {
  std::uint64_t events = 0;  ///< saved, or being saved
  std::uint64_t missed = 0;  ///< events of which nothing was left, or there yet
  std::uint64_t clips = 0;   ///< written
  /// Clips that could not be written, or not in time; what there is of them has `.part` behind its name.
  std::uint64_t failed = 0;
  std::uint64_t without_sound = 0;  ///< clips that leave out sound of the source, which their container does not hold
  std::uint64_t waiting = 0;        ///< packets that wait to be written
  std::size_t bytes = 0;            ///< of packets in memory
  std::string last_error{};
};

namespace ffmpeg {

/// Writes clips into a folder, on a thread of its own: each gets its name once it is whole.
class ClipWriter final : public Task {
 public:
  ClipWriter(const std::string& folder, std::string container, NamedOptions options,
             Callback<void(const Clip&)> on_clip)
      : folder_{folder.ends_with('/') ? folder : folder + '/'},
        container_{std::move(container)},
        options_{std::move(options)},
        on_clip_{std::move(on_clip)} {
    const Output probe{target("clip")};  // tells what is wrong with them
    const char* const known = probe.format().extensions;
    const std::string_view endings{known != nullptr ? known : container_.c_str()};
    ending_ = '.' + std::string{endings.substr(0, endings.find(','))};
  }

  /// What is to be done, in order.
  struct Step {
    std::string begin{};                 ///< a clip of this name begins
    std::optional<KeptPacket> packet{};  ///< of the clip that has begun
    std::uint64_t end = 0;               ///< it ends, saved for so many events
    bool fail = false;                   ///< it ends, and is not whole
  };
  void add(Step step) {
    const std::lock_guard lock{mutex_};
    if (step.packet) bytes_ += static_cast<std::size_t>(step.packet->packet->size), ++packets_;
    steps_.push_back(std::move(step));
    changed_.notify_all();
  }

  /// Lets it end once all is done.
  void finish() {
    const std::lock_guard lock{mutex_};
    ends_ = true;
    changed_.notify_all();
  }

  /// How much waits. Any thread.
  [[nodiscard]] std::size_t bytes() const {
    const std::lock_guard lock{mutex_};
    return bytes_;
  }
  void note(ClipsStats& stats) const {
    const std::lock_guard lock{mutex_};
    stats.clips = clips_;
    stats.failed = failed_;
    stats.without_sound = without_sound_;
    stats.waiting = packets_;
    stats.bytes += bytes_;
    stats.last_error = last_error_;
  }

 private:
  void run() noexcept override {
    std::unique_lock lock{mutex_};
    for (;;) {
      changed_.wait(lock, [this] { return ends_ || !steps_.empty(); });
      if (steps_.empty()) return;
      Step step = steps_.pop_front();
      if (step.packet) bytes_ -= static_cast<std::size_t>(step.packet->packet->size), --packets_;
      lock.unlock();
      std::optional<Error> error;
      const bool was_writing = writes_;
      try {
        take(step);
      } catch (...) {
        error = stream_infer::detail::current_error("save a clip", path_);
        output_.reset();
        writes_ = false;
      }
      lock.lock();
      if (error) ++failed_, last_error_ = error->what();
      if (step.end > 0 && was_writing && !error) ++clips_;
      if (step.fail && was_writing) ++failed_, last_error_ = "save a clip '" + path_ + "': the disk is too slow";
    }
  }
  void stop() noexcept override { finish(); }

  void take(Step& step) {
    if (!step.begin.empty()) {
      path_ = take_path(step.begin);
      clip_ = {};
      writes_ = true;
    }
    if (!writes_) return;
    if (step.packet) write(*step.packet);
    if (step.fail) {
      if (!output_) ::unlink(part().c_str());  // nothing is in it
      output_.reset();
      writes_ = false;
    }
    if (step.end == 0) return;
    writes_ = false;
    if (!output_) return;
    output_->end();
    output_.reset();
    if (::rename(part().c_str(), path_.c_str()) != 0)
      throw Error{std::error_code{errno, std::generic_category()}, "save a clip", path_, "cannot be given its name"};
    clip_.path = path_;
    clip_.events = step.end;
    if (on_clip_) on_clip_(clip_);
  }

  /// Of a stream.
  struct Place {
    std::optional<int> number{};      ///< in the output; nothing: it is left out
    std::optional<MediaTime> last{};  ///< when its latest packet is decoded
    bool is_over = false;
  };

  void write(KeptPacket& kept) {
    AVPacket& packet = *kept.packet;
    const PacketOrigin& origin = *kept.origin;
    if (!output_) {
      begin(kept);
      clip_.begin = clip_.end = kept.time();
    }
    Place& place = places_[kept.stream];
    const MediaTime time = kept.time(), decoded = kept.decoding_time();
    // Where the source's clock has jumped, what comes after that does not join what there is.
    if (place.last && *place.last - decoded >= PacketOrigin::jump) place.is_over = true;
    place.last = decoded;
    // Before its begin, it refers to what is not there: it leads the key frame, or is sound before it.
    if (!place.number || place.is_over || time < clip_.begin) return;
    const AVRational unit = (*origin.streams)[kept.stream].time_base;
    if (kept.stream == 0) {
      const MediaTime end = time + MediaTime{av_rescale_q(packet.duration, unit, {1, 1'000'000'000})};
      clip_.end = stream_infer::detail::max(clip_.end, end);
    }
    const std::int64_t base = av_rescale_q(base_, origin.streams->front().time_base, unit);
    if (packet.pts != AV_NOPTS_VALUE) packet.pts -= base;
    if (packet.dts != AV_NOPTS_VALUE) packet.dts -= base;
    output_->write(packet, *place.number, unit);
  }

  /// With the key frame that comes first.
  void begin(const KeptPacket& kept) {
    base_ = kept.packet->pts != AV_NOPTS_VALUE ? kept.packet->pts : kept.packet->dts;
    output_.emplace(target(part()));
    output_->open();
    must_say_when_shown(kept);
    places_.clear();
    std::string left_out;
    for (const PacketStream& stream : *kept.origin->streams) {
      const AVCodecID codec = stream.parameters->codec_id;
      const bool is_pictures = places_.empty();
      if (is_pictures) output_->must_hold(codec, "pictures");
      std::optional<int>& number = places_.emplace_back().number;
      if (is_pictures || output_->holds(codec))
        number = output_->add_stream(*stream.parameters, stream.time_base, stream.display_matrix);
      else
        left_out = output_->not_held(codec, "sound");
    }
    output_->begin();
    if (left_out.empty()) return;
    const std::lock_guard lock{mutex_};
    ++without_sound_;
    last_error_ = "save a clip '" + path_ + "': " + left_out;
  }

  /// \throws Error  if its pictures have times of decoding only, and come in another order
  void must_say_when_shown(const KeptPacket& kept) const {
    const AVCodecParameters& pictures = *kept.origin->streams->front().parameters;
    if (kept.packet->pts != AV_NOPTS_VALUE || pictures.video_delay == 0 || output_->format().name == std::string{"avi"})
      return;
    throw Error{Errc::unsupported, "save a clip", path_,
                "ClipsOptions::container: the source does not say when its pictures are shown; avi can do without"};
  }

  /// A path that nothing has. From then on its part is there, so that nobody else takes it.
  [[nodiscard]] std::string take_path(const std::string& name) const {
    std::string path = folder_ + name + ending_;
    for (int i = 2;; ++i) {
      const std::string part = part_of(path);
      const int file = ::open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
      if (file < 0 && errno != EEXIST) return path;  // it will not be written either
      if (file >= 0) {
        ::close(file);
        struct stat status {};
        if (::stat(path.c_str(), &status) != 0) return path;
        ::unlink(part.c_str());
      }
      path = folder_ + name + '-' + std::to_string(i) + ending_;
    }
  }

  [[nodiscard]] static std::string part_of(const std::string& path) { return path + ".part"; }
  [[nodiscard]] std::string part() const { return part_of(path_); }
  [[nodiscard]] Output::Target target(std::string path) const {
    return {.url = std::move(path), .container = container_, .options = options_, .owner = "ClipsOptions"};
  }

  std::string folder_;
  std::string container_;
  NamedOptions options_;
  std::string ending_;  // of names: ".mkv" for "matroska"
  Callback<void(const Clip&)> on_clip_;

  // Of the thread.
  std::string path_;
  Clip clip_;
  std::optional<Output> output_;
  std::vector<Place> places_;  // of each stream
  std::int64_t base_ = 0;      // the first picture's time stamp
  bool writes_ = false;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  stream_infer::detail::Queue<Step> steps_;
  std::size_t bytes_ = 0, packets_ = 0;
  std::uint64_t clips_ = 0, failed_ = 0, without_sound_ = 0;
  std::string last_error_;
  bool ends_ = false;
};

}  // namespace ffmpeg
}  // namespace stream_infer
