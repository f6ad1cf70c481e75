#pragma once

#include "stream_infer/core/error.hpp"

#include <cstdlib>
#include <string>
#include <utility>

namespace stream_infer {

/// A password or a token. It cannot be printed by mistake; no error, record or statistic has it.
///
///     .password = si::Secret::from_environment("REDIS_PASSWORD")
class Secret {
 public:
  Secret() = default;
  Secret(std::string value) : value_{std::move(value)} {}  // NOLINT(google-explicit-constructor): where it is asked for
  Secret(const char* value) : value_{value} {}             // NOLINT(google-explicit-constructor)

  /// \throws Error  if there is no such environment variable
  [[nodiscard]] static Secret from_environment(const std::string& variable) {
    const char* const value = std::getenv(variable.c_str());  // NOLINT(concurrency-mt-unsafe): it only reads
    if (value == nullptr)
      throw Error{Errc::invalid_argument, "export", variable, "there is no environment variable of that name"};
    return value;
  }

  [[nodiscard]] bool empty() const noexcept { return value_.empty(); }
  /// The secret itself, for the client library that needs it.
  [[nodiscard]] const std::string& reveal() const noexcept { return value_; }

 private:
  std::string value_;
};

}  // namespace stream_infer
