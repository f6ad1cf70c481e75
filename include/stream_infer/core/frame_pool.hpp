#pragma once

#include "stream_infer/core/frame.hpp"

#include <concepts>
#include <memory>
#include <utility>

namespace stream_infer {

/// Where a frame's pixels are before anybody looks at them: a decoded picture, a camera's buffer, a surface on a GPU.
///
/// It can be made without arguments, and then holds nothing.
///
/// 1. `convert(out)` writes the pixels in the size and format of `out`; it may throw. Called at most once at a time, from
///    any thread.
/// 2. `drop()` lets go of what is held, if anything, so that the object can be used for another frame. Any thread.
template <class P>
concept Picture = std::default_initializable<P> && requires(P& picture, ImageSpan out) {
  picture.convert(out);
  { picture.drop() }
  noexcept;
};

/// For frames whose image is written when they are made.
struct NoPicture {
  void convert(ImageSpan) {}
  void drop() noexcept {}
};

/// Makes frames and reuses them, their pictures and their images, so that a steady play allocates nothing. For those who
/// write a Reader of their own. Frames may outlive the pool. One thread makes frames; they may be let go on any.
template <Picture P = NoPicture>
class FramePool {
 public:
  FramePool() : shared_{new Shared} {}

  /// \param counters  where conversions are counted; not null
  explicit FramePool(std::shared_ptr<SourceCounters> counters) : shared_{new Shared{std::move(counters)}} {}

  /// A frame at `time` whose pixels will be converted on first use from what `fill(picture)` puts into the picture.
  template <std::invocable<P&> Fill>
  [[nodiscard]] Frame make_lazy(const ImageSpec& spec, MediaTime time, Fill&& fill) {
    Node* reused = shared_->nodes.take().release();
    Node& owned = reused != nullptr ? *reused : *new Node;  // from here the frame owns it
    Frame frame = detail::FrameAccess::begin(owned, shared_, spec, time);
    std::forward<Fill>(fill)(owned.picture);
    return frame;
  }

  /// A frame at `time` whose image `write(ImageSpan)` fills now.
  template <std::invocable<ImageSpan> Write>
  [[nodiscard]] Frame make(const ImageSpec& spec, MediaTime time, Write&& write) {
    Frame frame = make_lazy(spec, time, [](P&) {});
    std::forward<Write>(write)(detail::FrameAccess::state(frame).write_now());
    return frame;
  }

  [[nodiscard]] const std::shared_ptr<SourceCounters>& counters() const { return shared_->counters; }

 private:
  struct Node;

  struct Shared final : detail::FramePoolState {
    using detail::FramePoolState::FramePoolState;
    detail::Recycler<Node, 512> nodes;  // a reader that runs ahead has some 300 frames that nobody needs on the way
  };

  struct Node final : detail::FrameState {
    void convert(ImageSpan out) override { picture.convert(out); }
    void drop_picture() noexcept override { picture.drop(); }
    void park(std::shared_ptr<detail::FramePoolState> pool) noexcept override {
      static_cast<Shared&>(*pool).nodes.put(detail::Handle<Node>{this});  // our `pool` outlives the put
    }
    P picture{};
  };

  std::shared_ptr<Shared> shared_;
};

}  // namespace stream_infer
