// own_producer FILE.y4m|-: a Producer of one's own, which plays raw video in the YUV4MPEG2 format (Y4M) without FFmpeg's
// libraries. "-" reads from standard input, so this plays anything that the ffmpeg program can decode:
//
//     ffmpeg -loglevel error -i clip.mp4 -f yuv4mpegpipe -pix_fmt yuv420p - | own_producer -
//
// Three parts make a producer:
//   YuvPicture    what a frame holds until somebody looks at it: planes, converted to pixels on first use
//   Y4mReader     an open source: reads pictures one after another and makes frames of them
//   Y4mProducer   opens sources
#include <stream_infer/stream_infer.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace si = stream_infer;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view usage =
    "usage: own_producer FILE.y4m|- [offline|realtime]\n"
    "Plays raw video (YUV4MPEG2, 8 bits) from a file or, with -, from standard input:\n"
    "    ffmpeg -loglevel error -i clip.mp4 -f yuv4mpegpipe -pix_fmt yuv420p - | own_producer -\n";

/// How a Y4M stream's pictures are laid out: a plane of brightness and, unless it is gray, two of colour.
struct Layout {
  int width = 0;
  int height = 0;
  int chroma_width = 0;  ///< 0: gray
  int chroma_height = 0;
  bool full_range = false;  ///< black and white are 0 and 255, not 16 and 235

  [[nodiscard]] std::size_t luma_bytes() const {
    return static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
  }
  [[nodiscard]] std::size_t chroma_bytes() const {
    return static_cast<std::size_t>(chroma_width) * static_cast<std::size_t>(chroma_height);
  }
  [[nodiscard]] std::size_t bytes() const { return luma_bytes() + 2 * chroma_bytes(); }
};

std::uint8_t to_byte(int value) { return static_cast<std::uint8_t>(std::clamp(value, 0, 255)); }

/// A model of si::Picture. convert() is called at most once for each frame, by whichever thread looks at it first, and not
/// at all for frames that nobody looks at. The object is used again for later frames.
struct YuvPicture {
  Layout layout;
  std::vector<std::uint8_t> planes;

  /// To any size (by the nearest pixel) and any format, with the matrix of BT.601.
  void convert(si::ImageSpan out) const {
    for (int y = 0; y < out.height; ++y) {
      const int from_y = y * layout.height / out.height;
      std::uint8_t* to = out.row(y).data();
      for (int x = 0; x < out.width; ++x, to += channels(out.format))
        write(to, out.format, x * layout.width / out.width, from_y);
    }
  }

  /// The bytes are kept for the next frame, the picture is not: nobody asks for it any more.
  void drop() noexcept {}

 private:
  void write(std::uint8_t* to, si::PixelFormat format, int x, int y) const {
    // In units of 1/65536. Limited range is stretched: by 255/219 for brightness, by 255/224 for colour.
    const int luma_scale = layout.full_range ? 65536 : 76309;
    const int chroma_scale = layout.full_range ? 65536 : 74606;
    const int luma = (at(0, layout.width, x, y) - (layout.full_range ? 0 : 16)) * luma_scale + 32768;
    if (format == si::PixelFormat::gray8) {
      *to = to_byte(luma / 65536);
      return;
    }
    int u = 0, v = 0;
    if (layout.chroma_width > 0) {
      const int chroma_x = x * layout.chroma_width / layout.width;
      const int chroma_y = y * layout.chroma_height / layout.height;
      u = at(layout.luma_bytes(), layout.chroma_width, chroma_x, chroma_y) - 128;
      v = at(layout.luma_bytes() + layout.chroma_bytes(), layout.chroma_width, chroma_x, chroma_y) - 128;
    }
    const auto colour = [&](double from_u, double from_v) {
      return to_byte((luma + static_cast<int>((from_u * u + from_v * v) * chroma_scale)) / 65536);
    };
    const std::uint8_t red = colour(0, 1.402), green = colour(-0.344136, -0.714136), blue = colour(1.772, 0);
    const bool blue_first = format == si::PixelFormat::bgr24 || format == si::PixelFormat::bgra32;
    to[0] = blue_first ? blue : red;
    to[1] = green;
    to[2] = blue_first ? red : blue;
    if (channels(format) == 4) to[3] = 255;
  }

