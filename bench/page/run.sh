#!/bin/bash
# What the page costs its users: script before the first view, time from click to card, frames and
# elements while scrolling a long library, Lighthouse.
#   bench/page/run.sh [--write]    --write, or WRITE=1, puts the figures into docs/bench-page.md
# BENCH_WORKS, BENCH_SECONDS, BENCH_ROUNDS and BENCH_PARTS (script click scroll lighthouse) make it
# smaller: BENCH_WORKS=500 BENCH_SECONDS=2 BENCH_ROUNDS=1 bench/page/run.sh is a quick look.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${KINORA_BUILD:-$PWD/build/release}
export KINORA_BIN=$build/kinora KINORA_DEMO_BIN=$build/kinora-demo-upstream
scripts/npm-ci.sh tests >&2
scripts/npm-ci.sh bench/page >&2
[ "${1-}" != --write ] || export WRITE=1
exec scripts/node.sh node bench/page/measure.ts
