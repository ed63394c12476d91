# shellcheck shell=bash
# How the tests use the machines: from the fourth namespace, or by a command on one of them.

machines() { "$ROOT/scripts/machines" "$@"; }
on() { machines exec "$@"; } # MACHINE COMMAND...

GATEWAY=http://$GATEWAY_VM_IP:$API_GATEWAY_PORT

# api METHOD PATH [BODY]: the answer's body, and its status in a line of its own.
api() {
    on host curl -sS -m 10 -X "$1" -w '\n%{http_code}\n' ${3:+-H 'content-type: application/json' -d "$3"} "$GATEWAY$2"
}
status_of() { tail -n 1; } # of what api prints

pay() { # USER_ID
    api POST /api/billing/ "{\"user_id\":\"$1\",\"number_of_items\":\"10\",\"total_amount\":\"50\"}"
}

sql() { on "$1" sudo -i -u postgres psql -d "$2" -X -At -c "$3"; } # MACHINE DATABASE QUERY
rows_of() { sql billing-vm "$ORDERS_DB_NAME" 'TABLE orders' | cut -d'|' -f2 | grep -cx "$1" || true; } # USER_ID

app_state() { # MACHINE: pm2's word on its service
    on "$1" sudo pm2 jlist | python3 -c 'import json, sys; print(json.loads(sys.stdin.read().splitlines()[-1])[0]["pm2_env"]["status"])'
}
app_pid() { on "$1" sudo pm2 pid "$2"; } # MACHINE NAME

# expect_within SECONDS WHAT EXPECTED COMMAND...: until the command prints it.
expect_within() {
    local until=$(($(now_ms) + $1 * 1000)) what=$2 expected=$3 actual=''
    shift 3
    while :; do
        actual=$("$@" 2>&1 || true)
        [[ $actual != "$expected" ]] || break
        (($(now_ms) < until)) || fail "$what: expected '$expected', got '$actual'"
        pause 0.1
    done
    say "ok: $what"
}

ready() { on host curl -s -m 5 -o /dev/null -w '%{http_code}' "$GATEWAY/health/ready"; }

# reaches MACHINE ADDRESS PORT [SECONDS]: prints open or closed.
reaches() {
    if on "$1" timeout "${4:-1}" bash -c "exec 3<>/dev/tcp/$2/$3" 2>/dev/null; then echo open; else echo closed; fi
}
