#include "camera_health/black.hpp"
#include "camera_health/blurred.hpp"
#include "camera_health/condition.hpp"
#include "camera_health/cuts.hpp"
#include "camera_health/frozen.hpp"
#include "camera_health/monitor.hpp"
#include "camera_health/options.hpp"
#include "camera_health/picture.hpp"

#include "support/catch.hpp"
#include "support/media.hpp"

#include <stream_infer/stream_infer.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace si = stream_infer;
using namespace camera_health;
using namespace std::chrono_literals;
using Kind = Event::Kind;

namespace {

constexpr int width = 320;
constexpr int height = 180;
constexpr int rate = 25;

std::uint32_t hash(std::uint32_t value) {
  value = (value ^ (value >> 16)) * 0x7feb352dU;
  value = (value ^ (value >> 15)) * 0x846ca68bU;
  return value ^ (value >> 16);
}

/// A pixel between -1 and 1, which always has the same value for the same place, time and seed.
double grain(int x, int y, std::uint32_t seed) {
  const auto place = static_cast<std::uint32_t>(y * width + x);
  return static_cast<double>(hash(place + seed * 0x9e3779b9U) & 0xffffU) / 32767.5 - 1;
}

/// What a made-up camera sees and how it fails, all by the second.
struct Camera {
  double seconds = 10;
  double texture = 30;   ///< of the fine detail, in gray levels
  int textured = width;  ///< how much of the width, from the middle, has any
  double noise = 2;      ///< of each frame anew
  int bars = 0;          ///< black rows at the top and at the bottom
  bool logo = false;     ///< a sharp mark in a corner that never changes
  bool clock = false;    ///< a spot that changes with every second, drawn last of all
  bool object = true;    ///< something small goes through the picture
  std::function<double(double)> brightness = [](double) { return 1.0; };  ///< what a fade does
  std::function<int(double)> scene = [](double) { return 0; };
  std::function<bool(double)> black = [](double) { return false; };
  std::function<bool(double)> frozen = [](double) { return false; };
  std::function<int(double)> blur = [](double) { return 0; };  ///< the radius, in pixels
  std::function<double(double)> pan = [](double) { return 0.0; };
  std::function<bool(double)> covered = [](double) { return false; };  ///< something smooth hides most of the detail
};

std::function<bool(double)> between(double from, double to) {
  return [=](double time) { return time >= from - 1e-9 && time < to - 1e-9; };
}

/// Draws what the camera shows at frame `index`.
class Painter {
 public:
  explicit Painter(Camera camera) : camera_{std::move(camera)} {}

  bool operator()(std::uint64_t index, si::ImageSpan out) {
    const double time = static_cast<double>(index) / rate;
    if (time >= camera_.seconds - 1e-9) return false;
    if (!camera_.frozen(time)) draw(time, static_cast<std::uint32_t>(index));
    for (int y = 0; y < height; ++y) std::copy_n(picture_.data() + y * width, width, out.row(y).data());
    if (camera_.logo) mark(out, 8, 160, 24, 255);
    if (camera_.clock) mark(out, 284, 4, 12, static_cast<int>(time) % 2 == 0 ? 255 : 60);
    return true;
  }

 private:
  void draw(double time, std::uint32_t frame) {
    std::vector<double> view =
        background(camera_.scene(time), static_cast<int>(camera_.pan(time)), camera_.covered(time));
    const int object = static_cast<int>(time * 40) % (width - 40) + 20;
    if (camera_.object)
      for (int y = 82; y < 98; ++y)
        for (int x = -10; x < 10; ++x) view[at(object + x, y)] = 230 + 20 * grain(x, y, 7);
    const double brightness = camera_.brightness(time);
    for (double& pixel : view) pixel = camera_.black(time) ? 4 : brightness * pixel;
    soften(view, camera_.blur(time));
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x) {
        const bool bar = y < camera_.bars || y >= height - camera_.bars;
        const double value = bar ? 0 : view[at(x, y)] + camera_.noise * grain(x, y, 1000 + frame);
        picture_[at(x, y)] = static_cast<std::uint8_t>(std::clamp(value, 0.0, 255.0));
      }
  }

