# shellcheck shell=bash disable=SC2034,SC2154 # run.sh sets dir and build, and reads what is set here
# Parts of bench/run.sh: processes, what they use, and the figures.
#
# Core 1 is the proxy's alone; the load and the upstream share core 0.
LOAD_CORE=0
PROXY_CORE=1
KEY_HEADERS=$dir/kinora.headers

declare -A pid_of=() port_of=()

start() { # NAME CORES COMMAND…
    local name=$1 cores=$2
    shift 2
    taskset -c "$cores" "$@" >"$dir/$name.log" 2>&1 &
    pid_of[$name]=$!
}

stop() { # NAME…
    local name
    for name in "$@"; do
        [ -n "${pid_of[$name]-}" ] || continue
        kill "${pid_of[$name]}" 2>/dev/null || true
        wait "${pid_of[$name]}" 2>/dev/null || true
        unset "pid_of[$name]"
    done
}

stop_all() {
    stop "${!pid_of[@]}"
}

answers() { # PORT [PATH]: 200 to a GET?
    local line
    { exec 3<>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null || return 1
    printf 'GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' "${2:-/}" >&3
    read -r -t 2 line <&3 || line=
    exec 3<&-
    [[ $line == *" 200"* ]]
}

wait_for() { # NAME COMMAND…
    local name=$1 until=$((SECONDS + 20))
    shift
    while [ $SECONDS -lt $until ]; do
        ! "$@" || return 0
        sleep 0.002
    done
    echo "bench: $name does not answer" >&2
    tail -n 5 "$dir/$name.log" >&2
    return 1
}

tree() { # PID: it and all below it
    local child
    echo "$1"
    for child in $(pgrep -P "$1" || true); do tree "$child"; done
}

cpu_us() { # NAME: user and system time of its processes, in microseconds
    local pid total=0
    for pid in $(tree "${pid_of[$1]}"); do
        total=$((total + $(awk '{print $14 + $15}' "/proc/$pid/stat")))
    done
    echo $((total * 1000000 / $(getconf CLK_TCK)))
}

pss_kb() { # NAME: what its processes hold, shared pages by their share
    local pid total=0
    for pid in $(tree "${pid_of[$1]}"); do
        total=$((total + $(awk '/^Pss:/{print $2}' "/proc/$pid/smaps_rollup")))
    done
    echo "$total"
}

figure() { # PART CASE PEER MEASURE VALUE
    printf '%s\t%s\t%s\t%s\t%s\n' "$@" >>"$dir/figures.tsv"
}

divide() { # A B
    awk -v a="$1" -v b="$2" 'BEGIN{printf "%.3f\n", b ? a / b : 0}'
}

note() {
    echo "bench: $*" >&2
}

# ---- upstreams

JSON_PORT=19100
TLS_PORT=19101
HANDSHAKE_PORT=19102 # the same, but it closes after each answer
SSE_PORT=19103

start_upstreams() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
        -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
        -keyout "$dir/tls.key" -out "$dir/tls.crt" 2>/dev/null
    cp bench/load/answer.conf "$dir/"
    sed "s|@DIR@|$dir|g" bench/load/upstream.conf >"$dir/upstream.conf"
    start upstream $LOAD_CORE nginx -c "$dir/upstream.conf"
    start sse $LOAD_CORE "$dir/sse_upstream" $SSE_PORT
    wait_for upstream answers $JSON_PORT
}

build_load() {
    local name
    for name in sse_upstream sse_client; do
        cc -O2 -std=gnu11 -Wall -Wextra -Werror "bench/load/$name.c" -o "$dir/$name"
    done
}

# ---- the load

headers_of() { # NAME: the file with the path and headers that it is called with
    case $1 in
    kinora*) echo "$KEY_HEADERS" ;;
    portkey*) echo "$dir/portkey.headers" ;;
    *) echo "$dir/plain.headers" ;;
    esac
}

# call NAME CLIENTS SECONDS [CORES]: JSON calls through NAME. Leaves count, rate and
# us, the CPU time they took.
call() {
    local args=() line path='' before after
    while read -r line; do
        if [ -z "$path" ]; then path=$line; else args+=(-H "$line"); fi
    done <"$(headers_of "$1")"
    before=$(cpu_us "$1")
    taskset -c "${4:-$LOAD_CORE}" wrk -t1 "-c$2" "-d${3}s" --timeout 20s -s bench/load/json.lua \
        "${args[@]}" "http://127.0.0.1:${port_of[$1]}$path" >"$dir/wrk.out"
    after=$(cpu_us "$1")
    if grep -q 'Non-2xx\|Socket errors' "$dir/wrk.out"; then
        note "$1 failed calls:" && grep 'Non-2xx\|Socket errors' "$dir/wrk.out" >&2
    fi
    count=$(awk '/requests in/{print $1}' "$dir/wrk.out")
    rate=$(awk '/^Requests\/sec/{print $2}' "$dir/wrk.out")
    us=$((after - before))
}

# stream MODE NAME ARGUMENT…: sse_client's words.
stream() {
    local mode=$1 name=$2
    shift 2
    taskset -c $LOAD_CORE "$dir/sse_client" "$mode" "${port_of[$name]}" "$(headers_of "$name")" "$@" ||
        { note "$name: $mode streams failed" && return 1; }
}
