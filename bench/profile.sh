#!/bin/bash
# Where the CPU time of a JSON call, of a chunk of an event stream and of a call over a new TLS connection
# goes, Kinora beside nginx: a table of shares for each.
#   bench/profile.sh
# Needs perf to be allowed to see the kernel (root, or kernel.perf_event_paranoid = -1).
# shellcheck disable=SC2034,SC2154 # lib.sh and peers.sh read what is set here, and the reverse
set -euo pipefail
cd "$(dirname "$0")/.."
build=${KINORA_BUILD:-$PWD/build/release}
seconds=${BENCH_SECONDS:-5}
dir=$(mktemp -d)
. bench/lib.sh
. bench/peers.sh
trap 'stop_all; rm -rf "$dir"' EXIT
PEERS=(nginx kinora)

json() { # NAME
    call "$1" 64 $((seconds + 2))
    note "$1: $count calls"
}

handshake() { # NAME
    json "$1"
}

sse() { # NAME
    local chunks
    read -r chunks _ < <(stream paced "$1" 64 $(((seconds + 2) * 1000)))
    note "$1: $chunks chunks"
}

record() { # KIND NAME: its shares by object and by function while it serves calls of the kind
    local pids serving
    pids=$(tree "${pid_of[$2]}" | paste -sd,)
    "$1" "$2" &
    serving=$!
    sleep 1
    perf record -q -g -o "$dir/$2.perf" -p "$pids" -- sleep "$seconds" >/dev/null 2>&1
    wait "$serving"
    perf report -q -i "$dir/$2.perf" --no-children -g none --sort dso --stdio 2>/dev/null |
        awk 'NF {print $1, $2}' >"$dir/$2.objects"
    perf report -q -i "$dir/$2.perf" --children -g none --sort sym --stdio 2>/dev/null |
        awk 'NF {print $1, $NF}' >"$dir/$2.symbols"
}

share() { # NAME FILE PATTERN: the sum of the shares
    awk -v pattern="$3" '$2 ~ pattern {sum += $1} END {printf "%.1f %%", sum}' "$dir/$1.$2"
}

row() { # WORDS FILE PATTERN_NGINX PATTERN_KINORA
    echo "| $1 | $(share nginx "$2" "$3") | $(share kinora "$2" "$4") |"
}

table() { # KIND UPSTREAM SCHEME
    serve "$2" "$3" "${PEERS[@]}"
    for peer in "${PEERS[@]}"; do record "$1" "$peer"; done
    stop "${PEERS[@]}"
    echo "| share of the CPU time ($1) | nginx | kinora |"
    echo "|---|---|---|"
    row "the kernel, in all" objects 'kernel' 'kernel'
    row "— sending" symbols '^tcp_sendmsg$' '^tcp_sendmsg$'
    row "— receiving" symbols '^(__x64_sys_recvfrom|ksys_read)$' '^(__x64_sys_recvfrom|ksys_read)$'
    row "— waiting for events" symbols '^__x64_sys_epoll_wait$' '^__x64_sys_epoll_wait$'
    row "the program itself" objects '^nginx' '^kinora'
    row "libraries" objects '[.]so' '[.]so'
    row "— OpenSSL" objects 'lib(ssl|crypto)' 'lib(ssl|crypto)'
}

build_load
printf '%s\n' /v1/chat/completions 'Authorization: Bearer client' >"$dir/plain.headers"
ulimit -n "$(ulimit -Hn)"
start_upstreams
table json "$JSON_PORT" http
echo
table sse "$SSE_PORT" http
echo
table handshake "$HANDSHAKE_PORT" https
