#pragma once

#include "stream_infer/core/bounded_queue.hpp"
#include "stream_infer/core/frame.hpp"
#include "stream_infer/ffmpeg/frame_source.hpp"
#include "stream_infer/ffmpeg/worker.hpp"
#include "stream_infer/producer/producer.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
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
      : ahead_{new Ahead{source, settings, options}}, worker_{ahead_} {}

  [[nodiscard]] const SourceInfo& info() const { return ahead_->source.info(); }
  [[nodiscard]] const std::shared_ptr<SourceCounters>& counters() const { return ahead_->source.counters(); }

  /// \throws Error  if the source fails for good; after the frames that came before it
  [[nodiscard]] ReadStatus read(Frame& frame) {
    if (next_ == batch_.count && batch_.status == ReadStatus::frame) {
      if (!ahead_->queue.pop(batch_)) return ReadStatus::stopped;
      next_ = 0;
    }
    if (next_ < batch_.count) {
      frame = std::move(batch_.frames[next_++]);
      return ReadStatus::frame;
    }
    if (batch_.error) std::rethrow_exception(batch_.error);
    return batch_.status;
  }

 private:
  /// Some frames, of which the last may have pixels, and what comes after them: `frame` is another batch.
  struct Batch {
    std::array<Frame, 32> frames;
    std::size_t count = 0;
    ReadStatus status = ReadStatus::frame;
    std::exception_ptr error;
  };

  /// What the thread that reads ahead uses. It is shared with it: a thread that does not end in time is left behind.
  struct Ahead final : ffmpeg::Task {
    Ahead(const std::string& name, const FFmpegOptions& settings, const OpenOptions& options)
        : pass_on{options.stop, Stopping{this}},
          source{name, settings,
                 OpenOptions{.position = options.position, .stop = own_stop.get_token(), .needs = options.needs}} {}

    void run() noexcept override {
      read_all();
      source.close();  // here: its owner waits for this thread only for so long, and decoders end with what they decode
    }

    void read_all() noexcept {
      for (bool more = true; more;) {
        Batch batch;
        try {
          const std::size_t most = source.info().live ? 1 : batch.frames.size();  // there it must not wait for others
          do {
            batch.status = source.read(batch.frames[batch.count]);
            if (batch.status == ReadStatus::frame) ++batch.count;
          } while (batch.status == ReadStatus::frame && source.left_out() && batch.count < most);
        } catch (...) {
          if (own_stop.stop_requested()) return;  // what fails because of the stop has not failed
          batch.status = ReadStatus::end;
          batch.error = std::current_exception();
        }
        more = batch.status == ReadStatus::frame;
        if (!queue.push(std::move(batch))) return;
      }
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

    std::stop_source own_stop;  // requested with the play's, and when the reader is destroyed
    detail::BoundedQueue<Batch> queue{depth};
    std::stop_callback<Stopping> pass_on;
    ffmpeg::FrameSource source;
  };

  std::shared_ptr<Ahead> ahead_;
  ffmpeg::Worker worker_;
  Batch batch_;
  std::size_t next_ = 0;  // in batch_
};

static_assert(Reader<FFmpegReader>);

}  // namespace stream_infer
