#!/bin/bash
# format.sh            formats all C files in place
# format.sh --check    changes nothing, names the files that it would change
set -euo pipefail
cd "$(dirname "$0")/.."

format_one() { # FILE
    clang-format-14 --style=file "$1" | cmp -s - "$1" || { echo "$1: run make format" && exit 1; }
}
export -f format_one

if [ "${1-}" = --check ]; then
    git ls-files -z '*.c' '*.h' | xargs -0 -r -n 1 -P "$(nproc)" bash -c 'format_one "$1"' format
else
    git ls-files -z '*.c' '*.h' | xargs -0 -r clang-format-14 --style=file -i
fi
