#!/usr/bin/env bash
# tests/long.sh [ROUNDS] [SEED]: the random tests of planning with ROUNDS (20) times as many cases as tests/run.sh has, from
# another SEED (the time of day): streams of random structure against a model of what must be decoded, and real clips against
# a full decode. Needs what `tests/run.sh release` has built. A failure names its seed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export STREAM_INFER_TEST_ROUNDS=${1:-20} STREAM_INFER_TEST_SEED=${2:-$(date +%s)}
bin=build/release/tests
echo "$STREAM_INFER_TEST_ROUNDS rounds from seed $STREAM_INFER_TEST_SEED"
"$bin/schedule/schedule_tests" "[plan]"
"$bin/player/player_tests" "[play_needs]"
"$bin/ffmpeg/planning_tests"
"$bin/ffmpeg/decoding_tests" "[packet_reader]"