  /// What does not move. It is kept until it does.
  const std::vector<double>& background(int scene, int pan, bool covered) {
    if (!background_.empty() && scene == scene_ && pan == pan_ && covered == covered_) return background_;
    background_.resize(picture_.size());
    scene_ = scene;
    pan_ = pan;
    covered_ = covered;
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x) {
        const double coarse =
            scene == 0 ? std::sin((x + pan) / 31.0) * std::cos(y / 23.0) : std::cos((x + pan - 2 * y) / 47.0);
        const int off_middle = std::abs(2 * x - width);
        const bool plain = scene == 2 || off_middle >= camera_.textured || (covered && off_middle < width * 6 / 10);
        const double fine = plain ? 0 : camera_.texture;
        background_[at(x, y)] = (scene == 0 ? 120 : 90) + 55 * coarse +
                                fine * grain((x + pan) / 2, y / 2, static_cast<std::uint32_t>(scene));
      }
    return background_;
  }

  /// A mean over a square, twice, which is much like a lens out of focus.
  static void soften(std::vector<double>& view, int radius) {
    if (radius == 0) return;
    for (int pass = 0; pass < 4; ++pass) {
      const bool along_x = pass % 2 == 0;
      const std::vector<double> from = view;
      for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x) {
          double sum = 0;
          for (int i = -radius; i <= radius; ++i)
            sum +=
                along_x ? from[at(std::clamp(x + i, 0, width - 1), y)] : from[at(x, std::clamp(y + i, 0, height - 1))];
          view[at(x, y)] = sum / (2 * radius + 1);
        }
    }
  }

  static void mark(si::ImageSpan out, int left, int top, int size, int value) {
    for (int y = top; y < std::min(height, top + size / 2); ++y)
      for (int x = left; x < left + size; ++x)
        out.row(y)[static_cast<std::size_t>(x)] = static_cast<std::uint8_t>((x + y) % 4 < 2 ? value : 30);
  }

  static std::size_t at(int x, int y) { return static_cast<std::size_t>(y) * width + static_cast<std::size_t>(x); }

  Camera camera_;
  std::vector<double> background_;
  int scene_ = 0;
  int pan_ = 0;
  bool covered_ = false;
  std::vector<std::uint8_t> picture_ = std::vector<std::uint8_t>(std::size_t{width} * height);
};

/// Runs the detectors as the program does, and gives the events in the order of their time.
template <class Producer, class Clock>
std::vector<Event> watch(Producer& producer, const std::string& source, si::Mode mode, Clock clock) {
  std::vector<Event> events;
  Monitor monitor{[&](const Event& event) { events.push_back(event); }};
  si::FrameTracker<16> tracker;
  si::Inference inference{tracker,
                          monitor,
                          si::load_algo("black", BlackDetector{}, si::Schedule{}),
                          si::load_algo("frozen", FrozenDetector{}, si::Schedule{.interval = 100ms}),
                          si::load_algo("blurred", BlurDetector{}, si::Schedule{.interval = 200ms}),
                          si::load_algo<si::Sampling{.frame_count = 8}>("cuts", CutDetector{}, 0ms)};
  si::Player player{producer, tracker, source, clock};
  inference.start(player, {.mode = mode});
  monitor.finish(player.current_time());
  std::ranges::stable_sort(events, {}, &Event::at);
  return events;
}

si::GeneratorProducer<Painter> producer_of(const Camera& camera) {
  return {{.width = width, .height = height, .format = si::PixelFormat::gray8, .fps = rate}, Painter{camera}};
}

std::vector<Event> watch(const Camera& camera) {
  auto producer = producer_of(camera);
  return watch(producer, {}, si::Mode::offline, si::SteadyClock{});
}

