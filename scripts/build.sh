#!/bin/bash
# build.sh PRESET [TARGET…]: configures once and builds; quiet unless it has something to say.
set -euo pipefail
cd "$(dirname "$0")/.."
preset=$1
shift

if [ CMakePresets.json -nt "build/$preset/build.ninja" ]; then
    echo "configure: build/$preset"
    mkdir -p "build/$preset"
    cmake --preset "$preset" >"build/$preset/configure.log" 2>&1 || {
        cat "build/$preset/configure.log" >&2
        exit 1
    }
fi
cmake --build "build/$preset" ${1:+--target "$@"}
