#!/bin/bash
# How long healthy direct calls take while thousands of slow clients are connected.
#   bench/slow/run.sh [--write]    --write puts the figures into docs/edge.md
# Rounds alone and beside the crowd take turns. Kinora has a core of its own; load, upstream and crowd
# share the other, so that what the crowd costs its own machine is not counted as Kinora's.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${KINORA_BUILD:-$PWD/build/release}
seconds=${BENCH_SECONDS:-10}
rounds=${BENCH_ROUNDS:-3}
crowd=${BENCH_CROWD:-9000}
clients=4
rate=16000 # healthy calls a second, of all clients
dir=$(mktemp -d)
. bench/lib.sh
. bench/peers.sh
trap 'stop_all; rm -rf "$dir"' EXIT
ulimit -n "$(ulimit -Hn)"

build_load
start_upstreams
serve $JSON_PORT http kinora
address=127.0.0.1:${port_of[kinora]}
key=$(sed -n 's/^Authorization: Bearer //p' "$KEY_HEADERS")

printf '%s' '{"model":"sora2-landscape-10s","messages":[{"role":"user","content":"A lighthouse in fog"}]}' \
    >"$dir/call.json"

# "p50_us p99_us answered_per_second" of calls at a steady pace, so that a late answer is Kinora's and
# not a full core's; any answer but 200 fails.
measure() {
    rm -f "$dir/calls"
    taskset -c $LOAD_CORE h2load --h1 -t1 -c$clients -D"$seconds" --rps $((rate / clients)) \
        -d "$dir/call.json" -H 'content-type: application/json' -H "authorization: Bearer $key" \
        --log-file "$dir/calls" "http://$address/sora/v1/chat/completions" >"$dir/load.out"
    [ -z "$(awk '$2 != 200' "$dir/calls")" ] || { tail -n 12 "$dir/load.out" >&2 && return 1; }
    sort -n -k3,3 "$dir/calls" | awk -v s="$seconds" '{v[NR] = $3}
        END{print v[int(NR * 0.5) + 1], v[int(NR * 0.99) + 1], NR / s}'
}
median() { sort -n | awk '{v[NR] = $1} END{print v[int((NR + 1) / 2)]}'; }
column() { cut -d' ' -f"$2" "$dir/$1" | median; }

measure >/dev/null
alone_kb=$(pss_kb kinora)
for _ in $(seq "$rounds"); do
    measure >>"$dir/alone"
    rm -f "$dir/crowd.log"
    start crowd $LOAD_CORE scripts/node.sh node bench/slow/crowd.ts "$address" "$key" "$crowd"
    until grep -qs ready "$dir/crowd.log"; do
        kill -0 "${pid_of[crowd]}" || { cat "$dir/crowd.log" >&2 && exit 1; }
        sleep 0.2
    done
    measure >>"$dir/beside"
    beside_kb=$(pss_kb kinora)
    stop crowd
    sleep 2
done

report() {
    echo "| healthy calls | p50 µs | p99 µs | calls/s |"
    echo "|---|---|---|---|"
    for name in alone beside; do
        echo "| $name | $(column $name 1) | $(column $name 2) | $(column $name 3) |"
    done
    echo
    awk -v a="$(column alone 2)" -v b="$(column beside 2)" -v n="$crowd" -v k=$((beside_kb - alone_kb)) \
        'BEGIN{printf "p99 beside %d slow clients over p99 alone: %.2f. The crowd took %d KiB, %.1f for each.\n",
               n, b / a, k, k / n}'
}
report | tee "$dir/report"
if [ "${1-}" = --write ]; then
    awk -v report="$dir/report" -v words="$(uname -m), $(nproc) cores, one loop; medians of $rounds rounds of ${seconds} s, $clients healthy clients with $rate calls a second." '
        /^<!-- slow clients: /{print; print "\n" words "\n"; while ((getline line < report) > 0) print line; print ""; skip = 1}
        /^<!-- slow clients end/{skip = 0}
        !skip && !/^<!-- slow clients: /' docs/edge.md >"$dir/edge.md"
    cp "$dir/edge.md" docs/edge.md
fi
