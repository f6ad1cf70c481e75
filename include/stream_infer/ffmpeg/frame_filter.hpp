#pragma once

#include "stream_infer/core/frame.hpp"
#include "stream_infer/core/queue.hpp"
#include "stream_infer/ffmpeg/frame_maker.hpp"
#include "stream_infer/producer/producer.hpp"

#include <cstddef>
#include <exception>
#include <memory>
#include <utility>

namespace stream_infer::ffmpeg {

/// For streams that cannot be planned, where everything is decoded: lets go of the pixels of what nobody needs, as soon as
/// that is known. Frames wait for it, but not more of them than `most_pending`. One thread.
class FrameFilter {
 public:
  explicit FrameFilter(std::unique_ptr<PictureNeeds> needs) : needs_{std::move(needs)} {}

  /// The next frame, of those that `read_next(Frame&)` gives. `left_out` says whether it has lost its pixels.
  template <class ReadNext>
  [[nodiscard]] ReadStatus read(Frame& frame, bool& left_out, FrameMaker& maker, ReadNext read_next) {
    for (;;) {
      if (!pending_.empty()) {
        const PictureNeed need = take();
        if (need != PictureNeed::unknown || pending_.size() == most_pending) {
          if (need == PictureNeed::unknown) ++overdue_;
          frame = pending_.pop_front();
          left_out = need == PictureNeed::not_needed;
          if (left_out) frame = maker.without_pixels(frame);
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

 private:
  static constexpr std::size_t most_pending = 64;

  /// Whether the first pending frame is needed.
  [[nodiscard]] PictureNeed take() {
    for (; overdue_ > 0; --overdue_)
      if (needs_->take() == PictureNeed::unknown) return PictureNeed::unknown;
    return needs_->take();
  }

  std::unique_ptr<PictureNeeds> needs_;
  stream_infer::detail::Queue<Frame> pending_;
  std::size_t overdue_ = 0;  // answers of needs_ that were not waited for
  bool ended_ = false;
  std::exception_ptr failure_;
};

}  // namespace stream_infer::ffmpeg
