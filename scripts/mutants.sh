#!/bin/bash
# mutants.sh [PATCH…]: breaks one rule at a time in a copy of the committed tree, and runs the test
# that names the rule; that test has to turn red. A patch of tests/mutants begins with
#     Rule: the rule that it breaks, in words
#     Test: the command that must fail, run in the copy: ctest --test-dir build/asan -R 'unit.quota$'
#           or scripts/node-tests.sh api --test-name-pattern='…' tests/api/x.test.ts
# Each test is first run on the unbroken copy: one that is red there proves nothing.
set -uo pipefail
[ $# -eq 0 ] || mapfile -t patches < <(realpath -- "$@")
cd "$(dirname "$0")/.." || exit 1
[ $# -gt 0 ] || mapfile -t patches < <(find "$PWD/tests/mutants" -name '*.patch' | sort)
[ ${#patches[@]} -gt 0 ] || { echo "not ok - there is no patch in tests/mutants" && exit 1; }
root=$PWD
logs=$root/build/mutants
copy=$logs/tree
minutes=5 # for a test, which takes seconds
failed=0
declare -A green

# No server of the system's, and no build but ours, in the tests of the copy.
unset KINORA_TEST_POSTGRES
export KINORA_BIN=$copy/build/asan/kinora CTEST_OUTPUT_ON_FAILURE=1

field() { # NAME PATCH: what its line NAME says
    sed -n "/^---/q; s/^$1: *//p" "$2"
}

restore() { # the copy is as committed; what did not change keeps its time, and is not built again
    git -C "$copy" checkout -q --force --detach FETCH_HEAD
}

make_copy() {
    mkdir -p "$copy" &&
        { [ -e "$copy/.git" ] || git init -q "$copy"; } &&
        git -C "$copy" fetch -q --no-tags --depth=1 "$root" HEAD &&
        restore &&
        scripts/npm-ci.sh tests &&
        ln -sfn "$root/tests/node_modules" "$copy/tests/node_modules" &&
        ln -sfn "$root/.tools" "$copy/.tools"
}

targets() { # TEST…: the programs that the tests run
    grep -oE '\bunit\.[a-z0-9_]+' <<<"$*" | sed 's/^unit\./test_/' | sort -u
    ! grep -q 'node-tests\.sh' <<<"$*" || echo kinora kinora-demo-upstream
    ! grep -qE 'node-tests\.sh (fault|s3)' <<<"$*" || echo kinora-shim
}

build() { # TEST…: without a target that we know of, everything
    # shellcheck disable=SC2046 # one word each
    (cd "$copy" && scripts/build.sh asan $(targets "$*"))
}

run() { # TEST
    (cd "$copy" && timeout --kill-after=10 ${minutes}m bash -c "$1" </dev/null)
}

try() { # PATCH: prints why it proves nothing, or nothing
    local test
    test=$(field Test "$1")
    if [ -z "$(field Rule "$1")" ] || [ -z "$test" ]; then
        echo "it needs a line 'Rule: …' and a line 'Test: …'"
    elif [ "${green[$test]}" != yes ]; then
        echo "its test is red without it: $test"
    elif ! git -C "$copy" apply "$1" >&2; then
        echo "it does not apply"
    elif ! build "$test" >&2; then
        echo "it does not build"
    else
        run "$test" >&2
        case $? in
        0) echo "it survived: $test" ;;
        124 | 137) echo "its test did not end within $minutes minutes: $test" ;;
        esac
    fi
}

mapfile -t tests < <(for patch in "${patches[@]}"; do field Test "$patch"; done | sort -u)
make_copy || exit 1
trap restore EXIT
build "${tests[*]}" >"$logs/build.log" 2>&1 ||
    { tail -n 30 "$logs/build.log" && echo "not ok - the copy does not build" && exit 1; }

: >"$logs/unbroken.log"
for test in "${tests[@]}"; do
    green[$test]=no
    ! run "$test" >>"$logs/unbroken.log" 2>&1 || green[$test]=yes
done

for patch in "${patches[@]}"; do
    name=$(basename "$patch" .patch)
    why=$(try "$patch" 2>"$logs/$name.log")
    restore
    if [ -z "$why" ]; then
        echo "ok - $name: $(field Rule "$patch")"
    else
        echo "not ok - $name: $(field Rule "$patch")"
        echo "    $why (${logs#"$root"/}/$name.log)"
        failed=1
    fi
done
exit $failed
