#!/usr/bin/env bash
# PostgreSQL and RabbitMQ under the scripts: what is kept, what is refused, what is open. Uses the running instance that
# the environment names (scripts/test starts one), and leaves it running.
set -euo pipefail
# shellcheck source=scripts/tests/expect.bash
source "$(dirname "${BASH_SOURCE[0]}")/expect.bash"

service() { "$ROOT/scripts/service" "$@"; }
inventory() { "$ROOT/scripts/psql" inventory -X -At -c "$1"; }
state() { if service status "$1" >/dev/null; then echo runs; else echo stopped; fi; }
listening_beyond_loopback() { # of the instance's ports
    local name
    for name in AMQP_PORT AMQP_MANAGEMENT_PORT AMQP_DIST_PORT AMQP_EPMD_PORT MOVIES_DB_PORT; do
        grep -E "^ *[0-9]+: [0-9A-F]+:$(printf %04X "${!name}") [0-9A-F]+:0000 0A " /proc/net/tcp /proc/net/tcp6 |
            grep -vE ': (0100007F|0{24}01000000):' || true
    done
}

expect_equal "postgres runs" runs "$(state postgres)"
expect_equal "rabbitmq runs" runs "$(state rabbitmq)"
expect_equal "nothing listens beyond loopback" '' "$(listening_beyond_loopback)"
expect_equal "a taken port is named" \
    "service: port $MOVIES_DB_PORT (INVENTORY_APP_PORT) is taken by another process: stop it, or set INVENTORY_APP_PORT to a free port" \
    "$(INVENTORY_APP_PORT=$MOVIES_DB_PORT service start inventory-app 2>&1 || true)"

inventory 'CREATE TABLE kept AS SELECT 7 AS n' >/dev/null
service kill postgres >/dev/null
expect_equal "killed PostgreSQL stays down" stopped "$(state postgres)"
expect_failure "psql says so" "postgres is not running" inventory 'TABLE kept'
service start postgres >/dev/null
expect_equal "data survive a kill" 7 "$(inventory 'TABLE kept')"

service kill rabbitmq >/dev/null
pause 1
expect_equal "killed RabbitMQ stays down" stopped "$(state rabbitmq)"
"$ROOT/scripts/down" >/dev/null
expect_equal "down leaves no port mapper behind" free "$(if port_taken "$AMQP_EPMD_PORT"; then echo taken; else echo free; fi)"
service start rabbitmq >/dev/null
service start postgres >/dev/null
expect_equal "data survive down" 7 "$(inventory 'TABLE kept; DROP TABLE kept' | head -n 1)"

# shellcheck disable=SC2016 # literally
odd='it'\''s "a" $b \c @:/% ö'
MOVIES_DB_PASSWORD=$odd service restart postgres >/dev/null
expect_equal "a changed password takes effect, whatever is in it" inventory_app "$(MOVIES_DB_PASSWORD=$odd inventory 'SELECT current_user')"
service restart postgres >/dev/null
if MOVIES_DB_PASSWORD=wrong inventory 'SELECT 1' 2>/dev/null; then fail "a wrong password was accepted"; fi
if MOVIES_DB_NAME=$ORDERS_DB_NAME inventory 'SELECT 1' 2>/dev/null; then fail "a role entered the other's database"; fi
say "ok: wrong passwords and foreign databases are refused"

expect_equal "RabbitMQ knows four users, and no guest" "admin $GATEWAY_AMQP_USER $BILLING_AMQP_USER $INVENTORY_AMQP_USER" \
    "$(rabbitmq_api /api/users/ | grep -o '"name":"[^"]*"' | cut -d'"' -f4 | sort | paste -sd' ')"

rights() { grep -oE '"(configure|write|read)": ?"[^"]*"' | sed 's/": "/":"/' | sort; }
expect_equal "RabbitMQ grants what the topology says" "$(rights <"$TOPOLOGY")" "$(rabbitmq_api /api/permissions/ | rights | grep -v '"\.\*"')"
