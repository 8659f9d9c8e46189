#!/bin/bash
# services.sh start [PORT]    starts the servers that tests talk to, on loopback from PORT on
#                             (17400), and prints where they are as NAME=VALUE lines
# services.sh stop [PORT]     stops them; what they held is gone
#
#   KINORA_TEST_POSTGRES    postgresql://… of a server where the user may create databases
#   KINORA_TEST_S3          http://127.0.0.1:PORT of a Ceph RADOS Gateway, with its bucket and keys
# A server whose package is not installed is left out; tests that need it then say so.
set -euo pipefail
cd "$(dirname "$0")/.."
pg_port=${2:-17400}
s3_port=$((pg_port + 10))
dir=$PWD/build/services/$pg_port
pg_bin=$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)

as_postgres() { # PostgreSQL refuses to run as root
    if [ "$(id -u)" = 0 ]; then
        runuser -u postgres -- "$@"
    else
        "$@"
    fi
}

# Not below build/: the account postgres may not be able to enter the checkout.
pg_dir=${TMPDIR:-/tmp}/kinora-postgres-$(id -u)-$pg_port

start_postgres() {
    if [ ! -e "$pg_dir/PG_VERSION" ]; then
        mkdir -p "$pg_dir"
        [ "$(id -u)" != 0 ] || chown postgres: "$pg_dir"
        (cd / && as_postgres "$pg_bin/initdb" -D "$pg_dir" -U kinora -A trust -E UTF8 --locale=C.UTF-8 -N) \
            >"$dir/initdb.log" 2>&1
    fi
    (cd / && as_postgres "$pg_bin/pg_ctl" -D "$pg_dir" status) >/dev/null 2>&1 ||
        (cd / && as_postgres "$pg_bin/pg_ctl" -D "$pg_dir" -w -t 60 -l "$pg_dir/server.log" \
            -o "-p $pg_port -h 127.0.0.1 -k $pg_dir -c fsync=off -c max_connections=300" start) \
            >"$dir/postgres.log" 2>&1
    echo "KINORA_TEST_POSTGRES=postgresql://kinora@127.0.0.1:$pg_port/postgres"
}

start_s3() {
    scripts/start-rgw.sh start "$dir/rgw" "$s3_port" kinora-test kinora-test-secret kinora \
        >"$dir/rgw.log" 2>&1 || { cat "$dir/rgw.log" >&2 && return 1; }
    echo "KINORA_TEST_S3=http://127.0.0.1:$s3_port"
    echo "KINORA_TEST_S3_BUCKET=kinora"
    echo "KINORA_TEST_S3_ACCESS_KEY=kinora-test"
    echo "KINORA_TEST_S3_SECRET_KEY=kinora-test-secret"
}

case ${1-} in
start)
    mkdir -p "$dir"
    [ -z "$pg_bin" ] || start_postgres
    ! command -v radosgw >/dev/null || start_s3
    ;;
stop)
    [ ! -d "$dir/rgw" ] || scripts/start-rgw.sh wipe "$dir/rgw"
    if [ -e "$pg_dir/postmaster.pid" ]; then
        (cd / && as_postgres "$pg_bin/pg_ctl" -D "$pg_dir" -m fast -w stop) >/dev/null 2>&1
    fi
    rm -rf "$pg_dir"
    ;;
*) echo "usage: services.sh start|stop [PORT]" >&2 && exit 2 ;;
esac
