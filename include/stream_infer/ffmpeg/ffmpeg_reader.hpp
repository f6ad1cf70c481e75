#pragma once

#include "stream_infer/core/bounded_queue.hpp"
#include "stream_infer/core/callback.hpp"
#include "stream_infer/core/clock.hpp"
#include "stream_infer/core/error.hpp"
#include "stream_infer/core/frame.hpp"
#include "stream_infer/core/redact.hpp"
#include "stream_infer/ffmpeg/error.hpp"
#include "stream_infer/ffmpeg/frame_source.hpp"
#include "stream_infer/ffmpeg/handle.hpp"
#include "stream_infer/ffmpeg/input.hpp"
#include "stream_infer/ffmpeg/reconnector.hpp"
#include "stream_infer/ffmpeg/worker.hpp"
#include "stream_infer/producer/producer.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

namespace stream_infer {

/// An open source of FFmpegProducer. Decoding runs ahead on a thread of its own, by a few pictures, so that it and
/// inference keep all cores busy. Its destructor returns within 100 ms, whatever that thread waits for.
class FFmpegReader {
 public:
  /// \throws Error
  FFmpegReader(const std::string& source, const FFmpegOptions& settings, const OpenOptions& options)
      : on_connection_{options.on_connection},
        taps_{settings.taps},
        ahead_{open(source, settings, options).release()},
        worker_{ahead_} {}

  [[nodiscard]] const SourceInfo& info() const { return ahead_->source.info(); }
  [[nodiscard]] const std::shared_ptr<SourceCounters>& counters() const { return ahead_->source.counters(); }

  /// \throws Error  if the source fails for good; after the frames that came before it
  [[nodiscard]] ReadStatus read(Frame& frame) {
    while (next_ == batch_.count && batch_.status == ReadStatus::frame) {
      if (!ahead_->queue.pop(batch_)) return ReadStatus::stopped;
      next_ = 0;
      if (!batch_.change) continue;
      if (batch_.change->state == Connection::State::reconnecting) taps_.tell({});
      if (on_connection_) on_connection_(*batch_.change);
    }
    if (next_ < batch_.count) {
      frame = std::move(batch_.frames[next_++]);
      taps_.tell(frame.time());
      return ReadStatus::frame;
    }
    taps_.tell({});
    if (batch_.error) std::rethrow_exception(batch_.error);
    return batch_.status;
  }

 private:
  /// Those who hear what is played, and that a play has ended, also if it is left.
  class Taps {
   public:
    explicit Taps(PacketTaps taps) : taps_{std::move(taps)} {}
    Taps(Taps&&) noexcept = default;
    Taps& operator=(Taps&& other) noexcept {
      taps_.swap(other.taps_);  // which tells, when it goes
      return *this;
    }
    ~Taps() {
      try {
        tell({});
      } catch (...) {  // there is no play that it could end
      }
    }
    void tell(std::optional<MediaTime> played) const {
      for (const std::shared_ptr<PacketTap>& tap : taps_)
        if (tap) tap->played(played);
    }

   private:
    PacketTaps taps_;
  };

  /// A change, then some frames, of which the last may have pixels, and what comes after them: `frame` is another batch.
  struct Batch {
    ffmpeg::Handle<Connection> change;
    std::array<Frame, 32> frames;
    std::size_t count = 0;
    ReadStatus status = ReadStatus::frame;
    std::exception_ptr error;
  };

  /// What the thread that reads ahead uses. It is shared with it: a thread that does not end in time is left behind.
  struct Ahead final : ffmpeg::Task {
    Ahead(const std::string& from, const FFmpegOptions& settings, const OpenOptions& options,
          ffmpeg::Reconnector connector)
        : name{redact(from)},
          pass_on{options.stop, Stopping{this}},
          reconnector{std::move(connector)},
          source{from, settings,
                 OpenOptions{.position = options.position, .stop = own_stop.get_token(), .needs = options.needs}} {
      source.on_stall(&Ahead::stall, this);
    }

    void run() noexcept override {
      while (read_all()) {}
      source.close();  // here: its owner waits for this thread only for so long, and decoders end with what they decode
    }

    /// Reads until the source ends, or is lost and found again. Returns whether there is more to read.
    bool read_all() noexcept {
      const bool live = source.info().live;
      for (bool more = true; more;) {
        Batch batch;
        try {
          const std::size_t most = live ? 1 : batch.frames.size();  // there it must not wait for others
          do {
            batch.status = source.read(batch.frames[batch.count]);
            if (batch.status == ReadStatus::frame) ++batch.count;
          } while (batch.status == ReadStatus::frame && source.left_out() && batch.count < most);
          if (live && batch.status == ReadStatus::frame) come_back(batch);
        } catch (...) {
          batch.status = ReadStatus::end;
          batch.error = std::current_exception();
        }
        if (own_stop.stop_requested()) return false;  // what fails because of the stop has not failed
        if (live && batch.status == ReadStatus::end && reconnect(batch)) return true;
        more = batch.status == ReadStatus::frame;
        if (!queue.push(std::move(batch))) return false;
      }
      return false;
    }

