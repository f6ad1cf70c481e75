#pragma once

#include "stream_infer/core/handle.hpp"
#include "stream_infer/core/image.hpp"
#include "stream_infer/core/media_time.hpp"
#include "stream_infer/core/once.hpp"
#include "stream_infer/core/recycler.hpp"
#include "stream_infer/core/ref_count.hpp"
#include "stream_infer/core/source_id.hpp"
#include "stream_infer/core/stats.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace stream_infer {

class Frame;

namespace detail {

struct FrameAccess;

/// Where a frame comes from.
struct FrameOrigin {
  std::uint32_t epoch = 0;
  bool damaged = false;
  std::chrono::steady_clock::time_point arrived{};
  SourceId source{};
};

/// What the frames of one pool share. It lives as long as any of them.
struct FramePoolState {
  FramePoolState() : counters{new SourceCounters} {}
  explicit FramePoolState(std::shared_ptr<SourceCounters> shared) : counters{std::move(shared)} {}
  virtual ~FramePoolState() = default;
  FramePoolState(const FramePoolState&) = delete;
  FramePoolState& operator=(const FramePoolState&) = delete;

  std::shared_ptr<SourceCounters> counters;
  Recycler<Image> images;
};

/// One picture: its number, its time, and where its pixels are. Reused through its pool, never freed while a Frame
/// points to it.
class alignas(64) FrameState {
 public:
  virtual ~FrameState() = default;
  FrameState(const FrameState&) = delete;
  FrameState& operator=(const FrameState&) = delete;

  ImageView image() {
    conversion_.ensure([this] { convert_picture(); });
    return image_->view();
  }

  /// Takes the image to be written at once, instead of by a later conversion.
  ImageSpan write_now() {
    take_image();
    conversion_.reset(true);
    return image_->span();
  }

  void retain() noexcept { references_.retain(); }
  void let_go() noexcept {
    if (references_.let_go()) recycle();
  }

 protected:
  FrameState() = default;

  virtual void convert(ImageSpan out) = 0;   ///< writes the picture's pixels as `out` wants them
  virtual void drop_picture() noexcept = 0;  ///< may be called when it has been dropped already
  virtual void park(std::shared_ptr<FramePoolState> pool) noexcept = 0;  ///< puts this into `pool` for its next use

 private:
  friend struct FrameAccess;

  void take_image() {
    image_ = pool_->images.take();
    if (!image_) image_.reset(new Image);
    image_->reset(spec_);
  }

  void convert_picture() {
    try {
      take_image();
      convert(image_->span());
    } catch (...) {  // out of memory, or a picture that cannot be converted
      image_.reset(nullptr);
      throw;
    }
    drop_picture();  // nobody needs the decoded form any more
    count(pool_->counters->frames_converted);
  }

  void recycle() noexcept {
    drop_picture();
    if (image_) pool_->images.put(std::move(image_));
    std::shared_ptr<FramePoolState> pool = std::move(pool_);
    park(std::move(pool));
  }

  // What handles touch and what recycling touches is in the first cache line, which may have to come from another core.
  RefCount<> references_;
  Once<> conversion_;
  Handle<Image> image_;
  std::shared_ptr<FramePoolState> pool_;
  std::uint64_t index_ = 0;
  Timing timing_;
  ImageSpec spec_;
  FrameOrigin origin_;
  bool left_out_ = false;
};

}  // namespace detail

