#!/usr/bin/env bash
# Pid files: a stranger's process is never taken for ours, and a stop is a stop.
set -euo pipefail
export CRUD_MASTER_DATA
CRUD_MASTER_DATA=$(mktemp -d)/data
# shellcheck source=scripts/tests/expect.bash
source "$(dirname "${BASH_SOURCE[0]}")/expect.bash"
create_data
stranger=''
trap 'kill $stranger 2>/dev/null; rm -rf -- "$SCRATCH" "${DATA%/data}"' EXIT

state() { if running "$1"; then echo runs; else echo stopped; fi; }
is_alive() { if birth "$1" >/dev/null; then echo alive; else echo gone; fi; }

expect_equal "without a pid file nothing runs" stopped "$(state postgres)"

sleep 300 &
stranger=$!
echo "$stranger" >"$DATA/run/billing-app.pid"
echo 1 >"$DATA/run/billing-app.started"
expect_equal "a pid that belongs to another process is stale" stopped "$(state billing-app)"
part_stop billing-app
expect_equal "stop leaves the stranger alone" alive "$(is_alive "$stranger")"
expect_failure "kill leaves the stranger alone" "not running" part_kill billing-app

launch inventory-app sleep 300
pause 0.3 # for exec
pid=$(<"$DATA/run/inventory-app.pid")
expect_equal "the pid file names the real process" sleep "$(<"/proc/$pid/comm")"
expect_equal "it has no file open but its log" "0 1 2" "$(cd "/proc/$pid/fd" && echo *)"
expect_equal "it runs" runs "$(state inventory-app)"
part_stop inventory-app >/dev/null
expect_equal "a stopped process is gone" gone "$(is_alive "$pid")"

launch api-gateway bash -c 'trap "" TERM; sleep 300 & wait; wait'
pause 0.3
pid=$(<"$DATA/run/api-gateway.pid")
part_kill api-gateway >/dev/null
expect_equal "a killed process is gone" gone "$(is_alive "$pid")"
pause 0.3
expect_equal "what was killed stays down" stopped "$(state api-gateway)"

# The first thread of this program ends at once, the other lives on: what the end of a program with threads looks like.
launch api-gateway python3 -c '
import ctypes, threading, time
threading.Thread(target=time.sleep, args=[300]).start()
ctypes.CDLL(None).pthread_exit(None)'
pid=$(<"$DATA/run/api-gateway.pid")
until grep -q "^State:.Z" "/proc/$pid/status"; do pause 0.05; done
expect_equal "a process whose threads still live is not gone" runs "$(state api-gateway)"
part_kill api-gateway >/dev/null
expect_equal "it is gone when they are" gone "$(is_alive "$pid")"

mkdir "$SCRATCH/full" && touch "$SCRATCH/full/thesis.txt"
expect_failure "a stranger's folder is not written in" "not ours" env CRUD_MASTER_DATA="$SCRATCH/full" "$ROOT/scripts/up" --detach
expect_failure "a stranger's folder is not deleted" "not deleted" env CRUD_MASTER_DATA="$SCRATCH/full" "$ROOT/scripts/down" --wipe
expect_failure "an unknown part" "there is no part 'mysql'" "$ROOT/scripts/service" start mysql
expect_failure "an unknown verb" "what to do?" "$ROOT/scripts/service" flog postgres
