#include "stream_infer/ffmpeg/file_lock.hpp"

#include "support/catch.hpp"
#include "support/files.hpp"

#include <filesystem>
#include <string>

#include <sys/stat.h>

namespace test = stream_infer::test;
using stream_infer::ffmpeg::FileLock;

TEST_CASE("A file is held by one at a time, and is let go with its lock", "[ffmpeg][file_lock]") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "file", other = folder / "other";
  FileLock second;
  {
    FileLock first;
    CHECK(first.take(path));
    CHECK(std::filesystem::exists(path));
    CHECK_FALSE(second.take(path));
    CHECK(second.take(other));
  }
  CHECK(second.take(path));
  FileLock third;
  CHECK(third.take(other));  // the second had it
  CHECK_FALSE(third.take(path));
  second.release();
  CHECK(third.take(path));
}

TEST_CASE("What is no file, or cannot be written, is left to others to refuse", "[ffmpeg][file_lock]") {
  const test::TemporaryFolder folder;
  const std::string fifo = folder / "fifo";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  for (const std::string& path :
       {fifo, std::string{"/dev/null"}, folder / "", folder / "no/file", std::string{"/proc/file"}}) {
    CAPTURE(path);
    FileLock first, second;
    CHECK(first.take(path));
    CHECK(second.take(path));
  }
}
