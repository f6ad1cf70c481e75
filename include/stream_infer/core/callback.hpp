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
  Callback(F&& callable) : held_{std::make_shared<Held<std::decay_t<F>>>(std::forward<F>(callable))} {}  // NOLINT

  R operator()(Args... arguments) const { return held_->call(std::forward<Args>(arguments)...); }
  [[nodiscard]] explicit operator bool() const noexcept { return held_ != nullptr; }

 private:
  struct Base {
    Base() = default;
    Base(const Base&) = delete;
    Base& operator=(const Base&) = delete;
    virtual ~Base() = default;
    virtual R call(Args... arguments) = 0;
  };

  template <class F>
  struct Held final : Base {
    explicit Held(F given) : callable(std::move(given)) {}
    R call(Args... arguments) override { return static_cast<R>(callable(std::forward<Args>(arguments)...)); }
    F callable;
  };

  std::shared_ptr<Base> held_;
};

}  // namespace stream_infer
