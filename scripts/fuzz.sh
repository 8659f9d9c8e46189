#!/bin/bash
# fuzz.sh SECONDS [TARGET…]: runs each fuzz target (or those named, without "fuzz_") that
# long under libFuzzer, from its corpus in tests/fuzz/corpus. New inputs are kept in
# build/fuzz/corpus, crashes in build/fuzz/crashes; copy what is worth keeping to tests/fuzz.
set -euo pipefail
cd "$(dirname "$0")/.."
export seconds=${1:-20}
shift || true
scripts/build.sh fuzz fuzzers
export ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1

fuzz_one() { # NAME
    local found=build/fuzz/corpus/$1 log=build/fuzz/$1.log
    local inputs=("$found")
    mkdir -p "$found" build/fuzz/crashes
    [ ! -d "tests/fuzz/corpus/$1" ] || inputs+=("tests/fuzz/corpus/$1")
    [ ! -e "tests/fuzz/$1.dict" ] || inputs+=("-dict=tests/fuzz/$1.dict")
    if "build/fuzz/tests/fuzz_$1" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 \
        -max_len=65536 -artifact_prefix="build/fuzz/crashes/$1-" -print_final_stats=1 \
        "${inputs[@]}" >"$log" 2>&1; then
        echo "ok - fuzz $1 ($(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs)"
    else
        tail -n 40 "$log"
        echo "not ok - fuzz $1: see $log and build/fuzz/crashes"
        return 1
    fi
}
export -f fuzz_one

if [ $# -gt 0 ]; then
    names=("$@")
else
    mapfile -t names < <(find tests/fuzz -maxdepth 1 -name 'fuzz_*.c' -printf '%f\n' |
        sed 's/^fuzz_//; s/\.c$//' | sort)
fi
printf '%s\0' "${names[@]}" | xargs -0 -n 1 -P "$(nproc)" bash -c 'fuzz_one "$1"' fuzz
