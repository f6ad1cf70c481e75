#!/usr/bin/env bash
# examples/run.sh [VIDEO] [offline|realtime]: installs what is missing (Debian, Ubuntu), builds the examples, and shows
# three of them on VIDEO (a file, URL or device) or, without one or with "", on a clip that it makes itself.
set -euo pipefail
[ -e "${1:-}" ] && set -- "$(realpath "$1")" "${@:2}"
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. cmake/install_packages.sh

trap 'exit 130' INT  # one Ctrl-C ends all of it, also while a program is ending in good order

video=${1:-}
mode=${2:-offline}
case $mode in
  offline | realtime) ;;
  *) sed -n '2,3s/^# //p' "$0" >&2; exit 2 ;;
esac

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] || say() { printf '\n%s\n' "$*"; }

# quietly LOG COMMAND…: shows what the command printed only if it fails.
quietly() {
  local log=$1
  shift
  "$@" >"$log" 2>&1 || { cat "$log" >&2; return 1; }
}

# 44 s: a moving picture that goes black, comes back, freezes, goes on, loses focus, and cuts to another one.
make_clip() {
  ffmpeg -nostdin -loglevel error -y -filter_complex "
    testsrc2=size=640x360:rate=25:duration=29, split=5 [s1][s2][s3][s4][s5];
    [s1] trim=0:8, noise=alls=8:allf=t [normal];
    color=black:size=640x360:rate=25:duration=4 [black];
    [s2] trim=8:16, setpts=PTS-STARTPTS, noise=alls=8:allf=t [again];
    [s3] trim=16:16.04, loop=124:1, setpts=N/25/TB [frozen];
    [s4] trim=16:24, setpts=PTS-STARTPTS, noise=alls=8:allf=t [on];
    [s5] trim=24:29, setpts=PTS-STARTPTS, gblur=sigma=12 [blurred];
    mandelbrot=size=640x360:rate=25, trim=0:6 [cut];
    [normal][black][again][frozen][on][blurred][cut] concat=n=7, format=yuv420p [out]" \
    -map '[out]' -c:v libx264 -preset veryfast -g 50 "$1.part.mp4"
  mv "$1.part.mp4" "$1"
}

install_packages "${build_packages[@]}"

say "Building the examples (the first time takes a minute)"
mkdir -p build/examples/clips
quietly build/examples/configure.log cmake --preset examples
quietly build/examples/build.log cmake --build --preset examples --parallel "$(nproc)"

if [ -z "$video" ]; then
  video=build/examples/clips/camera.mp4
  [ -s "$video" ] || { say "Making a clip: normal, black, normal, frozen, normal, blurred, cut"; make_clip "$video"; }
fi

say "camera_health: $video, $mode"
build/examples/examples/camera_health "$video" "$mode"

first=build/examples/clips/first.mkv
quietly build/examples/cut.log ffmpeg -nostdin -loglevel error -y -t 5 -i "$video" -map 0:v:0 -c copy "$first"
say "quick_start: the first 5 seconds, offline"
build/examples/examples/quick_start "$first" offline
if [ -x build/examples/examples/people ]; then
  say "people: the first 5 seconds, with boxes, into build/examples/clips/seen.mp4"
  build/examples/examples/people "$first" build/examples/clips/seen.mp4
fi

say "quick_start: the same, in realtime: the same results, at the stream's pace"
build/examples/examples/quick_start "$first" realtime
