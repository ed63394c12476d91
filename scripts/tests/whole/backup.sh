#!/usr/bin/env bash
# The commands of docs/operations.md, "Backup and restore", run as they are written there: what was lost after a backup is
# back, payments that wait in the queue meanwhile are recorded once, and a broken backup changes nothing. Uses the running
# system that the environment names (scripts/test starts one), and leaves it running.
set -euo pipefail
# shellcheck source=scripts/tests/expect.bash
source "$(dirname "${BASH_SOURCE[0]}")/../expect.bash"

GATEWAY=$(service_url api-gateway)
BACKUP=$SCRATCH/crud-master-backup # where the documented commands put it, with SCRATCH as the home folder
RUN=backup-$$

documented() { # NAME of a script: runs the one line of the section that calls it
    local line
    # shellcheck disable=SC2016 # backquotes of Markdown
    line=$(sed -n '/^## Backup and restore/,/^## /{/^```sh$/,/^```$/p}' "$ROOT/docs/operations.md" | grep "^scripts/$1 " || true)
    [[ -n $line && $line != *$'\n'* ]] || fail "docs/operations.md has not one line with scripts/$1, but: $line"
    (cd "$ROOT" && HOME=$SCRATCH bash -euc "$line")
}

service() { "$ROOT/scripts/service" "$@" >/dev/null; }
inventory() { "$ROOT/scripts/psql" inventory -X -q -At -c "$1"; }
billing() { "$ROOT/scripts/psql" billing -X -q -At -c "$1"; }
rows() { billing "SELECT count(*) FROM orders WHERE user_id = '$RUN-$1'"; } # PAYMENT
movies() { curl -fsS -m 10 "$GATEWAY/api/movies?title=$RUN" | grep -o '"title":"[^"]*"' || true; }

post() { # PATH BODY [KEY]
    curl -fsS -m 10 -o /dev/null -H 'content-type: application/json' ${3:+-H "Idempotency-Key: $3"} -d "$2" "$GATEWAY$1"
}
pay() { post /api/billing "{\"user_id\":\"$RUN-$1\",\"number_of_items\":\"1\",\"total_amount\":\"1\"}" "$RUN-$1"; } # PAYMENT

until_recorded() { # PAYMENT
    local until=$(($(now_ms) + 30000))
    while [[ $(rows "$1") != 1 ]]; do
        (($(now_ms) < until)) || fail "the payment '$1' is not recorded: $(rows "$1") rows"
        pause 0.1
    done
}

policy() { # METHOD [BODY]: of a policy that concerns no queue
    local url=http://127.0.0.1:$AMQP_MANAGEMENT_PORT/api/policies/%2F/$RUN
    curl -sS -m 10 -o /dev/null -w '%{http_code}' -X "$1" ${2:+-d "$2"} -K - "$url" <<<"user = \"admin:$(own_secret rabbitmq)\""
}

post /api/movies "{\"title\":\"$RUN\"}"
pay kept
until_recorded kept
expect_equal "a policy is made" 201 "$(policy PUT '{"pattern":"^none$","definition":{"max-length":1}}')"

documented backup
expect_equal "only its owner may read a backup" 700 "$(stat -c %a -- "$BACKUP")"
expect_equal "no password is in the definitions" '' \
    "$(grep -F -e "$GATEWAY_AMQP_PASSWORD" -e "$BILLING_AMQP_PASSWORD" -e "$INVENTORY_AMQP_PASSWORD" -e "$(own_secret rabbitmq)" "$BACKUP/definitions.json")"
expect_failure "a backup is not in the checkout" "is in the checkout" "$ROOT/scripts/backup" "$ROOT/backup"
expect_failure "a backup is not overwritten" "is there already" "$ROOT/scripts/backup" "$BACKUP"

pay later
until_recorded later
service stop billing-app
inventory 'DROP TABLE movies'
billing 'DELETE FROM orders'
expect_equal "the policy is deleted" 204 "$(policy DELETE)"
pay waiting

cp -r -- "$BACKUP" "$SCRATCH/broken"
truncate -s -100 -- "$SCRATCH/broken/orders.dump"
if "$ROOT/scripts/restore" "$SCRATCH/broken" >/dev/null 2>&1; then fail "a broken dump was restored"; fi
expect_equal "a broken dump changes nothing" 'relation "movies" does not exist' "$(inventory 'TABLE movies' 2>&1 | grep -o 'relation.*exist')"
expect_failure "no folder" "holds no backup" "$ROOT/scripts/restore" "$SCRATCH/nowhere"

documented restore
expect_equal "the movie is back" "\"title\":\"$RUN\"" "$(movies)"
expect_equal "the payment is back" 1 "$(rows kept)"
expect_equal "the policy is back" 204 "$(policy DELETE)"
expect_equal "no database is left over" '' "$(inventory "SELECT datname FROM pg_database WHERE datname ~ '^(loaded|replaced)_'")"

pay kept # its client tries again
service start billing-app
until_recorded waiting
say "ok: the payment that waited in the queue is recorded"
expect_equal "the payment that was sent again is recorded once" 1 "$(rows kept)"
expect_equal "a payment that was recorded after the backup is lost" 0 "$(rows later)"
pay later
until_recorded later
say "ok: its client's retry records it again"
if MOVIES_DB_NAME=$ORDERS_DB_NAME inventory 'SELECT 1' 2>/dev/null; then fail "a role enters the other's database"; fi
say "ok: each role reaches its own database only"
