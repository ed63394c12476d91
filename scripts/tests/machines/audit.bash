# shellcheck shell=bash
# The audit of the exercise, step by step, with the commands that it names.

movie='"title":"A new movie","description":"Very short description"'
expect_equal "a movie is made" 200 "$(api POST /api/movies/ "{$movie}" | status_of)"
expect_equal "it is in the list" 1 "$(api GET /api/movies/ | grep -cF "$movie")"
expect_equal "TABLE movies has it" "1|A new movie|Very short description" "$(sql inventory-vm "$MOVIES_DB_NAME" 'TABLE movies' | cut -d'|' -f1-3)"
expect_equal "\\l lists the billing's database" 1 "$(sql billing-vm postgres '\l' | grep -c "^$ORDERS_DB_NAME|")"

expect_equal "a payment is taken" 200 "$(pay 20 | status_of)"
expect_within 5 "TABLE orders has it" 1 rows_of 20

on billing-vm sudo pm2 stop billing_app >/dev/null
expect_equal "pm2 has stopped billing_app" stopped "$(app_state billing-vm)"
expect_equal "a payment is taken without it" 200 "$(pay 22 | status_of)"
pause 2
expect_equal "it is not recorded" 0 "$(rows_of 22)"
expect_equal "what pm2 has stopped stays stopped" stopped "$(app_state billing-vm)"

on billing-vm sudo pm2 start billing_app >/dev/null
expect_within 10 "pm2 has started billing_app" 200 ready
began_ready=$(now_ms)
expect_within 2 "the payment is recorded" 1 rows_of 22
say "  recorded $(seconds_since "$began_ready") s after the service was ready"
expect_equal "the first payment is there once" 1 "$(rows_of 20)"