  [[nodiscard]] int at(std::size_t plane, int width, int x, int y) const {
    return planes[plane + static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x)];
  }
};

/// Bytes from a file or pipe. Nothing here blocks for longer than 50 ms after a stop.
class Input {
 public:
  Input(const std::string& source, std::stop_token stop) : stop_{std::move(stop)} {
    // O_NONBLOCK: opening a named pipe that nobody writes to must not block either
    if (source != "-") fd_ = ::open(source.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd_ < 0) throw std::system_error{errno, std::generic_category()};
  }
  Input(Input&& other) noexcept
      : stop_{std::move(other.stop_)},
        fd_{std::exchange(other.fd_, STDIN_FILENO)},
        buffer_{std::move(other.buffer_)},
        read_{other.read_} {}
  Input& operator=(Input other) noexcept {
    std::swap(stop_, other.stop_);
    std::swap(fd_, other.fd_);
    std::swap(buffer_, other.buffer_);
    std::swap(read_, other.read_);
    return *this;
  }
  ~Input() {
    if (fd_ != STDIN_FILENO) ::close(fd_);
  }

  enum class Status { ok, end, stopped };

  /// Fills `out`. `end` if the input ends before that: what there was is lost, and `partly` says whether there was any.
  [[nodiscard]] Status read(std::span<std::uint8_t> out, bool& partly) {
    partly = false;
    while (!out.empty()) {
      if (read_ == buffer_.size())
        if (const Status status = refill(); status != Status::ok) return status;
      const std::size_t count = std::min(out.size(), buffer_.size() - read_);
      std::copy_n(buffer_.begin() + static_cast<std::ptrdiff_t>(read_), count, out.begin());
      read_ += count;
      out = out.subspan(count);
      partly = true;
    }
    return Status::ok;
  }

  /// The next line, without its end. `end` if there is none; longer ones than `limit` are cut, for garbage has no lines.
  [[nodiscard]] Status read_line(std::string& line, std::size_t limit = 1024) {
    line.clear();
    while (line.size() < limit) {
      std::uint8_t byte = 0;
      bool partly = false;
      const Status status = read({&byte, 1}, partly);
      if (status == Status::end && !line.empty()) return Status::ok;
      if (status != Status::ok) return status;
      if (byte == '\n') break;
      line += static_cast<char>(byte);
    }
    return Status::ok;
  }

 private:
  Status refill() {
    buffer_.resize(std::size_t{64} * 1024);
    read_ = 0;
    for (;;) {
      if (stop_.stop_requested()) return drained(Status::stopped);
      pollfd wait{.fd = fd_, .events = POLLIN, .revents = 0};
      if (::poll(&wait, 1, 50) == 0) continue;
      const ssize_t count = ::read(fd_, buffer_.data(), buffer_.size());
      if (count == 0) return drained(Status::end);
      if (count > 0) {
        buffer_.resize(static_cast<std::size_t>(count));
        return Status::ok;
      }
      if (errno != EINTR && errno != EAGAIN) throw std::system_error{errno, std::generic_category()};
    }
  }

  Status drained(Status status) {
    buffer_.clear();
    return status;
  }

  std::stop_token stop_;
  int fd_ = STDIN_FILENO;
  std::vector<std::uint8_t> buffer_;
  std::size_t read_ = 0;  // of the buffer
};

