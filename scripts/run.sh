#!/bin/bash
# Starts Kinora on 127.0.0.1:8080 with a demo upstream on 127.0.0.1:8091, data in ./data.
# The first start makes an admin, whose password stands in data/first-admin.txt, and two
# accounts of the demo upstream. A later start finds all of it again. Ctrl-C stops both.
#   KINORA_PORT, DEMO_PORT, KINORA_DATA, KINORA_BUILD change where.
set -euo pipefail
cd "$(dirname "$0")/.."
port=${KINORA_PORT:-8080}
demo_port=${DEMO_PORT:-8091}
data=${KINORA_DATA:-$PWD/data}
build=${KINORA_BUILD:-$PWD/build/release}
url=http://127.0.0.1:$port
demo=http://127.0.0.1:$demo_port
email=admin@kinora.local
admin_file=$data/first-admin.txt
pids=()

say() { printf 'run: %s\n' "$*"; }
die() { say "$*" >&2 && exit 1; }

stop() {
    trap - EXIT INT TERM
    [ ${#pids[@]} -eq 0 ] || kill -TERM "${pids[@]}" 2>/dev/null || true
    wait
}
trap stop EXIT
trap 'exit 0' INT
trap 'exit 143' TERM

need_free() { # PORT VARIABLE
    ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null ||
        die "something else listens on port $1; choose another with $2=…"
}

wait_ready() { # NAME PID URL
    local i
    for ((i = 0; i < 150; i++)); do
        ! curl -fsS -o /dev/null --max-time 2 "$3" 2>/dev/null || return 0
        kill -0 "$2" 2>/dev/null || die "$1 ended while starting; is its port taken? See $data/*.log"
        sleep 0.2
    done
    die "$1 did not answer at $3 within 30 s, see $data/*.log"
}

api() { # METHOD PATH [BODY]: with the token, if there is one
    curl -fsS --max-time 10 -X "$1" -H 'Content-Type: application/json' \
        ${token:+-H "Authorization: Bearer $token"} ${3:+--data-binary "$3"} "$url$2"
}

random_password() { head -c 15 /dev/urandom | base64 | tr '+/' '-_'; }

make_admin() {
    local new=$admin_file.new interrupted=
    if [ -e "$new" ]; then
        interrupted=yes # an earlier start died in here; its user may exist already
    else
        (umask 077 && printf 'e-mail:   %s\npassword: %s\n' "$email" "$(random_password)" >"$new")
    fi
    sed -n 's/^password: //p' "$new" |
        "$build/kinora" user add "$email" --admin --password-stdin --data "$data" >/dev/null ||
        [ -n "$interrupted" ] || { rm -f "$new" && die "could not make the first admin"; }
    mv "$new" "$admin_file"
}

make_account() { # NAME DIALECT PRIORITY: unless there is one of that name
    local found
    found=$(api GET "/api/v1/admin/accounts?page_size=100" | jq --arg name "$1" 'any(.data[]; .name == $name)')
    [ "$found" = false ] || return 0
    api POST /api/v1/admin/accounts "$(jq -n --arg name "$1" --arg dialect "$2" --arg url "$demo" \
        --argjson priority "$3" --argjson group "$group" '
        {name: $name, platform: "sora", type: "apikey", dialect: $dialect,
         credentials: {base_url: $url, api_key: "demo-key"},
         priority: $priority, concurrency: 3, group_ids: [$group]}')" >/dev/null
    say "made the account \"$1\" (dialect $2)"
}

need_free "$port" KINORA_PORT
need_free "$demo_port" DEMO_PORT
mkdir -p "$data"
[ -e "$admin_file" ] || make_admin

"$build/kinora-demo-upstream" --listen "127.0.0.1:$demo_port" >"$data/demo-upstream.log" 2>&1 &
pids+=($!)
"$build/kinora" serve --listen "127.0.0.1:$port" --data "$data" >>"$data/kinora.log" 2>&1 &
pids+=($!)
wait_ready kinora "${pids[1]}" "$url/readyz"
kill -0 "${pids[0]}" 2>/dev/null || die "the demo upstream ended, see $data/demo-upstream.log"

password=$(sed -n 's/^password: //p' "$admin_file")
token=
login=$(jq -n --arg email "$email" --arg password "$password" '{email: $email, password: $password}')
if token=$(api POST /api/v1/auth/login "$login" 2>/dev/null | jq -er .token); then
    group=$(api GET /api/v1/admin/groups | jq -e '[.data[] | select(.name == "default").id][0]')
    make_account "Demo (videos)" videos 10
    make_account "Demo (chat)" chat 20
    shown=$password
else
    shown="changed since the first start"
fi

cat <<END

  Kinora   $url
  e-mail   $email
  password $shown

  The demo upstream is $demo; data and logs are in $data.
  Ctrl-C stops both.

END
# The first of the two to end, by itself or by Ctrl-C, ends the other.
code=0
wait -n "${pids[@]}" || code=$?
say "one of the two programs ended (code $code), stopping the other"
exit "$code"
