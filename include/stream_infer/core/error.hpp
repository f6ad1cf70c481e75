#pragma once

#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace stream_infer {

/// What this library itself finds wrong. FFmpeg's and the system's own codes keep their own categories.
enum class Errc {
  invalid_argument = 1,  ///< an option, rate, size or position that makes no sense
  duplicate_name,        ///< two algorithms of one Inference with the same name
  unknown_name,          ///< no algorithm of that name
  window_too_long,       ///< a window that the FrameTracker can never hold
  no_video_stream,       ///< the source has no picture track
  unsupported,           ///< the source is fine, this build cannot play it
  algorithm_failed,      ///< an algorithm's init() threw
  producer_failed,       ///< a Producer or Reader threw something that is not an Error
  busy,                  ///< the object is in use: a Player that plays already
  left_out,              ///< the pixels of a frame that no algorithm needed were not decoded
  not_allowed,           ///< the source would open what it was not allowed to
  limit_exceeded,        ///< the source is larger than is allowed
};

}  // namespace stream_infer

template <>
struct std::is_error_code_enum<stream_infer::Errc> : std::true_type {};

namespace stream_infer {

[[nodiscard]] inline const std::error_category& error_category() noexcept {
  class Category final : public std::error_category {
   public:
    const char* name() const noexcept override { return "stream_infer"; }
    std::string message(int code) const override {
      switch (static_cast<Errc>(code)) {
        case Errc::invalid_argument: return "invalid argument";
        case Errc::duplicate_name: return "two algorithms have the same name";
        case Errc::unknown_name: return "no algorithm has that name";
        case Errc::window_too_long: return "the window does not fit the frame tracker";
        case Errc::no_video_stream: return "no video stream";
        case Errc::unsupported: return "not supported";
        case Errc::algorithm_failed: return "the algorithm failed";
        case Errc::producer_failed: return "the producer failed";
        case Errc::busy: return "already playing";
        case Errc::left_out: return "the pixels were left out";
        case Errc::not_allowed: return "not allowed";
        case Errc::limit_exceeded: return "a limit is exceeded";
      }
      return "unknown error";
    }
  };
  static const Category category;
  return category;
}

[[nodiscard]] inline std::error_code make_error_code(Errc code) noexcept {
  return {static_cast<int>(code), error_category()};
}

/// Every error that this library throws or stores: a code, the step that failed ("open", "init", "read" …), what it was
/// about (the source, without credentials, or an algorithm's name) and the reason in words.
/// `what()` reads `step 'subject': reason`. Copying never throws.
class Error : public std::system_error {
 public:
  /// \param subject  the source or name that the step was about; a source must have gone through redact()
  /// \param reason   the reason in words and, where there is one, the way out; empty takes the code's own message
  Error(std::error_code code, std::string_view step, std::string_view subject, std::string_view reason = {})
      : std::system_error{code}, text_{new Text{code, step, subject, reason}} {}

  Error(Errc code, std::string_view step, std::string_view subject, std::string_view reason = {})
      : Error{make_error_code(code), step, subject, reason} {}

  [[nodiscard]] const char* what() const noexcept override { return text_->what.c_str(); }
  [[nodiscard]] const std::string& step() const noexcept { return text_->step; }
  [[nodiscard]] const std::string& source() const noexcept { return text_->subject; }
  [[nodiscard]] const std::string& reason() const noexcept { return text_->reason; }

 private:
  struct Text {
    Text(std::error_code code, std::string_view step_name, std::string_view subject_name, std::string_view why)
        : step{step_name},
          subject{subject_name},
          reason{why.empty() ? code.message() : std::string{why}},
          what{step + (subject.empty() ? "" : " '" + subject + "'") + ": " + reason} {}
    std::string step;
    std::string subject;
    std::string reason;
    std::string what;
  };

  std::shared_ptr<const Text> text_;  // shared: an exception's copy must not throw
};

namespace detail {

/// What an exception says; never empty.
[[nodiscard]] inline std::string message_of(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const std::exception& error) {
    return *error.what() != '\0' ? error.what() : "an exception without a message";
  } catch (...) {
    return "something that is not a std::exception";
  }
}

/// The exception that is being handled, as an Error that names `step` and `source`.
[[nodiscard]] inline Error current_error(std::string_view step, const std::string& source) {
  try {
    throw;
  } catch (const Error& error) {
    return error;
  } catch (...) {
    return Error{Errc::producer_failed, step, source, message_of(std::current_exception())};
  }
}

}  // namespace detail
}  // namespace stream_infer
