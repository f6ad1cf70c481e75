// people VIDEO [OUT]... [realtime]: finds and follows people and counts who crosses the middle of the picture. What it sees
// goes, with boxes, to each OUT: a recording (seen.mp4, seen.mkv), a live stream (rtmp://…, rtsp://…, srt://…, live.m3u8), or
// the last picture with somebody in it (seen.jpg).
#include <stream_infer/ffmpeg/recorder.hpp>
#include <stream_infer/ffmpeg/restream.hpp>
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
#include <deque>
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

/// Where the pictures go.
struct Outputs {
  explicit Outputs(const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      if (name.ends_with(".jpg"))
        snapshot = name;
      else if (name.find("://") != std::string::npos || name.ends_with(".m3u8"))
        streams.emplace_back(name);
      else
        recorders.emplace_back(name);
    }
  }
  void write(const si::Frame& frame, si::ImageView picture, bool has_people) {
    for (si::Recorder& recorder : recorders) recorder.write(frame, picture);
    for (si::Restream& stream : streams) stream.write(frame, picture);
    if (has_people && !snapshot.empty()) last = si::snapshot(picture);
  }
  /// Finishes the files, and says what has become of everything.
  void close() {
    for (si::Recorder& recorder : recorders) {
      recorder.close();
      std::cout << "recorded " << recorder.stats().written << " pictures\n";
    }
    for (si::Restream& stream : streams) {
      stream.close();
      const si::RecorderStats stats = stream.stats();
      std::cout << "sent " << stats.written << " pictures, dropped " << stats.dropped;
      std::cout << (stats.last_error.empty() ? "" : "; " + stats.last_error) << '\n';
    }
    if (last.empty()) return;
    std::ofstream out{snapshot, std::ios::binary};
    out.write(reinterpret_cast<const char*>(last.data()), static_cast<std::streamsize>(last.size()));
    std::cout << snapshot << '\n';
  }

  std::deque<si::Recorder> recorders;
  std::deque<si::Restream> streams;
  std::string snapshot;
  std::vector<std::uint8_t> last;
};

int main(int argc, char** argv) try {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.empty()) throw std::invalid_argument{"usage: people VIDEO [OUT]... [realtime]"};
  const std::string video = arguments.front();
  const bool live = arguments.back() == "realtime";
  arguments.erase(arguments.begin());
  if (live) arguments.pop_back();

  si::FFmpegProducer producer{{.width = 640}};
  const si::SourceInfo info = producer.get_info(video);
  const float middle = 320, bottom = 640.F * static_cast<float>(info.height) / static_cast<float>(info.width);
  Counter counter{si::LineCounter{{middle, 0}, {middle, bottom}}};
  si::FrameTracker<32> tracker;
  si::Inference inference{tracker, counter, si::load_algo("people", People{}, si::Schedule{.interval = 200ms})};

  Outputs outputs{arguments};
  if (!arguments.empty())
    inference.process([&](const si::Frame& frame, const auto& latest) {
      if (frame.left_out()) return;
      si::Overlay overlay{frame};
      const auto* found = latest.template find<si::Tracks>("people");
      if (found != nullptr) overlay.draw(found->value);
      overlay.line({middle, 0}, {middle, bottom}).text(si::to_hms_ms(frame.time()));
      outputs.write(frame, overlay.image(), found != nullptr && !found->value.empty());
    });

  si::Player player{producer, tracker, video};
  std::cout << inference.start(player, {.mode = live ? si::Mode::realtime : si::Mode::offline});
  std::cout << "at most " << counter.most << " people at once; over the middle: " << counter.line.to_left()
            << " to the right, " << counter.line.to_right() << " to the left\n";
  outputs.close();
} catch (const std::exception& error) {
  std::cerr << "people: " << error.what() << '\n';
  return 1;
}
