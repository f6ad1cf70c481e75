#pragma once

#include <stream_infer/core/media_time.hpp>

#include <chrono>
#include <string_view>

namespace camera_health {

using stream_infer::MediaTime;
using Seconds = std::chrono::duration<double>;

/// What can be wrong with a camera's picture for a while.
enum class Fault { black, frozen, blurred };

[[nodiscard]] constexpr std::string_view name_of(Fault fault) {
  switch (fault) {
    case Fault::black: return "black";
    case Fault::frozen: return "frozen";
    case Fault::blurred: return "blurred";
  }
  return "unknown";
}

/// What a detector says at one frame: whether its fault is there, and since when. A fault that has not lasted long enough
/// yet is not there.
struct Condition {
  Fault fault{};
  bool present = false;
  MediaTime since{};   ///< of the first frame that shows it
  double measure = 0;  ///< how strongly, in the detector's own unit
};

/// Turns "this frame shows it" into "it has been there for long enough".
class Lasting {
 public:
  explicit Lasting(Seconds at_least) : at_least_{at_least} {}

  /// \param shown  whether the frame at `time` shows the fault
  [[nodiscard]] Condition at(MediaTime time, Fault fault, bool shown, double measure) {
    if (!shown || !shown_before_ || time < since_) since_ = time;  // time goes back where a new play begins
    shown_before_ = shown;
    return {fault, shown && time - since_ >= at_least_, since_, measure};
  }

 private:
  Seconds at_least_;
  MediaTime since_{};
  bool shown_before_ = false;
};

}  // namespace camera_health
