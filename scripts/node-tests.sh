#!/bin/bash
# node-tests.sh api|edge|e2e|fault|s3 [FILE…]: runs a suite of tests/ with Node's own test runner
# against the programs of build/asan, or of the preset KINORA_PRESET (KINORA_BIN and KINORA_DEMO_BIN
# say otherwise).
set -euo pipefail
cd "$(dirname "$0")/.."
suite=$1
preset=${KINORA_PRESET:-asan}
shift

if [ -z "${KINORA_BIN:-}" ]; then
    scripts/page.sh
    scripts/build.sh "$preset"
fi
export KINORA_BIN=${KINORA_BIN:-$PWD/build/$preset/kinora}
export KINORA_DEMO_BIN=${KINORA_DEMO_BIN:-$PWD/build/$preset/kinora-demo-upstream}
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:strict_string_checks=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-second_deadlock_stack=1:halt_on_error=1}

for folder in tests "tests/$suite"; do
    [ ! -e "$folder/package-lock.json" ] || scripts/npm-ci.sh "$folder"
done
# Lighthouse, which only the full run has time for.
[ "$suite-${KINORA_FULL-}" != e2e-1 ] || scripts/npm-ci.sh bench/page
[ $# -gt 0 ] || mapfile -t files < <(find "tests/$suite" -name '*.test.ts' -not -path '*/node_modules/*' | sort)
[ $# -eq 0 ] || files=("$@")
# How many files at once: they wait more than they work, but for browsers; and the edge's
# measure what one call does to another.
case $suite in
    edge) at_once=1 ;;
    e2e) at_once=$(nproc) ;;
    *) at_once=$((2 * $(nproc))) ;;
esac
# What a failed test left running must not keep its file for ever.
exec scripts/node.sh node --test --test-force-exit --test-concurrency="$at_once" --test-reporter=spec "${files[@]}"