    /// A frame has come from a live source.
    void come_back(Batch& batch) {
      reconnector.playing();
      const bool held_back = is_stalled && source.timed_out();  // until now, when the source is given up
      if (is_playing || held_back) return;
      is_stalled = false;
      is_playing = true;
      batch.change.reset(new Connection{.state = Connection::State::playing});
    }

    /// A live source has ended, or failed. Opens it again, for as long as its policy says so. Returns false if it is given up
    /// or stopped: then `batch` is what is left.
    bool reconnect(Batch& batch) noexcept try {
      for (Error error = loss(batch);;) {
        const std::optional<Connection> next = reconnector.lost(error);
        if (!next) {
          if (batch.error || opened_again) batch.error = std::make_exception_ptr(error);
          return false;
        }
        is_playing = is_stalled = false;
        source.close();
        if (!tell(*next) || !SteadyClock{}.sleep_until(next->next_attempt.time_since_epoch(), own_stop.get_token()) ||
            !tell({.state = Connection::State::connecting}))
          return false;
        opened_again = true;
        try {
          source.reopen();
          return true;
        } catch (...) {
          error = detail::current_error("open", name);
        }
        if (own_stop.stop_requested()) return false;  // the policy may be gone
      }
    } catch (...) {  // no memory, or a policy that throws
      batch.error = std::current_exception();
      return false;
    }

    [[nodiscard]] Error loss(const Batch& batch) const {
      if (!batch.error) return ffmpeg::make_error(AVERROR_EOF, "read", name, "a live source that ends is lost");
      try {
        std::rethrow_exception(batch.error);
      } catch (...) {
        return detail::current_error("read", name);
      }
    }

    bool tell(const Connection& change) {
      Batch batch;
      batch.change.reset(new Connection{change});
      return queue.push(std::move(batch));
    }

    /// No packet has come for a while.
    static void stall(void* self) noexcept try {
      Ahead& ahead = *static_cast<Ahead*>(self);
      if (!ahead.source.info().live || !ahead.is_playing) return;
      ahead.is_playing = false;
      ahead.is_stalled = true;
      static_cast<void>(ahead.tell({.state = Connection::State::stalled}));
    } catch (...) {  // no memory to say it; FFmpeg, which called, knows no exceptions
    }

    void stop() noexcept override {
      own_stop.request_stop();
      queue.close();
    }

    static constexpr std::uint32_t depth = 8;  // pictures with pixels; a 1080p one is 3 MB

    struct Stopping {
      Ahead* ahead;
      void operator()() const { ahead->stop(); }
    };

    std::string name;
    std::stop_source own_stop;  // requested with the play's, and when the reader is destroyed
    detail::BoundedQueue<Batch> queue{depth};
    std::stop_callback<Stopping> pass_on;
    ffmpeg::Reconnector reconnector;
    ffmpeg::FrameSource source;
    bool is_playing = true;     // as far as the other thread has been told
    bool is_stalled = false;    // likewise
    bool opened_again = false;  // or at least tried
  };

  /// Opens the source; where the caller has the patience, tries for as long as there is hope.
  static ffmpeg::Handle<Ahead> open(const std::string& source, const FFmpegOptions& settings,
                                    const OpenOptions& options) {
    ffmpeg::Reconnector connector{settings.reconnect};
    for (;;) {
      try {
        return ffmpeg::Handle<Ahead>{new Ahead{source, settings, options, connector}};
      } catch (const Error& error) {
        if (!options.retry || options.stop.stop_requested() || !ffmpeg::Address{source}.is_remote()) throw;
        const std::optional<Connection> next = connector.lost(error);
        if (!next) throw;
        if (options.on_connection) options.on_connection(*next);
        if (!SteadyClock{}.sleep_until(next->next_attempt.time_since_epoch(), options.stop)) throw;
        if (options.on_connection) options.on_connection({.state = Connection::State::connecting});
      }
    }
  }

  Callback<void(const Connection&)> on_connection_;
  Taps taps_;  // before the thread: they hear of its end when it has ended
  std::shared_ptr<Ahead> ahead_;
  ffmpeg::Worker worker_;
  Batch batch_;
  std::size_t next_ = 0;  // in batch_
};

static_assert(Reader<FFmpegReader>);

}  // namespace stream_infer
