// compare RUNS NAME_A NAME_B -- COMMAND A … -- COMMAND B …
//
// Times two commands as whole processes, in turn (A B A B …), after one uncounted run of each, and prints a Markdown
// table row: the medians of wall time, CPU time and peak memory, and the median of the ratios A/B pair by pair, which
// holds when the machine's speed drifts. What the commands print is thrown away.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

struct Cost {
  double wall;    // seconds
  double cpu;     // seconds, user and system
  double memory;  // MiB, at its peak
};

Cost run(const std::vector<char*>& command) {
  const auto begin = std::chrono::steady_clock::now();
  const pid_t child = fork();
  if (child == 0) {
    const int null = open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; ++fd) dup2(null, fd);
    execvp(command[0], command.data());
    _exit(127);
  }
  int status = 0;
  rusage usage{};
  if (child < 0 || wait4(child, &status, 0, &usage) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    std::fprintf(stderr, "compare: %s did not end well\n", command[0]);
    std::exit(1);
  }
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return {std::chrono::duration<double>{std::chrono::steady_clock::now() - begin}.count(),
          seconds(usage.ru_utime) + seconds(usage.ru_stime), static_cast<double>(usage.ru_maxrss) / 1024};
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double median_of(const std::vector<Cost>& costs, double Cost::*what) {
  std::vector<double> values;
  for (const Cost& cost : costs) values.push_back(cost.*what);
  return median(values);
}

double median_ratio(const std::vector<Cost>& a, const std::vector<Cost>& b, double Cost::*what) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < a.size(); ++i) ratios.push_back(a[i].*what / b[i].*what);
  return median(ratios);
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::vector<char*>> commands;
  for (int i = 4; i < argc; ++i) {
    if (std::strcmp(argv[i], "--") == 0)
      commands.emplace_back();
    else if (!commands.empty())
      commands.back().push_back(argv[i]);
  }
  const int runs = argc > 1 ? std::atoi(argv[1]) : 0;
  if (runs < 1 || commands.size() != 2 || commands[0].empty() || commands[1].empty()) {
    std::fprintf(stderr, "usage: compare RUNS NAME_A NAME_B -- COMMAND A ... -- COMMAND B ...\n");
    return 2;
  }
  for (auto& command : commands) command.push_back(nullptr);

  std::vector<Cost> a, b;
  for (int i = -1; i < runs; ++i) {
    const Cost of_a = run(commands[0]);
    const Cost of_b = run(commands[1]);
    if (i < 0) continue;
    a.push_back(of_a);
    b.push_back(of_b);
  }
  for (const auto& [name, costs] : {std::pair{argv[2], &a}, std::pair{argv[3], &b}})
    std::printf("| %s | %.2f s | %.2f s | %.0f MiB |\n", name, median_of(*costs, &Cost::wall),
                median_of(*costs, &Cost::cpu), median_of(*costs, &Cost::memory));
  std::printf("| ratio, median of %d pairs | %.2f | %.2f | %.2f |\n", runs, median_ratio(a, b, &Cost::wall),
              median_ratio(a, b, &Cost::cpu), median_ratio(a, b, &Cost::memory));
}
