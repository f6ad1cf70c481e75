#!/usr/bin/env bash
# tests/soak.sh [SECONDS] [PNG]: plays a camera that flaps for SECONDS (600), and says whether memory, descriptors and threads
# stay flat. The samples are left in build/soak/soak.csv, a plot (with python3-matplotlib) in PNG (build/soak/soak.png).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. cmake/install_packages.sh
install_packages "${build_packages[@]}" catch2 python3
out=build/soak
mkdir -p "$out"
[ -s "$out/clip.ts" ] || ffmpeg -nostdin -v error -y -f lavfi -i testsrc2=size=640x360:rate=25 -t 10 -c:v libx264 \
  -preset veryfast -g 25 -bf 2 -pix_fmt yuv420p "$out/clip.ts"
# shellcheck disable=SC2046
g++ -std=c++20 -O2 -g -Iinclude -Itests tests/soak/soak.cpp -o "$out/soak" -pthread \
  $(pkg-config --cflags --libs libavformat libavcodec libavutil libswscale libavdevice libavfilter)
"$out/soak" "${1:-600}" "$out/soak.csv" "$out/clip.ts"
python=$([ -x /usr/bin/python3 ] && echo /usr/bin/python3 || command -v python3)  # the system's, which has its packages
"$python" tests/soak/judge.py "$out/soak.csv" "${2:-$out/soak.png}"
