#!/bin/bash
# tidy.sh            clang-tidy over src/, in parallel: the findings, one line each. A file that
#                    passed is not read again until it, a header or the list of checks changes.
# tidy.sh FILE…      the same over FILE, with the path that leads to each finding
# The static analyser is nearly all of its time; it looks four times as far with KINORA_FULL=1.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p build
scripts/build.sh asan kinora_version >build/tidy-configure.log 2>&1 || { cat build/tidy-configure.log && exit 1; }

cache=.tools/tidy
mkdir -p "$cache"
nodes=50000
[ "${KINORA_FULL-}" != 1 ] || nodes=225000 # its own default
depth=(--extra-arg=-Xclang --extra-arg=-analyzer-config --extra-arg=-Xclang "--extra-arg=max-nodes=$nodes")
export tidy="clang-tidy-14 -p build/asan --quiet ${depth[*]}"
common=$nodes-$(git ls-files -z .clang-tidy 'src/*.h' | xargs -0 cat | sha256sum | cut -c1-16)
if [ $# -gt 0 ]; then
    files=("$@") show=.
else
    mapfile -t files < <(git ls-files 'src/*.c')
    show=': error: '
fi

check() { # FILE
    local stamp output
    stamp=$cache/$common-$(sha256sum "$1" | cut -c1-32)
    [ ! -e "$stamp" ] || return 0
    if output=$($tidy "$1" 2>/dev/null); then
        touch "$stamp"
    else
        grep -E "$show" <<<"$output" || echo "$1: clang-tidy failed"
        return 1
    fi
}
export -f check
export cache common show

printf '%s\0' "${files[@]}" |
    xargs -0 -r -n 1 -P "$(nproc)" bash -c 'check "$1"' check
find "$cache" -type f -mtime +7 -delete
