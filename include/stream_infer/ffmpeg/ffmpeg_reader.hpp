#pragma once

#include "stream_infer/core/bounded_queue.hpp"
#include "stream_infer/core/frame.hpp"
#include "stream_infer/ffmpeg/frame_source.hpp"
#include "stream_infer/producer/producer.hpp"

#include <cstdint>
#include <exception>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

namespace stream_infer {

/// An open source of FFmpegProducer. Decoding runs ahead on a thread of its own, by a few pictures, so that it and
/// inference keep all cores busy.
class FFmpegReader {
 public:
  /// \throws Error
  FFmpegReader(const std::string& source, const FFmpegOptions& settings, const OpenOptions& options)
      : ahead_{std::make_unique<Ahead>(source, settings, options)} {}

  FFmpegReader(FFmpegReader&&) noexcept = default;
  FFmpegReader& operator=(FFmpegReader&&) noexcept = default;
  ~FFmpegReader() = default;

  [[nodiscard]] const SourceInfo& info() const { return ahead_->source.info(); }
  [[nodiscard]] const std::shared_ptr<SourceCounters>& counters() const { return ahead_->source.counters(); }

  /// \throws Error  if the source fails for good; after the frames that came before it
  [[nodiscard]] ReadStatus read(Frame& frame) {
    Item item;
    if (!ahead_->queue.pop(item)) return ReadStatus::stopped;
    if (item.error) std::rethrow_exception(item.error);
    frame = std::move(item.frame);
    return item.status;
  }

 private:
  struct Item {
    ReadStatus status = ReadStatus::end;
    Frame frame;
    std::exception_ptr error;
  };

  /// The thread that reads ahead and all that it uses.
  struct Ahead {
    Ahead(const std::string& name, const FFmpegOptions& settings, const OpenOptions& options)
        : pass_on{options.stop, RequestStop{&own_stop}},
          source{name, settings, OpenOptions{.position = options.position, .stop = own_stop.get_token()}},
          close_queue{own_stop.get_token(), CloseQueue{&queue}},
          thread{[this] { run(); }} {}
    Ahead(const Ahead&) = delete;
    Ahead& operator=(const Ahead&) = delete;
    ~Ahead() {
      own_stop.request_stop();
      thread.join();
    }

    void run() {
      for (bool more = true; more;) {
        Item item;
        try {
          item.status = source.read(item.frame);
        } catch (...) {
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
    std::thread thread;
  };

  std::unique_ptr<Ahead> ahead_;
};

static_assert(Reader<FFmpegReader>);

}  // namespace stream_infer
