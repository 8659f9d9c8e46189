#!/bin/bash
# setup.sh PROFILE: installs what PROFILE (build, lint, test, full, s3, bench) needs and the machine
# lacks: Debian packages, and Node from npm where the system's is too old.
# Does nothing, quickly, when all is there. KINORA_NO_SETUP=1 skips it.
set -euo pipefail
cd "$(dirname "$0")/.."

build=(gcc libc6-dev cmake ninja-build pkg-config python3 git ca-certificates curl jq brotli
    libssl-dev libsodium-dev libcurl4-openssl-dev libc-ares-dev libsqlite3-dev libpq-dev
    libjansson-dev libmagic-dev zlib1g-dev ffmpeg)
lint=("${build[@]}" clang-14 clang-format-14 clang-tidy-14 libclang-rt-14-dev libcmocka-dev
    shellcheck pyflakes3)
ceph=(radosgw ceph-mon ceph-osd ceph-common)
test=("${lint[@]}" postgresql chromium-headless-shell fonts-dejavu-core fonts-noto-cjk "${ceph[@]}")
# shellcheck disable=SC2034 # chosen by name below
full=("${test[@]}" valgrind nginx-light slowhttptest)
# shellcheck disable=SC2034
s3=("${build[@]}" "${ceph[@]}")
# shellcheck disable=SC2034
bench=("${build[@]}" nginx-light haproxy golang-go wrk nghttp2-client linux-perf openssl procps)

case ${1-} in
build | lint | test | full | s3 | bench) declare -n wanted=$1 ;;
*) echo "usage: setup.sh build|lint|test|full|s3|bench" >&2 && exit 2 ;;
esac
[ -z "${KINORA_NO_SETUP:-}" ] || exit 0

if ! command -v dpkg-query >/dev/null; then
    echo "setup: this is not a Debian system; install the equivalents of these packages," >&2
    echo "setup: then say KINORA_NO_SETUP=1: ${wanted[*]}" >&2
    exit 1
fi

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "setup: needs root, or sudo, to run: $*" >&2
        exit 1
    fi
}

missing() { # PACKAGE…: prints those that are not installed
    { dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null || true; } |
        sed -n 's/^installed //p' | sort -u >"$have"
    printf '%s\n' "$@" | sort -u | comm -23 - "$have"
}

install_packages() { # PACKAGE…
    local packages
    mapfile -t packages < <(missing "$@")
    [ ${#packages[@]} -gt 0 ] || return 0
    echo "setup: installing ${packages[*]}"
    as_root apt-get -o DPkg::Lock::Timeout=300 update -qq
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends "${packages[@]}" >"$log" 2>&1 ||
        { tail -n 20 "$log" >&2 && echo "setup: apt-get install failed, see above" >&2 && exit 1; }
}

mkdir -p .tools
log=.tools/apt.log
have=$(mktemp)
trap 'rm -f "$have"' EXIT

install_packages "${wanted[@]}"

if ! scripts/node.sh --check; then
    command -v npm >/dev/null || install_packages npm
    scripts/node.sh --install
fi
