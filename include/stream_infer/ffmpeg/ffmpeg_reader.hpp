#pragma once

#include "stream_infer/core/bounded_queue.hpp"
#include "stream_infer/core/frame.hpp"
#include "stream_infer/ffmpeg/frame_source.hpp"
#include "stream_infer/ffmpeg/worker.hpp"
#include "stream_infer/producer/producer.hpp"

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
      : running_{std::make_unique<Running>(std::make_shared<Ahead>(source, settings, options))} {}

  FFmpegReader(FFmpegReader&&) noexcept = default;
  FFmpegReader& operator=(FFmpegReader&&) noexcept = default;
  ~FFmpegReader() = default;

  [[nodiscard]] const SourceInfo& info() const { return running_->ahead->source.info(); }
  [[nodiscard]] const std::shared_ptr<SourceCounters>& counters() const { return running_->ahead->source.counters(); }

  /// \throws Error  if the source fails for good; after the frames that came before it
  [[nodiscard]] ReadStatus read(Frame& frame) {
    if (last_) return say(*last_);
    Item item;
    if (!running_->ahead->queue.pop(item)) return ReadStatus::stopped;
    if (item.status != ReadStatus::frame) return say(last_.emplace(std::move(item)));
    frame = std::move(item.frame);
    return ReadStatus::frame;
  }

 private:
  struct Item {
    ReadStatus status = ReadStatus::end;
    Frame frame;
    std::exception_ptr error;
  };

  static ReadStatus say(const Item& item) {
    if (item.error) std::rethrow_exception(item.error);
    return item.status;
  }

  /// What the thread that reads ahead uses. It is shared with it: a thread that does not end in time is left behind.
  struct Ahead {
    Ahead(const std::string& name, const FFmpegOptions& settings, const OpenOptions& options)
        : pass_on{options.stop, RequestStop{&own_stop}},
          source{name, settings, OpenOptions{.position = options.position, .stop = own_stop.get_token()}},
          close_queue{own_stop.get_token(), CloseQueue{&queue}} {}

    void run() noexcept {
      for (bool more = true; more;) {
        Item item;
        try {
          item.status = source.read(item.frame);
        } catch (...) {
          if (own_stop.stop_requested()) return;  // what fails because of the stop has not failed
          item.error = std::current_exception();
        }
        more = item.status == ReadStatus::frame;
        if (!queue.push(std::move(item))) return;
      }
    }

    static constexpr std::uint32_t depth = 8;  // pictures; a 1080p one is 3 MB

    struct RequestStop {
      std::stop_source* source;
      void operator()() const { source->request_stop(); }
    };
    struct CloseQueue {
      detail::BoundedQueue<Item>* queue;
      void operator()() const { queue->close(); }
    };

    std::stop_source own_stop;  // requested with the play's, and when the reader is destroyed
    std::stop_callback<RequestStop> pass_on;
    ffmpeg::FrameSource source;
    detail::BoundedQueue<Item> queue{depth};
    std::stop_callback<CloseQueue> close_queue;
  };

  struct Running {
    explicit Running(std::shared_ptr<Ahead> shared)
        : ahead{std::move(shared)}, worker{[ahead = ahead] { ahead->run(); }} {}
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    ~Running() { ahead->own_stop.request_stop(); }  // then the worker waits

    std::shared_ptr<Ahead> ahead;
    ffmpeg::Worker worker;
  };

  std::unique_ptr<Running> running_;
  std::optional<Item> last_;  // what came instead of a frame: it comes again
};

static_assert(Reader<FFmpegReader>);

}  // namespace stream_infer
