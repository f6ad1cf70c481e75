#!/usr/bin/env bash
# bench/run.sh [RUNS] [sparse [ARGUMENTS…]]: builds the benchmarks and prints a Markdown table for each, medians of RUNS (5)
# interleaved runs. Takes a few minutes; wants an idle machine. Clips are made with FFmpeg in build/bench.
#
# With `sparse`, the cost of looking now and then instead, beside FFmpeg, OpenCV, GStreamer and PyAV, as far as they are
# installed (libopencv-videoio-dev libopencv-imgproc-dev libgstreamer-plugins-base1.0-dev gstreamer1.0-libav
# gstreamer1.0-plugins-good python3-av python3-matplotlib). Takes hours for all clips and schedules; ARGUMENTS choose some:
# --clips 1080p-h264 --schedules '1 a second;10 a second'. Writes sparse.md, sparse.csv and sparse.png in build/bench.
set -euo pipefail
cd "$(dirname "$0")/.."
runs=${1:-5}
out=build/bench
export LC_ALL=C

cmake -S . -B "$out" -G Ninja -DCMAKE_BUILD_TYPE=Release -DSTREAM_INFER_BUILD_BENCH=ON \
  -DSTREAM_INFER_BUILD_TESTS=OFF -DSTREAM_INFER_BUILD_EXAMPLES=OFF >"$out.log" 2>&1 || { cat "$out.log"; exit 1; }
cmake --build "$out" >>"$out.log" 2>&1 || { cat "$out.log"; exit 1; }
bin=$out/bench

if [ "${2:-}" = sparse ]; then
  python=$([ -x /usr/bin/python3 ] && echo /usr/bin/python3 || command -v python3)  # the system's, which has its packages
  exec "$python" bench/compare_all.py "$out" --runs "$runs" "${@:3}"
fi

clip() {  # clip NAME SECONDS SIZE: H.264 with B-frames, GOP 250, a moving pattern with some noise
  [ -s "$out/$1" ] && return
  ffmpeg -v error -y -f lavfi -i "testsrc2=size=$3:rate=30,noise=alls=6:allf=t" -t "$2" -c:v libx264 -preset medium \
    -g 250 -bf 2 -pix_fmt yuv420p "$out/part-$1"
  mv "$out/part-$1" "$out/$1"
}
clip 1080p.mp4 20 1920x1080
clip 360p.mp4 30 640x360
clip 360p-long.mp4 300 640x360

head() { printf '\n%s\n\n| | wall | CPU | memory |\n|---|---|---|---|\n' "$1"; }

head "Every frame of a 1080p H.264 clip to 640x360 BGR24 and into an algorithm, against FFmpeg's bare decode"
"$bin/compare" "$runs" "stream_infer" "ffmpeg -i CLIP -f null -" \
  -- "$bin/sampled" "$out/1080p.mp4" 1,1,0 -- ffmpeg -v error -i "$out/1080p.mp4" -f null -

head "Recording a 1080p clip with x264's preset veryfast, against ffmpeg transcoding it with the same settings"
"$bin/compare" "$runs" "stream_infer" "ffmpeg -i CLIP -c:v libx264 -preset veryfast -g 60 OUT" \
  -- "$bin/recorder" "$out/1080p.mp4" "$out/recorded.mp4" \
  -- ffmpeg -v error -nostdin -y -i "$out/1080p.mp4" -c:v libx264 -preset veryfast -g 60 "$out/transcoded.mp4"

head "Memory does not follow the length: a clip of 300 s against one of 30 s, all frames converted"
"$bin/compare" "$runs" "300 s" "30 s" -- "$bin/sampled" "$out/360p-long.mp4" 1,1,0 -- "$bin/sampled" "$out/360p.mp4" 1,1,0

head "Nothing due: a realtime play (30 s) against FFmpeg's bare decode at the same pace; CPU is what counts"
"$bin/compare" 3 "realtime_idle" "ffmpeg -re -i CLIP -f null -" \
  -- "$bin/realtime_idle" "$out/360p.mp4" -- ffmpeg -v error -nostdin -re -i "$out/360p.mp4" -f null -

head "Parsing the umbrella header, g++ -O0, against the standard headers that it includes"
printf '#include <stream_infer/stream_infer.hpp>\n' >"$out/umbrella.cpp"
g++ -std=c++20 -Iinclude -H -fsyntax-only "$out/umbrella.cpp" 2>&1 | sed -n 's|^\.* .*/c++/[0-9]*/\([a-z_]*\)$|#include <\1>|p' |
  sort -u >"$out/standard.cpp"
"$bin/compare" "$runs" "stream_infer.hpp" "standard headers" \
  -- g++ -std=c++20 -O0 -Iinclude -fsyntax-only "$out/umbrella.cpp" -- g++ -std=c++20 -O0 -fsyntax-only "$out/standard.cpp"

if [ -x "$bin/frame_tracker_bench" ]; then
  printf '\nFrameTracker against a mutex and a deque\n\n'
  "$bin/frame_tracker_bench"
fi
if [ -x "$bin/stores_bench" ]; then
  printf '\nResults into stores\n\n'
  port=
  if command -v redis-server >/dev/null; then
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    redis-server --bind 127.0.0.1 --port "$port" --dir "$out" --save '' --daemonize no >/dev/null &
    redis=$!
    trap 'kill $redis' EXIT
    sleep 1
  fi
  "$bin/stores_bench" 100000 "$runs" $port
fi
