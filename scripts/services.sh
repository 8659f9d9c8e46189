#!/bin/bash
# services.sh start [PORT [NAME…]]    starts the servers that tests talk to, on loopback from PORT
#                                     on (17400), and prints where they are as NAME=VALUE lines
# services.sh stop [PORT]             stops them; what they held is gone
#
#   postgres (the one that is started unless others are named)
#       KINORA_TEST_POSTGRES    postgres://… of a server where the user may create databases
#   s3  (its packages: scripts/setup.sh s3)
#       KINORA_TEST_S3          http://127.0.0.1:PORT of a Ceph RADOS Gateway; …_BUCKET, …_ACCESS_KEY
#                               and …_SECRET_KEY go with it
set -euo pipefail
cd "$(dirname "$0")/.."
verb=${1-}
port=${2:-17400}
s3_port=$((port + 10))
s3_dir=$PWD/build/services/$port/rgw
# Not below build/: the account postgres may not be able to enter the checkout.
postgres_dir=${TMPDIR:-/tmp}/kinora-postgres-$(id -u)-$port

start_postgres() {
    echo "KINORA_TEST_POSTGRES=$(scripts/start-postgres.sh start "$postgres_dir" "$port")"
}

start_s3() {
    mkdir -p "$s3_dir"
    scripts/start-rgw.sh start "$s3_dir" "$s3_port" kinora-test kinora-test-secret kinora \
        >"$s3_dir.log" 2>&1 || { cat "$s3_dir.log" >&2 && return 1; }
    echo "KINORA_TEST_S3=http://127.0.0.1:$s3_port"
    echo "KINORA_TEST_S3_BUCKET=kinora"
    echo "KINORA_TEST_S3_ACCESS_KEY=kinora-test"
    echo "KINORA_TEST_S3_SECRET_KEY=kinora-test-secret"
}

case $verb in
start)
    shift $(($# < 2 ? $# : 2))
    [ $# -gt 0 ] || set -- postgres
    for name; do
        case $name in
        postgres) start_postgres ;;
        s3) start_s3 ;;
        *) echo "services.sh: there is no $name, only postgres and s3" >&2 && exit 2 ;;
        esac
    done
    ;;
stop)
    [ ! -d "$s3_dir" ] || scripts/start-rgw.sh wipe "$s3_dir"
    [ ! -d "$postgres_dir" ] || scripts/start-postgres.sh stop "$postgres_dir"
    ;;
*) echo "usage: services.sh start [PORT [NAME…]] | stop [PORT]" >&2 && exit 2 ;;
esac
