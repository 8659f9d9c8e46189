#!/bin/bash
# start-postgres.sh start DIR PORT    starts a PostgreSQL server for tests on 127.0.0.1, with its
#                                     data, socket and log in DIR, and prints its URL
# start-postgres.sh stop DIR          stops it and removes DIR
#
# Fast and forgetful (no fsync): never for data that matters.  As root the server runs as the
# user postgres, since PostgreSQL refuses root; that user must be able to enter DIR's parents.
set -euo pipefail
export LC_ALL=C.UTF-8

die() {
    echo "start-postgres.sh: $*" >&2
    exit 1
}

# as_server COMMAND…: from /, because the server's user may not enter the caller's folder.
as_server() {
    cd /
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid=postgres --regid=postgres --init-groups -- "$@"
    else
        "$@"
    fi
}

make_cluster() {
    mkdir -p "$dir"
    chmod 700 "$dir"
    [ "$(id -u)" != 0 ] || chown postgres: "$dir"
    (as_server "$bin/initdb" -D "$dir" -U kinora -A trust -E UTF8 --locale=C.UTF-8 --no-sync) \
        >/dev/null || die "initdb failed"
}

start() {
    [ -e "$dir/PG_VERSION" ] || make_cluster
    if ! (as_server "$bin/pg_ctl" -D "$dir" status) >/dev/null 2>&1; then
        (as_server "$bin/pg_ctl" -D "$dir" -w -t 60 -l "$dir/server.log" -o "-p $port \
            -c listen_addresses=127.0.0.1 -c unix_socket_directories=$dir -c max_connections=300 \
            -c fsync=off -c synchronous_commit=off -c full_page_writes=off" start) >/dev/null ||
            die "the server did not start: $(tail -n 3 "$dir/server.log" 2>/dev/null)"
    fi
    echo "postgres://kinora@127.0.0.1:$port/postgres"
}

stop() {
    [ -e "$dir/PG_VERSION" ] || return 0
    (as_server "$bin/pg_ctl" -D "$dir" -m immediate -w stop) >/dev/null 2>&1 || true
    rm -rf "$dir"
}

verb=${1:-} dir=${2:-} port=${3:-15432}
[ -n "$dir" ] || die "usage: start-postgres.sh start DIR PORT | stop DIR"
dir=$(realpath -m "$dir")
bin=$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
[ -n "$bin" ] || die "PostgreSQL is not installed"
case $verb in
start) start ;;
stop) stop ;;
*) die "usage: start-postgres.sh start DIR PORT | stop DIR" ;;
esac
