#pragma once

#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

namespace stream_infer {

/// An algorithm's name as records carry it: an immutable string that copies share, so that a record can outlive the
/// Inference that made it and costs no allocation. It converts to std::string_view.
class Name {
 public:
  Name() = default;
  explicit Name(std::string text) : text_{new std::string{std::move(text)}} {}

  [[nodiscard]] std::string_view view() const noexcept {
    return text_ ? std::string_view{*text_} : std::string_view{""};
  }
  operator std::string_view() const noexcept { return view(); }  // NOLINT(google-explicit-constructor): as std::string

  friend bool operator==(const Name& a, std::string_view b) noexcept { return a.view() == b; }
  friend bool operator==(const Name& a, const Name& b) noexcept { return a.view() == b.view(); }
  friend std::ostream& operator<<(std::ostream& out, const Name& name) { return out << name.view(); }

 private:
  std::shared_ptr<const std::string> text_;
};

}  // namespace stream_infer
