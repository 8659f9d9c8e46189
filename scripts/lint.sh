#!/bin/bash
# All gates that read the text, each of which can also be run alone. Says "ok" or "not ok"
# for each, and what is wrong.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
failed=0

gate() { # NAME COMMAND…
    local name=$1 output
    shift
    if output=$("$@" 2>&1); then
        echo "ok - $name"
    else
        echo "not ok - $name"
        printf '%s\n' "$output" | head -n 60 | sed 's/^/    /'
        failed=1
    fi
}

gate "format" scripts/format.sh --check
gate "layers" scripts/check-layers
gate "functions" scripts/check-functions
gate "words" scripts/check-words
gate "spec coverage" scripts/coverage
mapfile -t shell < <(git ls-files '*.sh' .ci/run)
gate "mutants apply" bash -c 'for p in tests/mutants/*.patch; do git apply --check "$p" || exit; done'
gate "shell scripts" shellcheck --severity=warning "${shell[@]}"
mapfile -t python < <(git grep -l '^#!/usr/bin/env python3')
gate "python scripts" pyflakes3 "${python[@]}"
[ "${1-}" = --quick ] || gate "clang-tidy" scripts/tidy.sh
exit $failed
