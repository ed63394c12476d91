# shellcheck shell=bash
# A machine dies, as by its power: it is seen, and up brings it back with its data, leaves alone what runs unchanged, and
# restarts what runs with other settings than those of .env.

gateway_pid=$(app_pid gateway-vm api_gateway)
first=$(pgrep -f "^bash .*/machine_init $CRUD_MASTER_DATA/machines/billing-vm ")
kill -9 "$first"
pause 0.5
expect_equal "a dead machine is seen" "not running" "$(machines status | sed -n 's/^billing-vm *\(not running\).*/\1/p')"
machines up >/dev/null
expect_equal "up brings it back" 200 "$(ready)"
expect_equal "its data are there" 1 "$(rows_of 20)"
expect_equal "what runs unchanged goes on" "$gateway_pid" "$(app_pid gateway-vm api_gateway)"
