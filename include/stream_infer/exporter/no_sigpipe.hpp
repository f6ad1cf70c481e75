#pragma once

#include <csignal>
#include <ctime>

namespace stream_infer::detail {

/// While it lives, a connection that the other end has closed does not end the program: client libraries write to it
/// with write(2), which sends the writing thread SIGPIPE. The thread's own mask, and the program's handler, stay as they were.
/// A thread that is begun meanwhile never gets that signal.
class NoSigpipe {
 public:
  NoSigpipe() {
    sigset_t waiting;
    sigpending(&waiting);
    was_waiting_ = sigismember(&waiting, SIGPIPE) == 1;
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  NoSigpipe(const NoSigpipe&) = delete;
  NoSigpipe& operator=(const NoSigpipe&) = delete;
  ~NoSigpipe() {
    const timespec at_once{};
    if (!was_waiting_) sigtimedwait(&pipe_, nullptr, &at_once);  // the one that we have caused, if any
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t pipe_{}, before_{};
  bool was_waiting_;
};

}  // namespace stream_infer::detail
