#pragma once

#include "stream_infer/core/callback.hpp"
#include "stream_infer/core/error.hpp"
#include "stream_infer/core/frame.hpp"
#include "stream_infer/core/media_time.hpp"
#include "stream_infer/core/stats.hpp"

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

namespace stream_infer {

/// What is known of a source. Unknown is not 0: what may be unknown is optional.
struct SourceInfo {
  int width = 0;                                  ///< of the source's own picture, upright, in pixels
  int height = 0;                                 ///< likewise
  std::optional<Rational> fps = {};               ///< frames per second; the average of a source with a variable rate
  std::optional<std::uint64_t> frame_count = {};  ///< if the container tells
  std::optional<MediaTime> duration = {};         ///< if the container tells
  std::string codec = {};                         ///< FFmpeg's name of it: "h264"; empty where there is none
  bool interlaced = false;               ///< a picture's rows are of two moments in turn; they are not taken apart
  bool live = false;                     ///< frames come at their own pace and cannot be asked for earlier
  Rational time_base{1, 1'000'000'000};  ///< the unit of the source's time stamps, in seconds
};

/// Whether somebody will look at a picture.
enum class PictureNeed : std::uint8_t {
  unknown,
  not_needed,
  late,  ///< somebody will if it is decoded anyway; for its own sake it comes too late
  needed,
};

/// Knows, ahead of decoding, which of a source's pictures somebody will look at. A reader that can tell the times of its
/// pictures before it decodes them says them here and leaves out what is not needed. For one thread.
class PictureNeeds {
 public:
  PictureNeeds() = default;
  PictureNeeds(const PictureNeeds&) = delete;
  PictureNeeds& operator=(const PictureNeeds&) = delete;
  virtual ~PictureNeeds() = default;

  /// The picture that is added next begins a group: no picture from it on refers to one before it. Said only by a reader
  /// whose source never keeps it waiting: what comes too late in realtime does so because of decoding.
  virtual void begin_group() {}
  /// The next picture, in the order of showing, is at `time`, since the source's start.
  virtual void add(MediaTime time) = 0;
  /// There is no other.
  virtual void end() = 0;
  /// Whether the first picture not yet taken is needed; `unknown`, and not taken, while pictures after it decide that.
  virtual PictureNeed take() = 0;
  /// Whether pictures are wanted at a clock's pace, so that it is of no use to be far ahead of it.
  [[nodiscard]] virtual bool keeps_pace() const { return false; }
  /// Whether a picture at `time`, which comes after those added, may be needed, as far as can be told now: for a live
  /// source, whose pictures cannot be kept waiting.
  [[nodiscard]] virtual bool may_need([[maybe_unused]] MediaTime time) const { return true; }
  /// Whether pictures that are added next, however many, all at or before `time`, cannot be needed unless a picture after
  /// `time` is what needs them; then all that depends on their exact times is theirs. For readers that can go past pictures
  /// without reading them.
  [[nodiscard]] virtual bool can_pass([[maybe_unused]] MediaTime time) const { return false; }
  /// How many pictures after one may need it.
  [[nodiscard]] virtual std::size_t reach() const { return 0; }
};

/// How a reader stands with a source that may be lost and found again.
struct Connection {
  enum class State : std::uint8_t {
    connecting,    ///< it is being opened, for the first time or again
    playing,       ///< frames come
    stalled,       ///< none has come for a while; it has not been given up yet
    reconnecting,  ///< it is lost, or could not be opened, and will be opened again after a pause
  };

  State state = State::connecting;
  std::uint32_t attempt = 0;                             ///< reconnecting: how often in a row, from 1
  std::chrono::steady_clock::time_point next_attempt{};  ///< reconnecting: when the pause ends
  std::optional<Error> error = {};                       ///< reconnecting: why
};

/// How a play wants its source opened.
struct OpenOptions {
  MediaTime position{};    ///< where the play starts; a reader may start at any frame at or before it
  std::stop_token stop{};  ///< when requested, open() and read() return within 100 ms, whatever they wait for
  /// What will be looked at; if empty, everything. A reader may leave the pixels of other pictures out: it gives their
  /// frames all the same. It may also not care. Called on any thread.
  Callback<std::unique_ptr<PictureNeeds>(const SourceInfo&)> needs{};
  /// Whether open() shall wait for a live source that cannot be opened yet, for as long as there is hope.
  bool retry = false;
  /// Hears of each change, on the thread that calls open() and read().
  Callback<void(const Connection&)> on_connection{};
};

/// What read() came to. The end of a stream is a value, not an exception.
enum class ReadStatus : std::uint8_t {
  frame,    ///< there is a frame
  end,      ///< the source has ended: there will be no other
  stopped,  ///< stop was requested
};

/// An open source.
///
/// 1. `info()` is known from the start and does not change.
/// 2. `read(frame)` waits for the next picture and puts it into `frame`, with `time()` since the source's start, later
///    than the one before. It throws where the source fails for good.
/// 3. Optional: `counters()` gives the SourceCounters that the report takes over; they outlive the reader.
///
/// One thread calls it, the one that plays. Destruction may come at any time between two calls.
template <class R>
concept Reader = std::movable<R> && requires(R& reader, const R& view, Frame& frame) {
  { view.info() } -> std::convertible_to<SourceInfo>;
  { reader.read(frame) } -> std::same_as<ReadStatus>;
};

/// Opens sources: `open(source, options)` gives a Reader or throws an Error that names the step, the source (through
/// redact()) and the reason. The producer outlives the plays that it opened; open() runs on the thread that plays.
template <class P>
concept Producer = requires(P& producer, const std::string& source, const OpenOptions& options) {
  { producer.open(source, options) } -> Reader;
};

/// The Reader that a Producer opens.
template <Producer P>
using ReaderOf =
    decltype(std::declval<P&>().open(std::declval<const std::string&>(), std::declval<const OpenOptions&>()));

}  // namespace stream_infer
