#!/bin/bash
# What bytes cost on their way into a store, Kinora beside others that do the same in the same run.
#   bench/storage/run.sh [--write]   --write, or WRITE=1, puts the figures into docs/bench-storage.md
# BENCH_MIB (of a file, 1024), BENCH_ROWS (of a long list, 1000000), BENCH_ROUNDS (1) and BENCH_PARTS
# (transfer upload presign list) change what is done.
# It wants 20 GiB of memory: the bucket's objects lie there, and the gateway gives no room back for two
# hours, so a round of 1 GiB files costs 8 GiB of SIZE_GB.
set -euo pipefail
export SIZE_GB=${SIZE_GB:-16}
cd "$(dirname "$0")/../.."
build=${KINORA_BUILD:-$PWD/build/release}
export KINORA_BIN=$build/kinora KINORA_DEMO_BIN=$build/kinora-demo-upstream BENCH_PRESIGN=$build/bench-presign
scripts/build.sh release bench-presign >&2
scripts/npm-ci.sh tests >&2
[ "${1-}" != --write ] || export WRITE=1
exec scripts/node.sh node bench/storage/measure.ts