/// A model of si::Reader. One thread calls it, the one that plays.
class Y4mReader {
 public:
  /// \throws si::Error  also when it was stopped
  Y4mReader(const std::string& source, const si::ImageSpec& wanted, const si::OpenOptions& options)
      : name_{si::redact(source)}, input_{source, options.stop} {
    std::string header;
    if (input_.read_line(header) == Input::Status::stopped)
      throw si::Error{std::make_error_code(std::errc::operation_canceled), "open", name_};
    parse(header);
    spec_ = {wanted.width > 0 ? wanted.width : layout_.width, wanted.height > 0 ? wanted.height : layout_.height,
             wanted.format};
  }

  [[nodiscard]] si::SourceInfo info() const {
    return {.width = layout_.width, .height = layout_.height, .fps = fps_, .codec = "rawvideo"};
  }

  /// The end of the source is a value, not an exception.
  [[nodiscard]] si::ReadStatus read(si::Frame& frame) {
    std::string line;
    switch (input_.read_line(line)) {
      case Input::Status::ok: break;
      case Input::Status::end: return si::ReadStatus::end;
      case Input::Status::stopped: return si::ReadStatus::stopped;
    }
    if (!line.starts_with("FRAME")) {
      counters()->decode_errors += 1;
      throw si::Error{si::Errc::producer_failed, "read", name_,
                      "no frame where frame " + std::to_string(next_) + " should begin"};
    }
    planes_.resize(layout_.bytes());
    bool partly = false;
    switch (input_.read(planes_, partly)) {
      case Input::Status::ok: break;
      case Input::Status::end: counters()->truncated = true; return si::ReadStatus::end;  // the last one is cut off
      case Input::Status::stopped: return si::ReadStatus::stopped;
    }
    counters()->packets_read += 1;
    counters()->packets_decoded += 1;
    counters()->frames_decoded += 1;

    // The frame takes our buffer, and we go on with the one that its picture had in an earlier frame: nothing is copied,
    // and after a while nothing is allocated.
    frame = pool_.make_lazy(spec_, time_of(next_), [this](YuvPicture& picture) {
      picture.layout = layout_;
      picture.planes.swap(planes_);
    });
    ++next_;
    return si::ReadStatus::frame;
  }

  /// Optional: what the report's first line comes from.
  [[nodiscard]] const std::shared_ptr<si::SourceCounters>& counters() const { return pool_.counters(); }

 private:
  [[noreturn]] void reject(std::string_view reason) const {
    throw si::Error{si::Errc::unsupported, "open", name_, reason};
  }

  [[nodiscard]] si::MediaTime time_of(std::int64_t index) const {  // exact, and without a sum of rounded periods
    return std::chrono::seconds{index * fps_.den() / fps_.num()} +
           si::MediaTime{index * fps_.den() % fps_.num() * 1'000'000'000 / fps_.num()};
  }

  int number(std::string_view text) const {
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value <= 0)
      reject("its header has '" + std::string{text} + "' where a number should be");
    return value;
  }

  /// "YUV4MPEG2 W640 H360 F30000:1001 Ip A1:1 C420jpeg XCOLORRANGE=FULL": words, each with a letter that says what it is.
  void parse(std::string_view header) {
    if (!header.starts_with("YUV4MPEG2 ")) reject("it does not begin as a YUV4MPEG2 stream does");
    std::string_view chroma = "420jpeg";
    std::string_view rate;
    for (std::size_t begin = 10, end = 0; begin < header.size(); begin = end + 1) {
      end = std::min(header.find(' ', begin), header.size());
      const std::string_view word = header.substr(begin, end - begin);
      if (word.starts_with('W')) layout_.width = number(word.substr(1));
      if (word.starts_with('H')) layout_.height = number(word.substr(1));
      if (word.starts_with('F')) rate = word.substr(1);
      if (word.starts_with('C')) chroma = word.substr(1);
      if (word == "XCOLORRANGE=FULL") layout_.full_range = true;
    }
    static_cast<void>(si::Image{{layout_.width, layout_.height, si::PixelFormat::gray8}});  // checks the size

    const std::size_t colon = rate.find(':');
    if (colon == std::string_view::npos || rate == "0:0") reject("its header does not tell the frame rate");
    fps_ = {number(rate.substr(0, colon)), number(rate.substr(colon + 1))};

    const int half_width = (layout_.width + 1) / 2;
    const int half_height = (layout_.height + 1) / 2;
    if (chroma == "420" || chroma == "420jpeg" || chroma == "420mpeg2" || chroma == "420paldv")
      layout_.chroma_width = half_width, layout_.chroma_height = half_height;
    else if (chroma == "422")
      layout_.chroma_width = half_width, layout_.chroma_height = layout_.height;
    else if (chroma == "444")
      layout_.chroma_width = layout_.width, layout_.chroma_height = layout_.height;
    else if (chroma != "mono")
      reject("its pixels are '" + std::string{chroma} + "', and only 420, 422, 444 and mono with 8 bits can be played");
  }

