#!/bin/bash
# Runs each unit test of build/debug under valgrind: no error, no leak. Left out are the two that
# start child programs: the valgrind of Debian 12 does not know pidfd_open(2).
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

check() { # PROGRAM
    local name log
    name=$(basename "$1")
    log=build/debug/$name.valgrind.log
    if valgrind --quiet --leak-check=full --show-leak-kinds=definite,indirect \
        --errors-for-leak-kinds=definite --error-exitcode=9 --child-silent-after-fork=yes \
        "$1" >"$log" 2>&1; then
        echo "ok - valgrind $name"
    else
        tail -n 40 "$log"
        echo "not ok - valgrind $name"
        return 1
    fi
}
export -f check
find build/debug/tests -maxdepth 1 -name 'test_*' -type f -executable \
    ! -name test_child ! -name test_media_probe -print0 | sort -z |
    xargs -0 -n 1 -P "$(nproc)" bash -c 'check "$1"' valgrind
