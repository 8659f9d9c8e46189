#!/bin/bash
# Measures Kinora beside its peers, all in one run on one machine, and prints ratios.
#   bench/run.sh [--write]    --write puts the figures into docs/bench.md
# Each proxy gets core 0 alone; the load and the upstream share core 1. What is compared is CPU
# time per request (user and system, from /proc), which does not depend on who was faster.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${KINORA_BUILD:-$PWD/build/release}
seconds=${BENCH_SECONDS:-8}
rounds=${BENCH_ROUNDS:-3}
clients=64
dir=$(mktemp -d)
pids=()
stop() {
    [ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$dir"
}
trap stop EXIT

start() { # NAME CORE COMMAND…
    local name=$1 core=$2
    shift 2
    taskset -c "$core" "$@" >"$dir/$name.log" 2>&1 &
    pids+=($!)
    declare -g "pid_$name=$!"
}

wait_port() {
    for _ in $(seq 100); do
        (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return 0
        sleep 0.1
    done
    echo "bench: nothing answers on port $1" >&2
    tail -n 5 "$dir"/*.log >&2
    return 1
}

# CPU ticks of a process and its children, in microseconds.
cpu_us() {
    local pid total=0
    for pid in "$1" $(pgrep -P "$1" || true); do
        total=$((total + $(awk '{print $14 + $15}' "/proc/$pid/stat")))
    done
    echo $((total * 1000000 / $(getconf CLK_TCK)))
}

# measure NAME PORT HEADER…: "us_per_request requests_per_second"
measure() {
    local pid_var=pid_$1 before after count
    before=$(cpu_us "${!pid_var}")
    taskset -c 1 wrk -t1 -c$clients -d"${seconds}s" -s bench/relay/post.lua \
        -H "Authorization: Bearer $key" "http://127.0.0.1:$2/sora/v1/chat/completions" >"$dir/wrk.out"
    after=$(cpu_us "${!pid_var}")
    count=$(awk '/requests in/{print $1}' "$dir/wrk.out")
    ! grep -q 'Non-2xx' "$dir/wrk.out" || { cat "$dir/wrk.out" >&2 && return 1; }
    awk -v us=$((after - before)) -v n="$count" -v s="$seconds" \
        'BEGIN{printf "%.2f %.0f\n", us / n, n / s}'
}

median() { sort -n | awk '{v[NR] = $1} END{print v[int((NR + 1) / 2)]}'; }

# ---- the parts
sed "s|@DIR@|$dir|g" bench/relay/upstream.conf >"$dir/upstream.conf"
sed "s|@DIR@|$dir|g" bench/relay/proxy.conf >"$dir/proxy.conf"
start upstream 1 nginx -c "$dir/upstream.conf"
start nginx 0 nginx -c "$dir/proxy.conf"
(cd bench/relay && GOCACHE=$dir/gocache GO111MODULE=off go build -o "$dir/goproxy" proxy.go)
GOMAXPROCS=1 start go 0 "$dir/goproxy"
start kinora 0 "$build/kinora" serve --listen 127.0.0.1:19001 --data "$dir/data" --loops 1 --log-level error
for port in 19000 19001 19002 19003; do wait_port $port; done

email=bench@example.org
printf 'bench password' | "$build/kinora" user add $email --admin --password-stdin --data "$dir/data" >/dev/null
token=$(curl -fsS -H 'content-type: application/json' \
    -d "{\"email\":\"$email\",\"password\":\"bench password\"}" \
    http://127.0.0.1:19001/api/v1/auth/login | jq -r .token)
api() { curl -fsS -H "authorization: Bearer $token" -H 'content-type: application/json' -d "$2" "http://127.0.0.1:19001$1"; }
api /api/v1/admin/accounts '{"name":"bench","platform":"sora","type":"apikey","dialect":"chat",
    "credentials":{"base_url":"http://127.0.0.1:19000","api_key":"bench"},"concurrency":10000,"group_ids":[1]}' >/dev/null
key=$(api /api/v1/keys '{"name":"bench"}' | jq -r .key)
sleep 1

# ---- start and idle memory, of a second Kinora with nothing to do
began=$(date +%s%N)
start idle 0 "$build/kinora" serve --listen 127.0.0.1:19004 --data "$dir/idle" --loops 1 --log-level error
until curl -fsS -o /dev/null http://127.0.0.1:19004/healthz 2>/dev/null; do sleep 0.005; done
first_answer_ms=$((($(date +%s%N) - began) / 1000000))
sleep 2
# shellcheck disable=SC2154 # start() made it
idle_kb=$(awk '/^VmRSS/{print $2}' "/proc/$pid_idle/status")

# ---- rounds, interleaved so that a slow moment hits all alike
rm -f "$dir"/*.us "$dir"/*.rps
for _ in $(seq "$rounds"); do
    for peer in nginx:19002 go:19003 kinora:19001; do
        read -r us rps < <(measure "${peer%:*}" "${peer#*:}")
        echo "$us" >>"$dir/${peer%:*}.us"
        echo "$rps" >>"$dir/${peer%:*}.rps"
    done
done

report() {
    # shellcheck disable=SC2034 # read by name below
    local nginx_us go_us kinora_us
    # shellcheck disable=SC2034
    nginx_us=$(median <"$dir/nginx.us") go_us=$(median <"$dir/go.us") kinora_us=$(median <"$dir/kinora.us")
    echo "| | CPU µs/request | requests/s | Kinora's CPU as a ratio |"
    echo "|---|---|---|---|"
    for name in kinora nginx go; do
        local us=${name}_us
        awk -v n="$name" -v us="${!us}" -v k="$kinora_us" -v rps="$(median <"$dir/$name.rps")" \
            'BEGIN{printf "| %s | %.1f | %d | %.2f |\n", n, us, rps, k / us}'
    done
    echo
    echo "Start to first answer: $first_answer_ms ms. Resident memory when idle: $idle_kb KiB."
}
report | tee "$dir/report"
if [ "${1-}" = --write ]; then
    {
        sed '/^<!-- figures -->/q' docs/bench.md
        echo
        echo "$(uname -m), $(nproc) cores, $(nginx -v 2>&1 | sed 's/.*: //'), $(go version | cut -d' ' -f3); medians of $rounds rounds of ${seconds} s, $clients clients."
        echo
        cat "$dir/report"
    } >"$dir/bench.md"
    cp "$dir/bench.md" docs/bench.md
fi
