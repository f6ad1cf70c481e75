#pragma once

#include <concepts>
#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

namespace stream_infer {

template <class Signature>
class Callback;

/// Holds anything that can be called so, or nothing. Unlike std::function it also takes what cannot be copied: its copies
/// call the same object. (<functional>, like <algorithm>, costs much of what including this library does.) To call an
/// empty one is undefined.
template <class R, class... Args>
class Callback<R(Args...)> {
 public:
  Callback() = default;
  Callback(std::nullptr_t) {}  // NOLINT: implicit by intent, as below

  template <class F>
    requires(!std::same_as<std::remove_cvref_t<F>, Callback> && std::is_invocable_r_v<R, std::decay_t<F>&, Args...>)
  Callback(F&& callable)  // NOLINT
      : callable_{std::make_shared<std::decay_t<F>>(std::forward<F>(callable))}, call_{&call<std::decay_t<F>>} {}

  R operator()(Args... arguments) const { return call_(callable_.get(), std::forward<Args>(arguments)...); }
  [[nodiscard]] explicit operator bool() const noexcept { return callable_ != nullptr; }

 private:
  template <class F>
  static R call(void* callable, Args... arguments) {
    return static_cast<R>((*static_cast<F*>(callable))(std::forward<Args>(arguments)...));
  }

  std::shared_ptr<void> callable_;
  R (*call_)(void*, Args...) = nullptr;
};

}  // namespace stream_infer