/// "8.00 black, 12.00 black for 4.00": for comparing, and for failures that can be read.
std::string text_of(const std::vector<Event>& events) {
  std::string text;
  for (const Event& event : events) {
    if (!text.empty()) text += ", ";
    text += std::to_string(Seconds{event.at}.count()).substr(0, 5) + ' ';
    if (event.kind == Kind::cut) text += "cut";
    if (event.kind != Kind::cut) text += name_of(event.fault);
    if (event.kind == Kind::ends) text += " for " + std::to_string(Seconds{event.lasted}.count()).substr(0, 4);
  }
  return text;
}

struct Expected {
  Kind kind;
  Fault fault;
  double at;
};

constexpr double tolerance = 0.25;  // the detectors look every 0.04 s, 0.1 s and 0.2 s

void check(const std::vector<Event>& events, const std::vector<Expected>& expected) {
  INFO(text_of(events));
  REQUIRE(events.size() == expected.size());
  for (std::size_t i = 0; i < events.size(); ++i) {
    INFO("event " << i);
    CHECK(events[i].kind == expected[i].kind);
    if (expected[i].kind != Kind::cut) CHECK(events[i].fault == expected[i].fault);
    CHECK(Seconds{events[i].at}.count() == Approx(expected[i].at).margin(tolerance));
  }
}

Camera with_all_faults() {
  Camera camera;
  camera.seconds = 28;
  camera.black = between(4, 7);
  camera.frozen = between(10, 14);
  camera.blur = [](double time) { return between(18, 21)(time) ? 2 : 0; };
  camera.scene = [](double time) { return time < 24 - 1e-9 ? 0 : 1; };
  return camera;
}

const std::vector<Expected> all_faults{
    {Kind::begins, Fault::black, 4},
    {Kind::ends, Fault::black, 7},
    {Kind::begins, Fault::frozen, 10},
    {Kind::ends, Fault::frozen, 14},
    {Kind::begins, Fault::blurred, 18},
    {Kind::ends, Fault::blurred, 21},
    {Kind::cut, {}, 24},
};

}  // namespace

TEST_CASE("each fault is found at its time") {
  Camera camera = with_all_faults();
  SECTION("in a plain picture") {}
  SECTION("in a noisy one") { camera.noise = 8; }
  SECTION("in one without noise") { camera.noise = 0; }
  SECTION("in one with more noise than texture") { camera.texture = 8, camera.noise = 12; }
  SECTION("in one with little texture, between black bars") { camera.textured = 90, camera.bars = 24; }
  SECTION("between black bars") { camera.bars = 24; }
  SECTION("beside a logo that never changes") { camera.logo = true; }
  SECTION("beside a clock that goes on") { camera.clock = true; }
  SECTION("with all of these") {
    camera.noise = 5;
    camera.bars = 15;
    camera.logo = true;
    camera.clock = true;
  }
  check(watch(camera), all_faults);
}

TEST_CASE("realtime finds the same as offline") {
  auto producer = producer_of(with_all_faults());
  si::ManualClock clock;
  const std::jthread time{[&](const std::stop_token& stop) { clock.run(stop); }};
  const std::vector<Event> realtime = watch(producer, {}, si::Mode::realtime, clock);
  check(realtime, all_faults);
  CHECK(text_of(realtime) == text_of(watch(with_all_faults())));
}

TEST_CASE("what is no fault raises no alarm") {
  Camera camera;
  SECTION("a picture without noise, where only something small moves") { camera.noise = 0; }
  SECTION("much noise") { camera.noise = 25; }
  SECTION("hardly any texture") { camera.texture = 2; }
  SECTION("no texture at all, but noise") { camera.texture = 0, camera.noise = 10; }
  SECTION("black bars, and a logo") { camera.bars = 30, camera.logo = true; }
  SECTION("a fade to half the brightness and back") {
    camera.brightness = [](double time) { return 0.75 + 0.25 * std::cos(time); };
  }
  SECTION("dusk") {
    camera.seconds = 20;
    camera.brightness = [](double time) { return std::clamp(1.6 - time / 6, 0.18, 1.0); };
  }
  SECTION("something large and smooth before the camera") { camera.covered = between(4, 8); }
  SECTION("a lamp that is switched on and off") {
    camera.brightness = [](double time) { return std::fmod(time, 3) < 1.5 ? 1 : 0.7; };
  }
  SECTION("flashes of one, two and three frames") {
    camera.scene = [](double time) { return static_cast<int>(time * rate + 0.5) % 60 >= 60 - time / 3 ? 1 : 0; };
  }
  SECTION("a camera that turns") {
    camera.pan = [](double time) { return 60 * time; };
  }
  SECTION("black for a moment too short to tell") { camera.black = between(4, 4.4); }
  SECTION("still for a moment too short to tell") { camera.frozen = between(4, 5.8); }
  SECTION("out of focus for a moment too short to tell") {
    camera.blur = [](double time) { return between(5, 5.8)(time) ? 3 : 0; };
  }
  CHECK(text_of(watch(camera)) == "");
}