  std::string name_;
  Input input_;
  Layout layout_;
  si::Rational fps_;
  si::ImageSpec spec_;
  si::FramePool<YuvPicture> pool_;
  std::vector<std::uint8_t> planes_;
  std::int64_t next_ = 0;
};

/// A model of si::Producer.
class Y4mProducer {
 public:
  /// \param wanted  what the frames shall look like; a width or height of 0 is the source's
  explicit Y4mProducer(const si::ImageSpec& wanted) : wanted_{wanted} {}

  /// \throws si::Error  that names the source and the reason
  [[nodiscard]] Y4mReader open(const std::string& source, const si::OpenOptions& options) const {
    try {
      return {source, wanted_, options};
    } catch (const std::system_error& error) {
      if (dynamic_cast<const si::Error*>(&error) != nullptr) throw;
      throw si::Error{error.code(), "open", si::redact(source)};
    }
  }

 private:
  si::ImageSpec wanted_;
};

static_assert(si::Picture<YuvPicture>);
static_assert(si::Reader<Y4mReader>);
static_assert(si::Producer<Y4mProducer>);

/// The mean colour of a picture.
struct MeanColour {
  std::string run(std::span<const si::Frame> frames) {
    const si::ImageView image = frames.back().image();
    std::array<std::uint64_t, 3> sums{};
    for (int y = 0; y < image.height; ++y)
      for (std::size_t i = 0; i < image.row(y).size(); ++i) sums[i % 3] += image.row(y)[i];
    const auto pixels = static_cast<std::uint64_t>(image.width) * static_cast<std::uint64_t>(image.height);
    return "red " + std::to_string(sums[0] / pixels) + ", green " + std::to_string(sums[1] / pixels) + ", blue " +
           std::to_string(sums[2] / pixels);
  }
};

}  // namespace

int main(int argc, char** argv) try {
  const std::vector<std::string_view> arguments{argv + 1, argv + argc};
  if (arguments == std::vector<std::string_view>{"--help"}) {
    std::cout << usage;
    return 0;
  }
  const std::string_view mode = arguments.size() == 2 ? arguments[1] : "offline";
  if (arguments.empty() || arguments.size() > 2 || (mode != "offline" && mode != "realtime")) {
    std::cerr << usage;
    return 2;
  }
  Y4mProducer producer{{.format = si::PixelFormat::rgb24}};
  si::FrameTracker<8> tracker;
  si::PrintExporter exporter;
  si::Inference inference{tracker, exporter, si::load_algo("mean colour", MeanColour{}, si::Schedule{.interval = 1s})};
  si::Player player{producer, tracker, std::string{arguments[0]}};
  const si::RunReport report =
      inference.start(player, {.mode = mode == "offline" ? si::Mode::offline : si::Mode::realtime});
  std::cout << '\n' << report;  // one picture a second was converted, the others were not
} catch (const si::Error& error) {
  std::cerr << "own_producer: " << error.what() << '\n';
  return 1;
}
