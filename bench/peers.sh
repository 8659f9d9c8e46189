# shellcheck shell=bash disable=SC2034,SC2154 # run.sh sets dir and build, and reads what is set here
# Starts Kinora and its peers. Each takes the upstream's port, and "https" where that speaks TLS.
read -r -a PEERS <<<"${BENCH_PEERS:-nginx haproxy go portkey kinora}"
PORT=19200
CORES=$PROXY_CORE # where the next one runs
LOOPS=1

fill() { # TEMPLATE UPSTREAM SCHEME
    local tls=
    [ "$3" != https ] || tls="ssl verify required verifyhost localhost ca-file $dir/tls.crt"
    sed -e "s|@DIR@|$dir|g" -e "s|@PORT@|$PORT|g" -e "s|@UPSTREAM@|$2|g" -e "s|@SCHEME@|$3|g" \
        -e "s|@TLS@|$tls|g" "$1"
}

start_nginx() { # UPSTREAM SCHEME
    fill bench/peers/nginx.conf "$@" >"$dir/nginx.conf"
    start nginx "$CORES" nginx -c "$dir/nginx.conf"
}

start_haproxy() {
    fill bench/peers/haproxy.cfg "$@" >"$dir/haproxy.cfg"
    start haproxy "$CORES" haproxy -db -q -f "$dir/haproxy.cfg"
}

start_go() {
    GOMAXPROCS=1 start go "$CORES" "$dir/goproxy" "127.0.0.1:$PORT" "$2://127.0.0.1:$1" "$dir/tls.crt"
}

start_portkey() {
    printf '%s\n' /v1/chat/completions 'Authorization: Bearer bench' 'x-portkey-provider: openai' \
        "x-portkey-custom-host: $2://127.0.0.1:$1/v1" >"$dir/portkey.headers"
    start portkey "$CORES" env NODE_ENV=production NODE_EXTRA_CA_CERTS="$dir/tls.crt" \
        scripts/node.sh node bench/peers/portkey/node_modules/@portkey-ai/gateway/build/start-server.js \
        "--port=$PORT" --headless
}

start_kinora() {
    start kinora "$CORES" "$build/kinora" serve --listen "127.0.0.1:$PORT" --data "$dir/data" \
        --loops "$LOOPS" --log-level error
}

api() { # PATH BODY
    curl -fsS -H "authorization: Bearer $token" -H 'content-type: application/json' -d "$2" \
        "http://127.0.0.1:${port_of[kinora]}/api/v1$1"
}

# An account for the upstream and a key: all that a call is checked against.
furnish_kinora() { # UPSTREAM SCHEME
    local email=bench@example.org token='' key
    printf 'bench password' | "$build/kinora" user add $email --admin --password-stdin \
        --data "$dir/data" >/dev/null
    token=$(api /auth/login "{\"email\":\"$email\",\"password\":\"bench password\"}" | jq -r .token)
    api /admin/accounts "$(jq -n --rawfile ca "$dir/tls.crt" --arg base "$2://127.0.0.1:$1" \
        '{name: "bench", platform: "sora", type: "apikey", dialect: "chat", concurrency: 10000,
          group_ids: [1], credentials: {base_url: $base, api_key: "bench"}} +
         if $base | startswith("https") then {ca_pem: $ca} else {} end')" >/dev/null
    key=$(api /keys '{"name":"bench"}' | jq -r .key)
    printf '%s\n' /sora/v1/chat/completions "Authorization: Bearer $key" >"$KEY_HEADERS"
}

first_path() { # NAME: what it answers 200 to
    case $1 in kinora) echo /healthz ;; *) echo / ;; esac
}

launch() { # NAME UPSTREAM SCHEME: until it answers
    PORT=$((PORT + 1))
    port_of[$1]=$PORT
    rm -rf "$dir/data"
    "start_$1" "$2" "$3"
    wait_for "$1" answers $PORT "$(first_path "$1")"
}

serve() { # UPSTREAM SCHEME NAME…: launched and ready for calls
    local upstream=$1 scheme=$2 name
    shift 2
    for name in "$@"; do
        launch "$name" "$upstream" "$scheme"
        [ "$name" != kinora ] || furnish_kinora "$upstream" "$scheme"
    done
    sleep 1
}

prepare_peers() {
    printf '%s\n' /v1/chat/completions 'Authorization: Bearer client' >"$dir/plain.headers"
    (cd bench/peers && GOCACHE=$dir/gocache GO111MODULE=off go build -o "$dir/goproxy" proxy.go)
    scripts/npm-ci.sh bench/peers/portkey >/dev/null
}
