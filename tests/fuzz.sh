#!/usr/bin/env bash
# tests/fuzz.sh [SECONDS]: streams of any structure that libFuzzer can think of, for SECONDS (600), against a model of what
# must be decoded of them; with AddressSanitizer and UndefinedBehaviorSanitizer. Needs clang with its compiler-rt. What it has
# found useful is kept in build/fuzz; a failure says which check does not hold and leaves its input there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. cmake/install_packages.sh
install_packages clang "${build_packages[@]}"
runtime=$(clang++ -print-resource-dir)/lib
find "$runtime" -name 'libclang_rt.fuzzer*' 2>/dev/null | grep -q . ||
  install_packages "libclang-rt-$(clang++ -dumpversion | cut -d. -f1)-dev"

out=build/fuzz
mkdir -p "$out/packet_planner"
clang++ -std=c++20 -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -Itests/fuzz -Itests -Iinclude \
  tests/fuzz/packet_planner_fuzz.cpp -o "$out/packet_planner_fuzz"
cd "$out"
./packet_planner_fuzz -max_total_time="${1:-600}" -max_len=4096 -print_final_stats=1 packet_planner
