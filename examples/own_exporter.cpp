// own_exporter VIDEO FILE.csv: two exporters of one's own.
//
// - Changes takes each result as it comes: it prints those that differ from the one before.
// - CsvFile collects and sends later, in batches: it writes rows to FILE.csv, a hundred at a time.
//
// Both get everything, and so does the library's MemoryExporter, which serves for a summary at the end.
#include <stream_infer/stream_infer.hpp>

#include <array>
#include <cerrno>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <variant>

namespace si = stream_infer;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view usage =
    "usage: own_exporter VIDEO FILE.csv\n"
    "Prints how VIDEO is exposed, and writes all results to FILE.csv: seconds, frame, algorithm, value.\n";

/// The mean of a picture's pixels.
struct Brightness {
  double run(std::span<const si::Frame> frames) {
    const si::ImageView image = frames.back().image();
    std::uint64_t sum = 0;
    for (int y = 0; y < image.height; ++y)
      for (const std::uint8_t pixel : image.row(y)) sum += pixel;
    return static_cast<double>(sum) / (static_cast<double>(image.width) * image.height);
  }
};

/// What a photographer would say of the exposure.
struct Exposure {
  std::string run(std::span<const si::Frame> frames) {
    const si::ImageView image = frames.back().image();
    std::array<double, 3> shares{};  // shadows, middle, highlights
    for (int y = 0; y < image.height; ++y)
      for (const std::uint8_t pixel : image.row(y)) shares[pixel < 64 ? 0 : pixel < 192 ? 1 : 2] += 1;
    for (double& share : shares) share /= static_cast<double>(image.width) * image.height;
    if (shares[0] > 0.3 && shares[2] > 0.3) return "harsh, with deep shadows and blown highlights";
    if (shares[0] > 0.5) return "dark";
    if (shares[2] > 0.5) return "bright";
    return "good";
  }
};

std::string text_of(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", value);
  return text;
}
std::string text_of(const std::string& value) { return value; }

/// A direct exporter: all it needs is collect() for each type of result, here a template for any.
class Changes {
 public:
  template <class T>
  void collect(const si::Record<T>& record) {
    if constexpr (std::is_same_v<T, std::string>) {  // numbers always differ
      std::string& last = last_[std::string{record.algo.view()}];
      if (last == record.value) return;
      last = record.value;
      std::cout << si::to_hms_ms(record.time) << "  " << record.algo << " is " << record.value << '\n';
    }
  }

  /// Optional: hears of algorithms and exporters that threw. What fails once often fails again: say it once.
  void on_error(const si::RunError& error) {
    if (error.message == last_error_) return;
    last_error_ = error.message;
    std::cerr << error.algo << " failed: " << error.message << '\n';
  }

 private:
  std::string last_error_;
  std::map<std::string, std::string> last_;
};

/// An exporter that sends later. BaseExporter keeps what is collected, and calls send() for each record in turn after
/// every run. A record at which send() throws counts as not sent, and comes again.
class CsvFile : public si::BaseExporter<CsvFile, double, std::string> {
 public:
  /// \throws si::Error
  explicit CsvFile(std::string path) : path_{std::move(path)}, file_{std::fopen(path_.c_str(), "wb")} {
    if (!file_) fail("create");
    std::setvbuf(file_.get(), nullptr, _IONBF, 0);  // the batch is the buffer: fwrite() then says what was written
    batch_ = "seconds,frame,algorithm,value\r\n";
  }

  template <class T>
  void send(const si::Record<T>& record) {
    if (rows_in_batch_ == rows_per_batch) flush();  // first, so that a record is in the batch or has not been sent
    char numbers[64];
    std::snprintf(numbers, sizeof numbers, "%.3f,%llu,", std::chrono::duration<double>{record.time}.count(),
                  static_cast<unsigned long long>(record.frame_index));
    batch_ += numbers + quoted(record.algo) + ',' + quoted(text_of(record.value)) + "\r\n";
    ++rows_in_batch_;
    ++rows_;
  }

  /// Writes what there is. What could not be written stays, and is tried again. \throws si::Error
  void flush() {
    const std::size_t written = std::fwrite(batch_.data(), 1, batch_.size(), file_.get());
    batch_.erase(0, written);
    if (!batch_.empty()) fail("write");
    rows_in_batch_ = 0;
  }

  [[nodiscard]] std::size_t rows() const { return rows_; }

 private:
  static constexpr std::size_t rows_per_batch = 100;

  struct Close {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
  };

  [[noreturn]] void fail(std::string_view step) const {
    throw si::Error{std::error_code{errno, std::generic_category()}, step, path_};
  }

  /// As RFC 4180 has it: in quotes where it must be, and a quote inside is doubled.
  static std::string quoted(std::string_view text) {
    if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string{text};
    std::string out = "\"";
    for (const char c : text) out += c == '"' ? std::string{"\"\""} : std::string{c};
    return out + '"';
  }

  std::string path_;
  std::unique_ptr<std::FILE, Close> file_;
  std::string batch_;
  std::size_t rows_in_batch_ = 0;
  std::size_t rows_ = 0;
};

void run(const std::string& video, const std::string& path) {
  si::FFmpegProducer producer{{.width = 320, .format = si::PixelFormat::gray8}};
  si::FrameTracker<8> tracker;
  CsvFile csv{path};
  si::MemoryExporter<double, std::string> memory;
  auto exporter = si::fan_out(csv, memory, Changes{});  // named ones stay ours, the temporary is taken over
  si::Inference inference{tracker, exporter, si::load_algo("brightness", Brightness{}, si::Schedule{.interval = 100ms}),
                          si::load_algo("exposure", Exposure{}, si::Schedule{.interval = 500ms})};
  si::Player player{producer, tracker, video};

  const si::RunReport report = inference.start(player, {.on_progress = si::ProgressLine{}});
  csv.flush();

  double sum = 0;
  std::map<std::string, int> exposures;
  int numbers = 0;
  for (const auto& record : memory.results()) {  // of several types: a std::variant of their records
    if (const auto* brightness = std::get_if<si::Record<double>>(&record)) {
      sum += brightness->value;
      ++numbers;
    } else {
      ++exposures[std::get<si::Record<std::string>>(record).value];
    }
  }
  std::cout << "\nmean brightness " << text_of(numbers > 0 ? sum / numbers : 0) << '\n';
  for (const auto& [exposure, count] : exposures) std::cout << count << " times " << exposure << '\n';
  std::cout << csv.rows() << " rows in " << path << "\n\n" << report;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc == 2 && argv[1] == std::string_view{"--help"}) {
    std::cout << usage;
    return 0;
  }
  if (argc != 3) {
    std::cerr << usage;
    return 2;
  }
  run(argv[1], argv[2]);
} catch (const si::Error& error) {
  std::cerr << "own_exporter: " << error.what() << '\n';
  return 1;
}