TEST_CASE("a fade to black is black, not blurred, frozen or cut") {
  Camera camera;
  camera.brightness = [](double time) { return std::clamp(std::abs(time - 6) / 2 - 0.5, 0.02, 1.0); };
  const std::vector<Event> events = watch(camera);
  INFO(text_of(events));
  REQUIRE(events.size() == 2);
  CHECK(events[0].fault == Fault::black);
  CHECK(Seconds{events[1].lasted}.count() == Approx(2.5).margin(0.2));
}

TEST_CASE("a fault that lasts until the end ends there") {
  Camera camera;
  camera.frozen = between(6, 100);
  check(watch(camera), {{Kind::begins, Fault::frozen, 6}, {Kind::ends, Fault::frozen, 10}});
}

TEST_CASE("another view is no blur, and blur is found in it again") {
  Camera camera;
  camera.seconds = 24;
  camera.scene = [](double time) { return time < 12 - 1e-9 ? 0 : 1; };
  camera.blur = [](double time) { return between(19, 22)(time) ? 2 : 0; };
  check(watch(camera), {{Kind::cut, {}, 12}, {Kind::begins, Fault::blurred, 19}, {Kind::ends, Fault::blurred, 22}});
}

TEST_CASE("a view without detail is no blur") {
  Camera camera;
  camera.scene = [](double time) { return time < 5 - 1e-9 ? 0 : 2; };
  check(watch(camera), {{Kind::cut, {}, 5}});
}

TEST_CASE("blur is found right after a long darkness") {
  Camera camera;
  camera.seconds = 18;
  camera.black = between(4, 13);
  camera.blur = [](double time) { return between(13.5, 16)(time) ? 2 : 0; };
  check(watch(camera), {{Kind::begins, Fault::black, 4},
                        {Kind::ends, Fault::black, 13},
                        {Kind::begins, Fault::blurred, 13.5},
                        {Kind::ends, Fault::blurred, 16}});
}

TEST_CASE("faults in an encoded picture are found") {
  const std::string source =
      "lavfi:testsrc2=size=640x360:rate=25:duration=17,noise=alls=8:allf=t,"
      "gblur=sigma=6:enable='between(t,10,13.99)',drawbox=color=black:t=fill:enable='between(t,5,6.99)'";
  si::FFmpegProducer producer{{.width = width, .height = height, .format = si::PixelFormat::gray8}};
  check(watch(producer, source, si::Mode::offline, si::SteadyClock{}), {{Kind::begins, Fault::black, 5},
                                                                        {Kind::ends, Fault::black, 7},
                                                                        {Kind::begins, Fault::blurred, 10},
                                                                        {Kind::ends, Fault::blurred, 14}});
}

TEST_CASE("real clips raise no alarm") {
  const auto path = stream_infer::test::real_clip_path(GENERATE("car-detection.mp4", "bottle-detection.mp4"));
  if (!path) return;
  si::FFmpegProducer producer{{.width = width, .height = height, .format = si::PixelFormat::gray8}};
  CHECK(text_of(watch(producer, *path, si::Mode::offline, si::SteadyClock{})) == "");
}

