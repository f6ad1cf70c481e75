#pragma once

#include "stream_infer/core/media_time.hpp"
#include "stream_infer/exporter/record.hpp"

#include <cstddef>
#include <iostream>
#include <iterator>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include <unistd.h>

namespace stream_infer {
namespace detail {

/// Whether what is written to `out` appears on a terminal; known for the standard streams alone.
[[nodiscard]] inline bool is_terminal(const std::ostream& out) {
  if (&out == &std::cout) return ::isatty(STDOUT_FILENO) == 1;
  return (&out == &std::cerr || &out == &std::clog) && ::isatty(STDERR_FILENO) == 1;
}

template <class T>
concept Streamable = requires(std::ostream& out, const T& value) {
  out << value;
};

template <class T>
concept Iterable = requires(const T& range) {
  std::begin(range) != std::end(range);
};

template <class T>
struct IsPrintable : std::bool_constant<Streamable<T>> {};
template <class T>
  requires(!Streamable<T> && Iterable<T>)
struct IsPrintable<T> : IsPrintable<std::remove_cvref_t<decltype(*std::begin(std::declval<const T&>()))>> {};
template <class T>
struct IsPrintable<std::optional<T>> : IsPrintable<T> {};
template <class... Ts>
struct IsPrintable<std::variant<Ts...>> : std::conjunction<IsPrintable<Ts>...> {};
template <class... Ts>
struct IsPrintable<std::tuple<Ts...>> : std::conjunction<IsPrintable<Ts>...> {};
template <class A, class B>
struct IsPrintable<std::pair<A, B>> : std::conjunction<IsPrintable<A>, IsPrintable<B>> {};

template <class T>
void print_value(std::ostream& out, const T& value);

template <class Tuple>
void print_tuple(std::ostream& out, const Tuple& values) {
  out << '(';
  std::size_t count = 0;
  std::apply([&](const auto&... value) { ((out << (count++ == 0 ? "" : ", "), print_value(out, value)), ...); },
             values);
  out << ')';
}

template <class T>
void print_value(std::ostream& out, const T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    out << (value ? "true" : "false");
  } else if constexpr (std::is_same_v<T, std::int8_t> || std::is_same_v<T, std::uint8_t>) {
    out << static_cast<int>(value);
  } else if constexpr (Streamable<T>) {
    out << value;
  } else if constexpr (Iterable<T>) {
    out << '[';
    std::string_view separator;
    for (const auto& element : value) {
      out << separator;
      print_value(out, element);
      separator = ", ";
    }
    out << ']';
  } else if constexpr (requires { value.has_value(); }) {
    if (value.has_value())
      print_value(out, *value);
    else
      out << "none";
  } else if constexpr (requires { value.index(); }) {
    std::visit([&out](const auto& alternative) { print_value(out, alternative); }, value);
  } else {
    print_tuple(out, value);
  }
}

}  // namespace detail

/// Whether PrintExporter can print a `T`: it has operator<<, or is a range, optional, variant, pair or tuple of such.
template <class T>
concept Printable = detail::IsPrintable<T>::value;

/// Prints a line for each record, as it comes, and for each error:
///
///     00:00:01.000  frame 29  head: [12 x 40 at 3,7]
///
/// On a terminal it first wipes the line that it writes to: a ProgressLine may stand there.
class PrintExporter {
 public:
  /// \param out  stays with the caller and outlives the exporter
  explicit PrintExporter(std::ostream& out = std::cout) : out_{&out}, wipe_{detail::is_terminal(out)} {}

  template <Printable T>
  void collect(const Record<T>& record) {
    begin_line(record.time, record.frame_index, record.algo);
    detail::print_value(*out_, record.value);
    *out_ << '\n';
  }

  void on_error(const RunError& error) {
    begin_line(error.time, error.frame_index, error.algo);
    *out_ << "failed: " << error.message << '\n';
  }

  /// Nothing waits to be sent: lines are written as records come. Flushes the stream.
  void send() { out_->flush(); }
  void send_all() { out_->flush(); }

 private:
  void begin_line(MediaTime time, std::uint64_t frame_index, const Name& algo) {
    if (wipe_) *out_ << "\r\x1b[K";
    *out_ << to_hms_ms(time) << "  frame " << frame_index << "  " << algo << ": ";
  }

  std::ostream* out_;
  bool wipe_;
};

}  // namespace stream_infer
