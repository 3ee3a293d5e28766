#!/usr/bin/env bash
# The suite on PostgreSQL + Redis with a separate worker, and the tests that need real servers.
# Uses the servers of AIRRA_TEST_POSTGRES and AIRRA_TEST_REDIS, or those on the usual local ports,
# or installs and starts Debian's. "suite" or "live" as the argument runs only that half;
# "machine" the two workers under Hypothesis.
set -euo pipefail
cd "$(dirname "$0")/.."
postgres=${AIRRA_TEST_POSTGRES:-postgresql://postgres@127.0.0.1:5432}
redis=${AIRRA_TEST_REDIS:-redis://127.0.0.1:6379}
python=.venv/bin/python

tools/debian.sh prometheus=prometheus prometheus-alertmanager=prometheus-alertmanager \
  prometheus-node-exporter=prometheus-node-exporter haproxy=haproxy /usr/sbin/sshd=openssh-server

up() { "$python" - "$@" <<'PY'
import sys
import psycopg
import redis
psycopg.connect(sys.argv[1] + "/postgres", connect_timeout=3).close()
redis.Redis.from_url(sys.argv[2], socket_connect_timeout=3).ping()
PY
}

if ! up "$postgres" "$redis" 2>/dev/null; then
  tools/debian.sh /usr/lib/postgresql=postgresql redis-server=redis-server
  cluster=$(ls /etc/postgresql | tail -1)
  conf="/etc/postgresql/$cluster/main/pg_hba.conf"
  grep -q '^host all postgres 127.0.0.1/32 trust' "$conf" ||
    sed -i '1i host all postgres 127.0.0.1/32 trust' "$conf"
  # The rows of a test need not outlive the machine; processes are killed here, machines are not.
  pg_ctlcluster --skip-systemctl-redirect "$cluster" main restart -- \
    -o "-c fsync=off -c synchronous_commit=off -c full_page_writes=off" || true
  redis-cli ping >/dev/null 2>&1 || redis-server --daemonize yes --bind 127.0.0.1 --save "" >/dev/null
  for _ in $(seq 40); do up "$postgres" "$redis" 2>/dev/null && break; sleep 0.5; done
  up "$postgres" "$redis"
fi

half=${1:-both}  # each half has databases of its own, so that the two may run side by side
export AIRRA_DATABASE_URL="$postgres/airra_$half" AIRRA_TEST_POSTGRES="$postgres" AIRRA_TEST_REDIS="$redis"
if [ "$half" = machine ]; then
  exec "$python" -m pytest -q -s -m live tests/live/test_execution_machine.py
fi
waiting=
if [ "$half" != suite ]; then
  tools/debian.sh dockerd=docker.io busybox=busybox-static
  # Five minutes of which it mostly waits: beside everything else.
  kill_log=$(mktemp)
  "$python" -m pytest -q -m live tests/live/test_kill.py >"$kill_log" 2>&1 &
  waiting=$!
  trap wait EXIT  # it has processes of its own to stop
fi
if [ "$half" != live ]; then
  # The rest knows no database, asks the same pages again, or brings a SQLite file of its own.
  "$python" -m pytest -q -m "not e2e and not slow and not live" -n 2 --dist loadgroup \
    --ignore=tests/integration/incidents/test_audit_upgrade.py \
    --deselect=tests/house/test_migrations.py::test_from_nothing_they_lead_to_a_database_that_needs_no_more \
    tests/integration tests/house/test_migrations.py
fi
if [ "$half" != suite ]; then
  "$python" -m pytest -q -m live -n 2 --dist loadfile --ignore=tests/live/test_kill.py \
    tests/live tests/contract
  wait "$waiting" || { cat "$kill_log"; exit 1; }
  cat "$kill_log"
fi
