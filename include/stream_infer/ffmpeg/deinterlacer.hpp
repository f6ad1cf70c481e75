#pragma once

#include "stream_infer/core/queue.hpp"
#include "stream_infer/ffmpeg/error.hpp"
#include "stream_infer/ffmpeg/handle.hpp"
#include "stream_infer/producer/producer.hpp"

#include <cstdint>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>
#include <utility>

namespace stream_infer::ffmpeg {

/// Makes whole pictures of interlaced ones, one of each: FFmpeg's bwdif filter, which looks at the pictures before and after.
/// Pictures that are not flagged as interlaced come out as they went in. One thread.
class Deinterlacer {
 public:
  /// \param name  the source, redacted, for errors
  explicit Deinterlacer(std::string name) : name_{std::move(name)} {}

  /// The next picture. `decode()` puts those that go in into `picture`; what else it says or throws comes out as it is, the end
  /// after the last picture. \throws Error
  template <class Decode>
  [[nodiscard]] std::optional<ReadStatus> next(AVFrame& picture, Decode decode) {
    for (;;) {
      if (graph_ && take(picture)) return ReadStatus::frame;
      if (drains_) {  // the graph has given all it had
        graph_.reset(nullptr);
        drains_ = false;
        if (waiting_) {
          waiting_ = false;
          put(*waits_);
          continue;
        }
      }
      if (ended_) {
        if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
        return ReadStatus::end;
      }
      std::optional<ReadStatus> status = ReadStatus::end;
      try {
        status = decode();
      } catch (...) {
        failure_ = std::current_exception();
      }
      if (status == ReadStatus::end) {
        ended_ = true;
        if (graph_) drain();
        continue;
      }
      if (status != ReadStatus::frame) return status;
      if (graph_ && !fits(picture)) {  // first what is in it
        drain();
        av_frame_move_ref(waits_.get(), &picture);
        waiting_ = true;
        continue;
      }
      put(picture);
    }
  }

 private:
  struct Times {
    std::int64_t shown, best;
  };

  [[nodiscard]] bool fits(const AVFrame& picture) const {
    return picture.width == width_ && picture.height == height_ && picture.format == format_;
  }

  void put(AVFrame& picture) {
    if (!graph_) open(picture);
    times_.push_back({picture.pts, picture.best_effort_timestamp});
    picture.pts = count_++;
    check(av_buffersrc_add_frame(source_, &picture));  // takes what it refers to
  }

  void drain() {
    check(av_buffersrc_add_frame(source_, nullptr));
    drains_ = true;
  }

  /// Whether there is a picture.
  [[nodiscard]] bool take(AVFrame& picture) {
    const int code = av_buffersink_get_frame(sink_, &picture);
    if (code == AVERROR(EAGAIN) || code == AVERROR_EOF) return false;
    check(code);
    if (times_.empty()) throw make_error(AVERROR_BUG, "deinterlace", name_, "more pictures came out than went in");
    const Times times = times_.pop_front();
    picture.pts = times.shown;
    picture.best_effort_timestamp = times.best;
    return true;
  }

  void open(const AVFrame& picture) {
    graph_.reset(detail::not_null(avfilter_graph_alloc()));
    times_ = {};
    width_ = picture.width;
    height_ = picture.height;
    format_ = picture.format;
    char from[96];
    std::snprintf(from, sizeof from, "video_size=%dx%d:pix_fmt=%d:time_base=1/25", width_, height_, format_);
    check(avfilter_graph_create_filter(&source_, avfilter_get_by_name("buffer"), nullptr, from, nullptr, graph_.get()));
    check(avfilter_graph_create_filter(&sink_, avfilter_get_by_name("buffersink"), nullptr, nullptr, nullptr,
                                       graph_.get()));
    const AVFilter* filter = avfilter_get_by_name("bwdif");
    if (filter == nullptr)
      throw Error{Errc::unsupported, "deinterlace", name_, "this FFmpeg was built without the filter bwdif"};
    AVFilterContext* bwdif = nullptr;
    check(avfilter_graph_create_filter(&bwdif, filter, nullptr, "mode=send_frame:deint=interlaced", nullptr,
                                       graph_.get()));
    check(avfilter_link(source_, 0, bwdif, 0));
    check(avfilter_link(bwdif, 0, sink_, 0));
    check(avfilter_graph_config(graph_.get(), nullptr));
  }

  void check(int code) const {
    if (code < 0) throw make_error(code, "deinterlace", name_);
  }

  std::string name_;
  UniqueFilterGraph graph_;
  AVFilterContext* source_ = nullptr;  // the graph's, like
  AVFilterContext* sink_ = nullptr;    // this
  int width_ = 0, height_ = 0, format_ = 0;
  std::int64_t count_ = 0;
  stream_infer::detail::Queue<Times> times_;  // of the pictures in the graph
  UniqueFrame waits_ = make_frame();          // of another kind than those in the graph
  bool waiting_ = false;
  bool drains_ = false;  // nothing more goes into the graph
  bool ended_ = false;
  std::exception_ptr failure_;  // that was the end
};

}  // namespace stream_infer::ffmpeg
