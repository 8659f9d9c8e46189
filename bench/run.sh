#!/bin/bash
# Measures Kinora beside its peers, all in one run on one machine, and prints the tables.
#   bench/run.sh [--write] [PART…]    parts: json sse tls idle grow start; all, if none is named
# --write, or WRITE=1, puts the figures into docs/bench.md and needs all parts. BENCH_ROUNDS,
# BENCH_SECONDS, BENCH_STREAMS and BENCH_PEERS make it smaller. What is compared is above all CPU time per call (user and system
# time of the proxy's processes), which does not depend on how fast the other parts were.
# shellcheck disable=SC2034,SC2154 # lib.sh and peers.sh read what is set here, and the reverse
set -euo pipefail
cd "$(dirname "$0")/.."
build=${KINORA_BUILD:-$PWD/build/release}
seconds=${BENCH_SECONDS:-1}
rounds=${BENCH_ROUNDS:-9}
idle_streams=${BENCH_STREAMS:-9000}
dir=$(mktemp -d)
. bench/lib.sh
. bench/peers.sh
trap 'stop_all; rm -rf "$dir"' EXIT

# A virtual machine's pace changes from one second to the next by a quarter and more: many short rounds,
# interleaved, each beginning with another peer, so that a slow moment and the place in the row hit all
# alike. Those that are many times slower than the rest take part in the first three only.
in_turn() { # ROUND: the peers in this round's order
    local peer i turn=()
    for peer in "${PEERS[@]}"; do
        case $peer in go | portkey) [ "$1" -le 3 ] || continue ;; esac
        turn+=("$peer")
    done
    for i in "${!turn[@]}"; do echo "${turn[(i + $1) % ${#turn[@]}]}"; done
}

# What a start costs, first handshakes above all, is no part of what a call costs.
warm_up() {
    local peer
    for peer in "${PEERS[@]}"; do call "$peer" 64 1; done
}

part_json() {
    local clients peer round
    serve $JSON_PORT http "${PEERS[@]}"
    warm_up
    for clients in 1 64 256; do
        for round in $(seq "$rounds"); do
            for peer in $(in_turn "$round"); do
                call "$peer" $clients "$seconds"
                figure json $clients "$peer" us "$(divide $us "$count")"
                figure json $clients "$peer" rps "$rate"
            done
        done
    done
}

# As many streams as the proxy can serve at a millisecond's pace: one that falls behind finds several
# chunks in one read, and looks cheaper than it is.
streams_for() { # NAME
    case $1 in go) echo 16 ;; portkey) echo 4 ;; *) echo 64 ;; esac
}

part_sse() {
    local peer round before chunks reads took median most streams
    serve $SSE_PORT http "${PEERS[@]}"
    port_of[direct]=$SSE_PORT
    for round in $(seq "$rounds"); do
        for peer in direct $(in_turn "$round"); do
            stream first "$peer" 300 >"$dir/out" || continue
            read -r median most <"$dir/out"
            figure sse first "$peer" median "$median"
            figure sse first "$peer" p90 "$most"
        done
        for peer in $(in_turn "$round"); do
            streams=$(streams_for "$peer")
            before=$(cpu_us "$peer")
            stream paced "$peer" "$streams" $((seconds * 1000)) >"$dir/out" || continue
            read -r chunks reads took <"$dir/out"
            figure sse chunks "$peer" us "$(divide $(($(cpu_us "$peer") - before)) "$chunks")"
            figure sse chunks "$peer" streams "$streams"
            figure sse chunks "$peer" pace "$(divide "$(divide "$chunks" "$streams")" "$took")"
            figure sse chunks "$peer" together "$(divide "$chunks" "$reads")"
        done
    done
}

part_tls() {
    local peer port round
    for port in $TLS_PORT $HANDSHAKE_PORT; do
        serve "$port" https "${PEERS[@]}"
        warm_up
        for round in $(seq "$rounds"); do
            for peer in $(in_turn "$round"); do
                : >"$dir/resumed.log"
                call "$peer" 64 "$seconds"
                sleep 1.1 # the upstream writes its log each second
                figure tls "$port" "$peer" us "$(divide $us "$count")"
                figure tls "$port" "$peer" rps "$rate"
                figure tls "$port" "$peer" resumed \
                    "$(awk '{n++} $1 == "r"{r++} END{print n ? 100 * r / n : 0}' "$dir/resumed.log")"
            done
        done
        stop "${PEERS[@]}"
    done
}

part_idle() {
    local peer before after
    for peer in "${PEERS[@]}"; do
        serve $SSE_PORT http "$peer"
        stream first "$peer" 20 >/dev/null || continue # what the first calls cost is not counted
        before=$(pss_kb "$peer")
        rm -f "$dir/client.log"
        start client $LOAD_CORE "$dir/sse_client" idle "${port_of[$peer]}" "$(headers_of "$peer")" \
            "$idle_streams"
        until [ -s "$dir/client.log" ]; do sleep 0.1; done
        if grep -q '^ready$' "$dir/client.log"; then
            after=$(pss_kb "$peer")
            figure idle "$idle_streams" "$peer" kb "$(divide $((after - before)) "$idle_streams")"
        else
            note "$peer did not hold $idle_streams streams: $(cat "$dir/client.log")"
            tail -n 3 "$dir/$peer.log" >&2
        fi
        stop client
        stop "$peer"
    done
}

part_grow() {
    local loops
    for _ in $(seq "$rounds"); do
        for loops in 1 2; do
            LOOPS=$loops CORES=0,1 serve $JSON_PORT http kinora
            call kinora 64 "$seconds" 0,1
            figure grow $loops kinora us "$(divide $us "$count")"
            figure grow $loops kinora rps "$rate"
            figure grow $loops kinora cores "$(divide $us $((seconds * 1000000)))"
            stop kinora
        done
    done
}

part_start() {
    local peer round began
    for round in $(seq "$rounds"); do
        for peer in $(in_turn "$round"); do
            began=$(date +%s%N)
            launch "$peer" $JSON_PORT http
            figure start - "$peer" ms $((($(date +%s%N) - began) / 1000000))
            sleep 1.5
            figure start - "$peer" kb "$(pss_kb "$peer")"
            stop "$peer"
        done
    done
}

every=(json sse tls idle grow start)
write=(${WRITE:+--write})
parts=()
for word in "$@"; do
    case " ${every[*]} " in
    *" $word "*) parts+=("$word") ;;
    *) [ "$word" = --write ] || { sed -n '3s/^# *//p' "$0" >&2 && exit 2; } && write=(--write) ;;
    esac
done
[ ${#parts[@]} -gt 0 ] || parts=("${every[@]}")

ulimit -n 40000 2>/dev/null || ulimit -n "$(ulimit -Hn)" # a proxy needs two for each stream
build_load
prepare_peers
start_upstreams
for part in "${parts[@]}"; do
    note "$part"
    "part_$part"
    stop "${PEERS[@]}"
done
gateway=bench/peers/portkey/node_modules/@portkey-ai/gateway/package.json
{
    nginx -v 2>&1 | sed 's/.*: //'
    haproxy -v | sed -n 's/^HAProxy version \([^ ]*\).*/haproxy\/\1/p'
    openssl version | awk '{print "OpenSSL/" $2}'
    go version | cut -d' ' -f3
    echo "@portkey-ai/gateway/$(jq -r .version $gateway) on Node $(scripts/node.sh node --version)"
} >"$dir/versions"
python3 bench/report.py "$dir/figures.tsv" "$dir/versions" "$rounds" "$seconds" "${write[@]}"
