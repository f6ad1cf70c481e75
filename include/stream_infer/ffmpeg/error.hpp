#pragma once

#include "stream_infer/core/error.hpp"
#include "stream_infer/ffmpeg/compat.hpp"

#include <string>
#include <string_view>
#include <system_error>

namespace stream_infer {

/// The category of FFmpeg's own codes. Those that stand for an errno compare equal to the std::errc of it:
/// `error.code() == std::errc::no_such_file_or_directory`.
[[nodiscard]] inline const std::error_category& ffmpeg_category() noexcept {
  class Category final : public std::error_category {
   public:
    const char* name() const noexcept override { return "ffmpeg"; }
    std::string message(int code) const override {
      char text[AV_ERROR_MAX_STRING_SIZE] = {};
      if (av_strerror(code, text, sizeof text) < 0 && text[0] == '\0') return "unknown FFmpeg error";
      return text;
    }
    std::error_condition default_error_condition(int code) const noexcept override {
      constexpr int largest_errno = 4095;  // above it, codes are four letters
      const int number = AVUNERROR(code);
      if (number > 0 && number <= largest_errno) return {number, std::generic_category()};
      return {code, *this};
    }
  };
  static const Category category;
  return category;
}

namespace ffmpeg {

/// An Error with FFmpeg's `code`. \param reason  added to what FFmpeg says of the code
[[nodiscard]] inline Error make_error(int code, std::string_view step, std::string_view source,
                                      std::string_view reason = {}) {
  const std::error_code error{code, ffmpeg_category()};
  if (reason.empty()) return {error, step, source};
  return {error, step, source, error.message() + " (" + std::string{reason} + ")"};
}

/// What is wrong with an option, for an Error's reason.
[[nodiscard]] inline std::string cannot_be(std::string_view option, std::string_view value) {
  std::string text = "'";
  return text.append(option).append("' cannot be '").append(value).append("'");
}

}  // namespace ffmpeg
}  // namespace stream_infer
