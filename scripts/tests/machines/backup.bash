# shellcheck shell=bash
# The backup and the restore of docs/machines.md, as they are written there, with the folder of the test as the home.

documented() { # TEXT: runs the block of the document that holds it
    local block
    block=$(awk -v text="$1" '/^```sh$/ { block = ""; next } /^```$/ { if (index(block, text)) printf "%s", block; next } { block = block $0 "\n" }' \
        "$ROOT/docs/machines.md")
    [[ -n $block ]] || fail "docs/machines.md has no block with $1"
    block=${block//"sudo -u rabbitmq env HOME=/var/lib/rabbitmq "/sudo } # as the document says for the rehearsal
    (HOME=$SCRATCH && eval "$block") >/dev/null
}

mkdir -m 700 "$SCRATCH/crud-master-backup"
pay 41 >/dev/null
expect_within 5 "a payment before the backup" 1 rows_of 41
before=$(sql inventory-vm "$MOVIES_DB_NAME" 'SELECT count(*) FROM movies')
documented 'pg_dump'
sql billing-vm "$ORDERS_DB_NAME" 'DROP TABLE orders CASCADE' >/dev/null
sql inventory-vm "$MOVIES_DB_NAME" "INSERT INTO movies (title) VALUES ('made after the backup')" >/dev/null
documented 'pg_restore --clean'
expect_within 15 "all is ready after the restore" 200 ready
expect_equal "the payment is back" 1 "$(rows_of 41)"
expect_equal "what was made after the backup is gone" "$before" "$(sql inventory-vm "$MOVIES_DB_NAME" 'SELECT count(*) FROM movies')"
expect_equal "the definitions of the broker were saved" 1 "$(grep -c "\"$GATEWAY_AMQP_USER\"" "$SCRATCH/crud-master-backup/definitions.json" | head -c 1)"
