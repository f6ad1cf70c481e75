// gstreamer VIDEO: a pipeline that ends in an appsink, which pulls every frame and looks at it. All of them are converted
// before, so the cost is the same whatever the schedule.
#include <gst/app/gstappsink.h>
#include <gst/gst.h>

#include <cstdio>
#include <string>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  gst_init(nullptr, nullptr);
  const std::string description =
      std::string{"filesrc location=\""} + argv[1] +
      "\" ! decodebin ! videoscale n-threads=2 ! video/x-raw,width=640,height=360 ! videoconvert n-threads=2 ! "
      "video/x-raw,format=BGR ! "
      "appsink name=sink sync=false max-buffers=8";
  GstElement* pipeline = gst_parse_launch(description.c_str(), nullptr);
  if (pipeline == nullptr) return 1;
  GstElement* sink = gst_bin_get_by_name(GST_BIN(pipeline), "sink");
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  long sum = 0, looked_at = 0;
  while (GstSample* sample = gst_app_sink_pull_sample(GST_APP_SINK(sink))) {
    GstMapInfo map;
    GstBuffer* buffer = gst_sample_get_buffer(sample);
    if (gst_buffer_map(buffer, &map, GST_MAP_READ) != 0) {
      sum += map.data[0];
      ++looked_at;
      gst_buffer_unmap(buffer, &map);
    }
    gst_sample_unref(sample);
  }
  gst_element_set_state(pipeline, GST_STATE_NULL);
  std::printf("%ld frames, sum %ld\n", looked_at, sum);
  return looked_at > 0 ? 0 : 1;
}
