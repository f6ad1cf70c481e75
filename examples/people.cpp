// people VIDEO [PICTURE.jpg] [realtime]: finds and follows people, counts who crosses the middle of the picture, and writes
// the last picture with somebody in it, with boxes, to PICTURE.jpg.
#include <stream_infer/ffmpeg/snapshot.hpp>
#include <stream_infer/opencv/hog_people.hpp>
#include <stream_infer/opencv/overlay.hpp>
#include <stream_infer/stream_infer.hpp>
#include <stream_infer/vision/counters.hpp>
#include <stream_infer/vision/object_tracker.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <fstream>
#include <iostream>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace si = stream_infer;
using namespace std::chrono_literals;

/// Who is in the picture, with numbers that stay.
struct People {
  si::Tracks run(std::span<const si::Frame> frames) { return tracker.update(hog.run(frames), frames.back().time()); }
  si::HogPeople hog{};
  si::ObjectTracker tracker{};
};

/// Takes the records and counts.
struct Counter {
  void collect(const si::Record<si::Tracks>& record) {
    line.update(record.value);
    most = std::max(most, record.value.size());
  }
  si::LineCounter line;
  std::size_t most = 0;
};

int main(int argc, char** argv) try {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.empty()) throw std::invalid_argument{"usage: people VIDEO [PICTURE.jpg] [realtime]"};
  const std::string picture = arguments.size() > 1 ? arguments[1] : "";
  const bool live = arguments.back() == "realtime";

  si::FFmpegProducer producer{{.width = 640}};
  const si::SourceInfo info = producer.get_info(arguments[0]);
  const float middle = 320, bottom = 640.F * static_cast<float>(info.height) / static_cast<float>(info.width);
  Counter counter{si::LineCounter{{middle, 0}, {middle, bottom}}};
  si::FrameTracker tracker;
  si::Inference inference{tracker, counter, si::load_algo("people", People{}, si::Schedule{.interval = 200ms})};

  std::vector<std::uint8_t> last;
  if (!picture.empty())
    inference.process([&](const si::Frame& frame, const auto& latest) {
      const auto* found = latest.template find<si::Tracks>("people");
      if (found == nullptr || found->value.empty() || found->frame_index != frame.index()) return;
      si::Overlay overlay{frame};
      overlay.draw(found->value).line({middle, 0}, {middle, bottom}).text(si::to_hms_ms(frame.time()));
      last = si::snapshot(overlay.image());
    });

  si::Player player{producer, tracker, arguments[0]};
  std::cout << inference.start(player, {.mode = live ? si::Mode::realtime : si::Mode::offline});
  std::cout << "at most " << counter.most << " people at once; over the middle: " << counter.line.to_left()
            << " to the right, " << counter.line.to_right() << " to the left\n";
  if (last.empty()) return 0;
  std::ofstream out{picture, std::ios::binary};
  out.write(reinterpret_cast<const char*>(last.data()), static_cast<std::streamsize>(last.size()));
  std::cout << picture << '\n';
} catch (const std::exception& error) {
  std::cerr << "people: " << error.what() << '\n';
  return 1;
}
