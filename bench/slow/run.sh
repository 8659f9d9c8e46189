#!/bin/bash
# How long healthy direct calls take while thousands of slow clients are connected.
#   bench/slow/run.sh [--write]    --write puts the figures into docs/edge.md
# Rounds alone and beside the crowd take turns. Kinora has core 0; load, upstream and crowd share
# core 1, so that what the crowd costs its own machine is not counted as Kinora's: the load is light.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${KINORA_BUILD:-$PWD/build/release}
seconds=${BENCH_SECONDS:-10}
rounds=${BENCH_ROUNDS:-3}
crowd=${BENCH_CROWD:-9000}
clients=4
port=19101
dir=$(mktemp -d)
pids=()
stop() {
    [ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$dir"
}
trap stop EXIT
ulimit -n "$(ulimit -Hn)"

sed "s|@DIR@|$dir|g" bench/relay/upstream.conf >"$dir/upstream.conf"
taskset -c 1 nginx -c "$dir/upstream.conf" >"$dir/nginx.log" 2>&1 &
pids+=($!)
taskset -c 0 "$build/kinora" serve --listen 127.0.0.1:$port --data "$dir/data" --loops 1 --log-level error >"$dir/kinora.log" 2>&1 &
kinora=$!
pids+=("$kinora")
until curl -fsS -o /dev/null http://127.0.0.1:$port/healthz 2>/dev/null; do sleep 0.1; done

email=bench@example.org
printf 'bench password' | "$build/kinora" user add $email --admin --password-stdin --data "$dir/data" >/dev/null
token=$(curl -fsS -H 'content-type: application/json' \
    -d "{\"email\":\"$email\",\"password\":\"bench password\"}" \
    http://127.0.0.1:$port/api/v1/auth/login | jq -r .token)
api() { curl -fsS -H "authorization: Bearer $token" -H 'content-type: application/json' -d "$2" "http://127.0.0.1:$port$1"; }
api /api/v1/admin/accounts '{"name":"bench","platform":"sora","type":"apikey","dialect":"chat",
    "credentials":{"base_url":"http://127.0.0.1:19000","api_key":"bench"},"concurrency":10000,"group_ids":[1]}' >/dev/null
key=$(api /api/v1/keys '{"name":"bench"}' | jq -r .key)
sleep 1

# "p50_us p99_us requests_per_second"; any answer but 200 fails.
measure() {
    taskset -c 1 wrk -t1 -c$clients -d"${seconds}s" --latency -s bench/slow/latency.lua \
        -H "Authorization: Bearer $key" "http://127.0.0.1:$port/sora/v1/chat/completions" >"$dir/wrk.out"
    ! grep -qE 'Non-2xx|Socket errors' "$dir/wrk.out" || { cat "$dir/wrk.out" >&2 && return 1; }
    awk '/^figures/{print $2, $3, $4}' "$dir/wrk.out"
}
rss() { awk '/^VmRSS/{print $2}' "/proc/$kinora/status"; }
median() { sort -n | awk '{v[NR] = $1} END{print v[int((NR + 1) / 2)]}'; }
column() { cut -d' ' -f"$2" "$dir/$1" | median; }

measure >/dev/null
alone_kb=$(rss)
for _ in $(seq "$rounds"); do
    measure >>"$dir/alone"
    taskset -c 1 scripts/node.sh node bench/slow/crowd.ts 127.0.0.1:$port "$key" "$crowd" >"$dir/crowd.log" 2>&1 &
    slow=$!
    pids+=("$slow")
    until grep -q ready "$dir/crowd.log"; do
        kill -0 "$slow" || { cat "$dir/crowd.log" >&2 && exit 1; }
        sleep 0.2
    done
    measure >>"$dir/beside"
    beside_kb=$(rss)
    kill "$slow"
    wait "$slow" 2>/dev/null || true
    sleep 2
done

report() {
    echo "| healthy calls | p50 µs | p99 µs | requests/s |"
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
    awk -v report="$dir/report" -v words="$(uname -m), $(nproc) cores, one loop; medians of $rounds rounds of ${seconds} s, $clients healthy clients." '
        /^<!-- slow clients: /{print; print "\n" words "\n"; while ((getline line < report) > 0) print line; print ""; skip = 1}
        /^<!-- slow clients end/{skip = 0}
        !skip && !/^<!-- slow clients: /' docs/edge.md >"$dir/edge.md"
    cp "$dir/edge.md" docs/edge.md
fi