/// One played picture. A Frame is a small handle: copies share the picture and keep it alive, also after the tracker,
/// the player and the producer are gone. All methods may be called from any thread at the same time.
class Frame {
 public:
  Frame() = default;  ///< no picture: index 0, time 0, an empty image
  Frame(const Frame& other) noexcept : state_{other.state_} {
    if (state_ != nullptr) state_->retain();
  }
  Frame(Frame&& other) noexcept : state_{std::exchange(other.state_, nullptr)} {}
  Frame& operator=(Frame other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~Frame() {
    if (state_ != nullptr) state_->let_go();
  }

  [[nodiscard]] explicit operator bool() const noexcept { return state_ != nullptr; }

  [[nodiscard]] inline std::uint64_t index() const noexcept;    ///< 0-based count of played frames
  [[nodiscard]] inline MediaTime time() const noexcept;         ///< since the source's start
  [[nodiscard]] inline const Timing& timing() const noexcept;   ///< what the due rule needs
  [[nodiscard]] inline const ImageSpec& spec() const noexcept;  ///< the image's size and format, without making it
  [[nodiscard]] int width() const noexcept { return spec().width; }
  [[nodiscard]] int height() const noexcept { return spec().height; }
  [[nodiscard]] PixelFormat format() const noexcept { return spec().format; }

  /// Whether the picture was not decoded, so that image() throws: nobody needed it, or, in realtime, the machine could not
  /// keep the pace.
  [[nodiscard]] inline bool left_out() const noexcept;

  /// How often the source's time had begun anew before this frame: because a live source was lost and found again, or its
  /// clock jumped. Between two frames of different epochs anything may have happened.
  [[nodiscard]] inline std::uint32_t epoch() const noexcept;

  /// Which play of which source it comes from.
  [[nodiscard]] inline const SourceId& source() const noexcept;

  /// Whether the decoder had to make up some of its pixels: parts of the stream were lost.
  [[nodiscard]] inline bool damaged() const noexcept;

  /// When the compressed picture came from a live source; none for other sources.
  [[nodiscard]] inline std::optional<std::chrono::steady_clock::time_point> arrived() const noexcept;

  /// The pixels. The first call converts the decoded picture; frames that nobody looks at are never converted. Callers
  /// that come meanwhile wait for that one conversion. The view is valid for as long as any copy of this Frame lives.
  /// \throws Error if the picture cannot be converted, or was not decoded (left_out(), Errc::left_out): in
  ///               Inference::start, without a process() hook, only the frames of some algorithm's window are
  [[nodiscard]] ImageView image() const { return state_ == nullptr ? ImageView{} : state_->image(); }

  /// Tells the processor that this handle is soon to be let go of, by this thread.
  [[gnu::always_inline]] friend void prefetch_for_writing(const Frame& frame) noexcept {
    __builtin_prefetch(frame.state_, 1);
  }

  /// Whether two handles share one picture.
  friend bool operator==(const Frame&, const Frame&) noexcept = default;

 private:
  friend struct detail::FrameAccess;
  explicit Frame(detail::FrameState* state) noexcept : state_{state} { state_->retain(); }

  detail::FrameState* state_ = nullptr;
};

namespace detail {

/// What only pools and the player may do to a frame, before it is shared.
struct FrameAccess {
  static Frame begin(FrameState& state, std::shared_ptr<FramePoolState> pool, const ImageSpec& spec, MediaTime time) {
    state.pool_ = std::move(pool);
    state.spec_ = spec;
    state.index_ = 0;
    state.timing_ = Timing{.time = time};
    state.origin_ = {};
    state.left_out_ = false;
    state.conversion_.reset(false);
    return Frame{&state};
  }
  static FrameState& state(const Frame& frame) { return *frame.state_; }
  static void number(Frame& frame, std::uint64_t index, const Timing& timing) {
    frame.state_->index_ = index;
    frame.state_->timing_ = timing;
  }
  static void set_source(Frame& frame, const SourceId& source) { frame.state_->origin_.source = source; }
  static void leave_out(Frame& frame) { frame.state_->left_out_ = true; }
  static void set_origin(Frame& frame, const FrameOrigin& origin) { frame.state_->origin_ = origin; }
  static const FrameOrigin& origin(const FrameState& state) { return state.origin_; }
  static bool left_out(const FrameState& state) { return state.left_out_; }
  static std::uint64_t index(const FrameState& state) { return state.index_; }
  static const Timing& timing(const FrameState& state) { return state.timing_; }
  static const ImageSpec& spec(const FrameState& state) { return state.spec_; }
};

}  // namespace detail

inline std::uint64_t Frame::index() const noexcept {
  return state_ == nullptr ? 0 : detail::FrameAccess::index(*state_);
}
inline const Timing& Frame::timing() const noexcept {
  static constexpr Timing none{};
  return state_ == nullptr ? none : detail::FrameAccess::timing(*state_);
}
inline std::uint32_t Frame::epoch() const noexcept {
  return state_ == nullptr ? 0 : detail::FrameAccess::origin(*state_).epoch;
}
inline const SourceId& Frame::source() const noexcept {
  static const SourceId none{};
  return state_ == nullptr ? none : detail::FrameAccess::origin(*state_).source;
}
inline bool Frame::damaged() const noexcept {
  return state_ != nullptr && detail::FrameAccess::origin(*state_).damaged;
}
inline std::optional<std::chrono::steady_clock::time_point> Frame::arrived() const noexcept {
  if (state_ == nullptr || detail::FrameAccess::origin(*state_).arrived == std::chrono::steady_clock::time_point{})
    return {};
  return detail::FrameAccess::origin(*state_).arrived;
}
inline bool Frame::left_out() const noexcept { return state_ != nullptr && detail::FrameAccess::left_out(*state_); }
inline MediaTime Frame::time() const noexcept { return timing().time; }
inline const ImageSpec& Frame::spec() const noexcept {
  static constexpr ImageSpec none{};
  return state_ == nullptr ? none : detail::FrameAccess::spec(*state_);
}

}  // namespace stream_infer
