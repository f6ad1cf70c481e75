#pragma once

#include "camera_health/black.hpp"
#include "camera_health/blurred.hpp"
#include "camera_health/cuts.hpp"
#include "camera_health/frozen.hpp"

#include <stream_infer/core/rational.hpp>
#include <stream_infer/inference/run_report.hpp>

#include <charconv>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace camera_health {

inline constexpr std::string_view usage =
    R"(usage: camera_health SOURCE [offline|realtime] [options]

Watches a picture and tells when it is black, frozen or blurred, and where it cuts to another scene.
SOURCE is a file, a URL (rtsp://...), a device (/dev/video0) or a test pattern (lavfi:testsrc2).
offline (the default) goes as fast as the machine can, realtime at the source's own pace. Ctrl-C ends either.

  --fps N             look at no more than N frames a second          the source's rate
  --black-luma N      a pixel is dark up to this brightness, 0..255   25
  --black-share N     black from N % dark pixels on                   98
  --black-time S      and for S seconds                               0.5
  --frozen-change N   a spot has changed from N gray levels on        1
  --frozen-time S     frozen after S seconds without a change         2
  --blur-detail N     blurred below N % of the usual detail           35
  --blur-time S       and for S seconds                               1
  --cut-change N      a cut changes N % of the histogram at least     20
  --color WHEN        auto, always or never                           auto
  --help
)";

/// The command line makes no sense; what() says why.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Options {
  std::string source;
  stream_infer::Mode mode = stream_infer::Mode::offline;
  std::optional<stream_infer::Rational> fps;
  BlackOptions black;
  FrozenOptions frozen;
  BlurOptions blur;
  CutOptions cut;
  std::optional<bool> colour;  ///< unset: only on a terminal
  bool help = false;
};

/// \throws UsageError
[[nodiscard]] inline double number_from(std::string_view option, std::string_view text, double from, double to) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !(value >= from && value <= to))
    throw UsageError{std::string{option} + " wants a number from " + std::to_string(static_cast<int>(from)) + " to " +
                     std::to_string(static_cast<int>(to)) + ", not '" + std::string{text} + "'"};
  return value;
}

/// \param arguments  those of main(), without the program's name
/// \throws UsageError
[[nodiscard]] inline Options parse(const std::vector<std::string_view>& arguments) {
  Options options;
  std::vector<std::string_view> words;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    if (argument == "--help" || argument == "-h") {
      options.help = true;
      return options;
    }
    if (!argument.starts_with("--")) {
      words.push_back(argument);
      continue;
    }
    const std::size_t equals = argument.find('=');  // --name=value or --name value
    const std::string_view name = argument.substr(0, equals);
    if (equals == std::string_view::npos && i + 1 == arguments.size())
      throw UsageError{"what value for " + std::string{name} + "?"};
    const std::string_view value = equals == std::string_view::npos ? arguments[++i] : argument.substr(equals + 1);
    const auto number = [&](double from, double to) { return number_from(name, value, from, to); };
    constexpr double day = 86'400;
    if (name == "--fps") {
      options.fps = stream_infer::Rational{number(0, 1000)};
      if (!options.fps->is_positive()) throw UsageError{"--fps must be more than 0"};
    } else if (name == "--black-luma") {
      options.black.luma = static_cast<int>(number(0, 255));
    } else if (name == "--black-share") {
      options.black.share = number(0, 100) / 100;
    } else if (name == "--black-time") {
      options.black.at_least = Seconds{number(0, day)};
    } else if (name == "--frozen-change") {
      options.frozen.change = number(0, 255);
    } else if (name == "--frozen-time") {
      options.frozen.at_least = Seconds{number(0, day)};
    } else if (name == "--blur-detail") {
      options.blur.detail = number(0, 100) / 100;
    } else if (name == "--blur-time") {
      options.blur.at_least = Seconds{number(0, day)};
    } else if (name == "--cut-change") {
      options.cut.change = number(0, 100) / 100;
    } else if (name == "--color") {
      if (value != "auto" && value != "always" && value != "never")
        throw UsageError{"--color wants auto, always or never, not '" + std::string{value} + "'"};
      if (value != "auto") options.colour = value == "always";
    } else {
      throw UsageError{"there is no option " + std::string{name}};
    }
  }
  options.frozen.black = options.blur.black = options.cut.black = options.black;

  if (words.empty()) throw UsageError{"which source?"};
  if (words.size() > 2) throw UsageError{"'" + std::string{words[2]} + "' is one word too many"};
  options.source = words[0];
  if (words.size() == 2 && words[1] != "offline" && words[1] != "realtime")
    throw UsageError{"the mode is offline or realtime, not '" + std::string{words[1]} + "'"};
  if (words.size() == 2 && words[1] == "realtime") options.mode = stream_infer::Mode::realtime;
  return options;
}

}  // namespace camera_health
