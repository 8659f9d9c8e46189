#!/bin/bash
# mutants.sh [PATCH…]: applies each patch of tests/mutants to a copy of the committed tree and
# runs the test that the patch names; that test has to turn red. A patch begins with
#     Rule: what it breaks, in words
#     Test: the command that must fail, run in the copy, e.g. ctest --test-dir build/asan -R unit.quota
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
copy=build/mutants/tree
failed=0
[ $# -gt 0 ] || set -- tests/mutants/*.patch
[ -e "$1" ] || { echo "mutants: there is none in tests/mutants" && exit 0; }

mkdir -p "$copy"
git archive HEAD | tar -x -C "$copy"
for folder in web tests/api tests/e2e; do
    [ ! -d "$folder/node_modules" ] || ln -sfn "$PWD/$folder/node_modules" "$copy/$folder/node_modules"
done
ln -sfn "$PWD/.tools" "$copy/.tools"
(cd "$copy" && scripts/build.sh asan) >build/mutants/build.log 2>&1 ||
    { tail -n 30 build/mutants/build.log && echo "not ok - the copy does not build" && exit 1; }

mutant() { # PATCH: succeeds if the named test notices it
    local patch=$PWD/$1 log test
    log=$PWD/build/mutants/$(basename "$1" .patch).log
    test=$(sed -n 's/^Test: //p' "$1")
    [ -n "$test" ] || { echo "    no line 'Test:'" && return 1; }
    (
        cd "$copy" || exit 3
        patch -p1 -s <"$patch" || exit 3
        scripts/build.sh asan || exit 4
        bash -c "$test" && exit 5
        exit 0
    ) >"$log" 2>&1
    local code=$?
    (cd "$copy" && patch -p1 -s -R -f <"$patch") >>"$log" 2>&1
    case $code in
    0) return 0 ;;
    3) echo "    it does not apply" ;;
    4) echo "    it does not build" ;;
    *) echo "    it survived: $test stayed green" ;;
    esac
    return 1
}

for patch in "$@"; do
    rule=$(sed -n 's/^Rule: //p' "$patch")
    if why=$(mutant "$patch"); then
        echo "ok - caught: $rule"
    else
        echo "not ok - $(basename "$patch"): $rule"
        echo "$why"
        failed=1
    fi
done
exit $failed
