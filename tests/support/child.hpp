#pragma once

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace stream_infer::test {

/// A program that runs beside the test, and is killed with it. What it says goes to a file, or to be read here.
class Child {
 public:
  /// \param arguments  the program first, looked for in PATH
  explicit Child(std::vector<std::string> arguments) : name_{arguments.front()} {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error{"no pipe"};
    said_ = ends[0];
    std::vector<char*> plain;
    for (std::string& argument : arguments) plain.push_back(argument.data());
    plain.push_back(nullptr);
    const pid_t parent = ::getpid();
    id_ = ::fork();
    if (id_ == 0) {  // only what may be called after a fork of a program with threads
      ::setpgid(0, 0);
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() != parent) ::_exit(127);
      const int nothing = ::open("/dev/null", O_RDWR);
      ::dup2(nothing, 0);
      ::dup2(ends[1], 1);
      ::dup2(ends[1], 2);
      ::execvp(plain[0], plain.data());
      ::_exit(127);
    }
    ::close(ends[1]);
    if (id_ < 0) throw std::runtime_error{"cannot start " + name_};
    ::fcntl(said_, F_SETFL, O_NONBLOCK);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    kill();
    ::close(said_);
  }

  void signal(int number) const { ::kill(id_, number); }

  /// Stops all of its threads, until SIGCONT.
  void freeze() const {
    signal(SIGSTOP);
    siginfo_t info{};  // they stop at their own time
    ::waitid(P_PID, static_cast<id_t>(id_), &info, WSTOPPED | WEXITED | WNOWAIT);
  }

  /// Ends it at once, as if its machine had been switched off, and waits until it is gone.
  void kill() {
    if (id_ <= 0) return;
    ::kill(-id_, SIGKILL);  // and what it has started
    ::kill(id_, SIGKILL);
    ::waitpid(id_, nullptr, 0);
    id_ = 0;
  }

  /// Waits for its end. Returns its exit code, or -1 for a signal.
  int wait() {
    int status = 0;
    for (pollfd readable{said_, POLLIN, 0}; ::waitpid(id_, &status, WNOHANG) == 0; ::poll(&readable, 1, 10)) read();
    read();
    id_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  /// Whether it has not ended.
  [[nodiscard]] bool runs() {
    if (id_ > 0 && ::waitpid(id_, nullptr, WNOHANG) == id_) id_ = 0;
    return id_ > 0;
  }

  /// Waits until it has said `text`. \throws std::runtime_error  if it does not
  void wait_for(const std::string& text, std::chrono::seconds limit = std::chrono::seconds{20}) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (text_.find(text) == std::string::npos) {
      if (std::chrono::steady_clock::now() > deadline || !runs()) {
        read();
        throw std::runtime_error{name_ + " does not say '" + text + "', but: " + text_};
      }
      pollfd readable{said_, POLLIN, 0};
      ::poll(&readable, 1, 50);
      read();
    }
  }

  /// What it has said so far. To be called now and then: it may have to wait otherwise.
  const std::string& said() {
    read();
    return text_;
  }

 private:
  void read() {
    char part[4096];
    for (ssize_t size = 0; (size = ::read(said_, part, sizeof part)) > 0;)
      text_.append(part, static_cast<std::size_t>(size));
  }

  std::string name_;
  pid_t id_ = 0;
  int said_ = -1;
  std::string text_;
};

/// Whether a program can be started by this name.
[[nodiscard]] inline bool has_program(const std::string& name) {
  return std::system(("command -v " + name + " >/dev/null 2>&1").c_str()) == 0;
}

/// A port on this machine that nobody listens on now. \param type  SOCK_STREAM or SOCK_DGRAM
[[nodiscard]] inline int free_port(int type = SOCK_STREAM) {
  const int probe = ::socket(AF_INET, type | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const plain = reinterpret_cast<sockaddr*>(&address);
  if (probe < 0 || ::bind(probe, plain, size) != 0 || ::getsockname(probe, plain, &size) != 0)
    throw std::runtime_error{"no free port"};
  ::close(probe);
  return ntohs(address.sin_port);
}

/// Waits until somebody listens on a TCP port. \throws std::runtime_error  if nobody does
inline void wait_for_port(int port, std::chrono::seconds limit = std::chrono::seconds{20}) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  for (;;) {
    const int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const bool listens = ::connect(probe, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    ::close(probe);
    if (listens) return;
    if (std::chrono::steady_clock::now() > deadline)
      throw std::runtime_error{"nobody listens on port " + std::to_string(port)};
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
  }
}

}  // namespace stream_infer::test
