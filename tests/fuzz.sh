#!/usr/bin/env bash
# tests/fuzz.sh [SECONDS [TARGET…]]: libFuzzer for SECONDS (600) on each TARGET, with AddressSanitizer and
# UndefinedBehaviorSanitizer. All by default:
#   packet_planner  streams of any structure against a model of what must be decoded of them
#   bitstream       bytes as packets of every codec that we read ourselves
#   source          files of any content, played by plan and without
# Needs clang with its compiler-rt. What was found useful is kept in build/fuzz; a failure leaves its input there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. cmake/install_packages.sh
install_packages clang "${build_packages[@]}"
install_sanitizers_of_clang

seconds=${1:-600}
targets=("${@:2}")
[ ${#targets[@]} -gt 0 ] || targets=(packet_planner bitstream source)
out=build/fuzz

seed() {  # small clips for those that read files
  local i=0 arguments
  while read -r suffix arguments; do
    i=$((i + 1))
    [ -s "$out/source/$i.$suffix" ] ||
      # shellcheck disable=SC2086
      ffmpeg -nostdin -v error -y -f lavfi -i testsrc2=size=32x32:rate=25 -frames:v 5 -pix_fmt yuv420p $arguments "$out/source/$i.$suffix" || true
  done <<'CLIPS'
mp4 -c:v libx264 -preset ultrafast -g 3 -bf 1
mp4 -c:v libx264 -preset ultrafast -g 3 -movflags frag_keyframe+empty_moov
mkv -c:v libx265 -preset ultrafast -x265-params log-level=none:keyint=3
ts -c:v mpeg2video -g 3 -bf 1
webm -c:v libvpx-vp9 -g 3 -cpu-used 8 -deadline realtime
avi -c:v mpeg4 -g 3
flv -c:v libx264 -preset ultrafast -g 3
h264 -c:v libx264 -preset ultrafast -g 3 -bf 1
CLIPS
}

for target in "${targets[@]}"; do
  mkdir -p "$out/$target"
  [ "$target" = source ] && seed
  # shellcheck disable=SC2046
  clang++ -std=c++20 -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -Itests/fuzz -Itests -Iinclude \
    "tests/fuzz/${target}_fuzz.cpp" -o "$out/${target}_fuzz" -pthread \
    $(pkg-config --cflags --libs libavformat libavcodec libavutil libswscale libavdevice libavfilter)
  echo "== $target"
  (cd "$out" && "./${target}_fuzz" "-max_total_time=$seconds" -max_len=16384 -print_final_stats=1 "$target")
done
