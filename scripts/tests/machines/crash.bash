# shellcheck shell=bash
# A machine dies, as by its power: it is seen, and up brings it back with its data, leaves alone what runs unchanged, and
# restarts what runs with other settings than those of .env.

expect_failure "no second machine on the same data" "is in use as $CRUD_MASTER_MACHINES-gateway-vm" env CRUD_MASTER_MACHINES=other "$ROOT/scripts/machines" up
gateway_pid=$(app_pid gateway-vm api_gateway)
first=$(pgrep -f "^bash .*/machine_init $CRUD_MASTER_DATA/machines/billing-vm ")
kill -9 "$first"
pause 0.5
expect_equal "a dead machine is seen" "not running" "$(machines status | sed -n 's/^billing-vm *\(not running\).*/\1/p')"
on inventory-vm sed -i "s/^LOG=.*/LOG='debug'/" /etc/crud-master/env
on inventory-vm sudo service inventory-app restart >/dev/null
inventory_pid=$(app_pid inventory-vm inventory_app)
machines up >/dev/null
expect_equal "up brings it back" 200 "$(ready)"
expect_equal "its data are there" 1 "$(rows_of 20)"
expect_equal "what runs with other settings is restarted" other "$([[ $(app_pid inventory-vm inventory_app) == "$inventory_pid" ]] || echo other)"
expect_equal "what runs unchanged goes on" "$gateway_pid" "$(app_pid gateway-vm api_gateway)"

ip netns delete "$CRUD_MASTER_MACHINES-inventory-vm"
machines up >/dev/null
expect_equal "a machine whose network was taken away is ended and comes back" 200 "$(ready)"
expect_equal "it is there once" 1 "$(pgrep -fc "^bash .*/machine_init $CRUD_MASTER_DATA/machines/inventory-vm ")"
