#include "support/media.hpp"

#include "support/catch.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <sstream>
#include <stdexcept>
#include <system_error>

#include <unistd.h>

namespace stream_infer::test {
namespace {

/// Runs a shell command. \throws std::runtime_error  with what it wrote, if it fails
void run(const std::string& command) {
  std::FILE* const pipe = ::popen(("{ " + command + "; } 2>&1").c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error{"cannot start: " + command};
  std::string said;
  char part[512];
  while (const std::size_t size = std::fread(part, 1, sizeof part, pipe)) said.append(part, size);
  if (::pclose(pipe) != 0) throw std::runtime_error{command + "\n" + said};
}

/// The same with every standard library: it becomes part of a path.
std::string hash_of(const std::string& text) {
  std::uint64_t hash = 14695981039346656037U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
  std::ostringstream hex;
  hex << std::hex << hash;
  return hex.str();
}

const std::string quiet_ffmpeg = "ffmpeg -nostdin -hide_banner -loglevel error -y ";

}  // namespace

std::string clip_path() { return STREAM_INFER_TEST_CLIP; }

std::optional<std::string> real_clip_path(std::string_view name) {
  const std::filesystem::path path = std::filesystem::path{STREAM_INFER_MEDIA_DIR} / name;
  if (std::filesystem::exists(path)) return path.string();
  WARN("skipped: there is no " << path.string() << " (STREAM_INFER_MEDIA_DIR sets the folder)");
  return std::nullopt;
}

void run_ffmpeg(const std::string& arguments) { run(quiet_ffmpeg + arguments); }

std::string make_media(const std::string& arguments, const std::string& name) {
  namespace fs = std::filesystem;
  const fs::path cache = fs::path{STREAM_INFER_TEST_CLIP}.parent_path();
  const fs::path folder = cache / hash_of(arguments + '\n' + name);
  if (!fs::exists(folder)) {
    const fs::path unfinished = folder.string() + '.' + std::to_string(::getpid());
    fs::create_directories(unfinished);
    try {
      run("cd '" + unfinished.string() + "' && " + quiet_ffmpeg + arguments + " '" + name + "'");
    } catch (...) {
      fs::remove_all(unfinished);
      throw;
    }
    std::error_code exists;
    fs::rename(unfinished, folder, exists);
    if (exists) fs::remove_all(unfinished);  // another program was faster
  }
  return (folder / name).string();
}

}  // namespace stream_infer::test
