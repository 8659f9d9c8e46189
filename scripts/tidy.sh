#!/bin/bash
# tidy.sh [FILE…]: clang-tidy over src/ (or the files given), in parallel. A file that passed
# is not read again until it, a header or the list of checks changes.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p build
scripts/build.sh asan kinora_version >build/tidy-configure.log 2>&1 || { cat build/tidy-configure.log && exit 1; }

cache=.tools/tidy
mkdir -p "$cache"
common=$(git ls-files -z .clang-tidy 'src/*.h' | xargs -0 cat | sha256sum | cut -c1-16)
[ $# -gt 0 ] || mapfile -t files < <(git ls-files 'src/*.c')
[ $# -eq 0 ] || files=("$@")

check() { # FILE
    local stamp
    stamp=$cache/$common-$(sha256sum "$1" | cut -c1-32)
    [ ! -e "$stamp" ] || return 0
    clang-tidy-14 -p build/asan --quiet "$1" 2>/dev/null && touch "$stamp"
}
export -f check
export cache common

printf '%s\0' "${files[@]}" |
    xargs -0 -r -n 1 -P "$(nproc)" bash -c 'check "$1" || { echo "clang-tidy: $1"; exit 1; }' check
find "$cache" -type f -mtime +7 -delete
