// toy_model MODEL LABELS: writes a detector of red and green for pictures of 320x192, and the names of its classes.
#include "opencv/toy_models.hpp"

#include <string>
#include <string_view>

namespace test = stream_infer::test;

int main(int, char** argv) {
  constexpr std::string_view labels = "red\ngreen\n";
  test::write_file(argv[1], test::toy_yolov8({.batch = 1, .width = 320, .height = 192}).bytes());
  test::write_file(argv[2], test::Bytes{labels.begin(), labels.end()});
}
