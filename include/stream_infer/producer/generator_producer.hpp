#pragma once

#include "stream_infer/core/frame_pool.hpp"
#include "stream_infer/producer/producer.hpp"

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace stream_infer {

/// What a GeneratorProducer's frames look like.
struct GeneratorOptions {
  int width = 0;
  int height = 0;
  PixelFormat format = PixelFormat::bgr24;
  Rational fps = 25;                              ///< frame n is at n / fps, unless the callable tells its own time
  std::optional<std::uint64_t> frame_count = {};  ///< if known: for the info alone, the callable says when it ends
  bool live = false;                              ///< the callable waits for its frames itself, as a camera does
};

namespace detail {

template <class F>
using GeneratedBy = std::invoke_result_t<F&, std::uint64_t, ImageSpan>;

template <class F>
concept FillsImage = std::same_as<bool, GeneratedBy<F>>;

template <class F>
concept FillsTimedImage = std::same_as<GeneratedBy<F>, std::optional<MediaTime>>;

}  // namespace detail

/// A callable that makes frame `index` (0, 1, 2 …) by writing every pixel of the image it is given. It returns
/// - `bool`: false when there is no such frame, which is the end; frame n is at n / fps; or
/// - `std::optional<MediaTime>`: the frame's own time, later than the one before; nullopt is the end.
template <class F>
concept FrameGenerator = detail::FillsImage<F> || detail::FillsTimedImage<F>;

/// Plays frames from a callable: for tests, and for users with a capture of their own.
///
///     si::GeneratorProducer producer{{.width = 640, .height = 480, .fps = 25},
///                                    [](std::uint64_t index, si::ImageSpan out) { … return index < 100; }};
///
/// Every play asks for the frames from 0 on, so the source string of the Player is not used. The callable runs on the
/// playing thread. Where it waits (a camera), it should return within 100 ms when the play is to stop.
template <FrameGenerator F>
class GeneratorProducer {
 public:
  class Reader {
   public:
    Reader(const GeneratorOptions& options, F& generate, std::stop_token stop)
        : options_{&options}, generate_{&generate}, stop_{std::move(stop)} {}

    [[nodiscard]] SourceInfo info() const {
      SourceInfo info{
          .width = options_->width, .height = options_->height, .fps = options_->fps, .live = options_->live};
      info.frame_count = options_->frame_count;
      if (info.frame_count) info.duration = time_of(*info.frame_count);
      info.codec = "generated";
      return info;
    }

    [[nodiscard]] ReadStatus read(Frame& frame) {
      if (stop_.stop_requested()) return ReadStatus::stopped;
      std::optional<MediaTime> own_time;
      bool more = false;
      Frame made =
          pool_.make({options_->width, options_->height, options_->format}, time_of(next_), [&](ImageSpan out) {
            if constexpr (detail::FillsImage<F>) {
              more = (*generate_)(next_, out);
            } else {
              own_time = (*generate_)(next_, out);
              more = own_time.has_value();
            }
          });
      if (!more) return ReadStatus::end;
      if (own_time) detail::FrameAccess::number(made, 0, Timing{.time = *own_time});
      ++next_;
      frame = std::move(made);
      return ReadStatus::frame;
    }

    [[nodiscard]] const std::shared_ptr<SourceCounters>& counters() const { return pool_.counters(); }

   private:
    [[nodiscard]] MediaTime time_of(std::uint64_t index) const {
      return MediaTime{static_cast<std::int64_t>(detail::int128{1'000'000'000} * static_cast<std::int64_t>(index) *
                                                 options_->fps.den() / options_->fps.num())};
    }

    const GeneratorOptions* options_;
    F* generate_;
    std::stop_token stop_;
    FramePool<> pool_;
    std::uint64_t next_ = 0;
  };

  /// \throws Error for a size or rate that makes no sense
  GeneratorProducer(const GeneratorOptions& options, F generate) : options_{options}, generate_{std::move(generate)} {
    if (!options.fps.is_positive())
      throw Error{Errc::invalid_argument, "generate", {}, "the frame rate must be positive"};
    static_cast<void>(Image{ImageSpec{options.width, options.height, options.format}});  // checks the size
  }

  [[nodiscard]] Reader open(const std::string&, const OpenOptions& options) {
    return Reader{options_, generate_, options.stop};
  }

  [[nodiscard]] SourceInfo get_info(const std::string& = {}) { return Reader{options_, generate_, {}}.info(); }

 private:
  GeneratorOptions options_;
  F generate_;
};

}  // namespace stream_infer