TEST_CASE("measures of a picture are what their names say") {
  si::Image image{{width, height, si::PixelFormat::gray8}};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) image.span().row(y)[static_cast<std::size_t>(x)] = x < width / 2 ? 10 : 200;

  CHECK(dark_share(image.view(), 25) == Approx(0.5));
  CHECK(cell_means(image.view()).front() == Approx(10));
  CHECK(cell_means(image.view()).back() == Approx(200));

  const si::Image same{std::as_const(image).view()};
  CHECK(cell_differences(image.view(), same.view())[0] == 0);
  CHECK(distance(histogram(image.view()), histogram(same.view())) == Approx(0).margin(1e-6));
  si::Image other{std::as_const(image).view()};
  for (int y = 0; y < height; ++y) std::ranges::fill(other.span().row(y), std::uint8_t{100});
  CHECK(distance(histogram(image.view()), histogram(other.view())) == Approx(1));
  CHECK(cell_differences(image.view(), other.view()).front() == Approx(90));

  const Grid sharpness = cell_sharpness(image.view());  // only the edge in the middle has detail
  CHECK(sharpness.front() == 0);
  CHECK(*std::ranges::max_element(sharpness) > 100);
  CHECK(correlation(cell_means(image.view()), cell_means(same.view())) == Approx(1));
}

TEST_CASE("the monitor makes events and totals of what the detectors say") {
  std::vector<Event> events;
  Monitor monitor{[&](const Event& event) { events.push_back(event); }};
  const auto say = [&](si::MediaTime time, bool present, si::MediaTime since) {
    monitor.collect(si::Record<Condition>{time, 0, {}, {Fault::black, present, since, 1}});
  };
  say(1s, false, 1s);
  say(2s, true, 1500ms);
  say(3s, true, 1500ms);
  say(4s, false, 4s);
  monitor.collect(si::Record<CutCheck>{6s, 0, {}, {true, 5900ms, 0.5}});
  monitor.collect(si::Record<CutCheck>{7s, 0, {}, {false, 6900ms, 0.1}});
  say(8s, true, 7s);
  monitor.finish(9s);
  CHECK(text_of(events) == "1.500 black, 4.000 black for 2.50, 5.900 cut, 7.000 black, 9.000 black for 2.00");
  CHECK(monitor.totals(Fault::black).events == 2);
  CHECK(monitor.totals(Fault::black).time == 4500ms);
  CHECK(monitor.totals(Fault::black).longest == 2500ms);
  CHECK(monitor.totals(Fault::frozen).events == 0);
  CHECK(monitor.cuts() == 1);
}

TEST_CASE("the command line is checked") {
  const Options options = parse({"clip.mp4", "realtime", "--black-time", "1.5", "--blur-detail=20", "--fps", "12.5"});
  CHECK(options.source == "clip.mp4");
  CHECK(options.mode == si::Mode::realtime);
  CHECK(options.black.at_least == Seconds{1.5});
  CHECK(options.blur.detail == Approx(0.2));
  CHECK(options.fps == si::Rational{25, 2});
  CHECK(parse({"clip.mp4", "--help"}).help);

  using Catch::Matchers::ContainsSubstring;
  const auto complaint = [](const std::vector<std::string_view>& arguments) -> std::string {
    try {
      static_cast<void>(parse(arguments));
      return "none";
    } catch (const UsageError& error) {
      return error.what();
    }
  };
  CHECK(complaint({}) == "which source?");
  CHECK_THAT(complaint({"a", "b"}), ContainsSubstring("not 'b'"));
  CHECK_THAT(complaint({"a", "offline", "c"}), ContainsSubstring("'c'"));
  CHECK_THAT(complaint({"a", "--colour"}), ContainsSubstring("--colour"));
  CHECK_THAT(complaint({"a", "--colour=1"}), ContainsSubstring("no option --colour"));
  CHECK_THAT(complaint({"a", "--color", "red"}), ContainsSubstring("'red'"));
  CHECK_THAT(complaint({"a", "--black-share", "120"}), ContainsSubstring("from 0 to 100"));
  CHECK_THAT(complaint({"a", "--black-time", "1s"}), ContainsSubstring("'1s'"));
  CHECK_THAT(complaint({"a", "--fps", "0"}), ContainsSubstring("more than 0"));
}
