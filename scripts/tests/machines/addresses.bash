# shellcheck shell=bash
# Addresses and ports in .env: what cannot be is refused in one line that names it, what has changed is followed by `up`.

refuses() { # TEXT NAME=VALUE...
    local text=$1
    shift
    expect_failure "refused: $*" "$text" env "$@" "$ROOT/scripts/machines" up
}
refuses "API_GATEWAY_PORT is 'abc': it must be a port, 1 to 65535" API_GATEWAY_PORT=abc
refuses "BILLING_APP_PORT is '65536': it must be a port, 1 to 65535" BILLING_APP_PORT=65536
refuses "BILLING_VM_IP is 'billing': it must be an IPv4 address" BILLING_VM_IP=billing
refuses "GATEWAY_VM_IP is '192.168.56.1': it must be between 192.168.56.2 and 192.168.56.254" GATEWAY_VM_IP=192.168.56.1
refuses "INVENTORY_VM_IP is '192.168.56.10', and so is GATEWAY_VM_IP" INVENTORY_VM_IP=192.168.56.10
refuses "AMQP_MANAGEMENT_PORT is 'abc': it must be a port, 1 to 65535" AMQP_MANAGEMENT_PORT=abc
refuses "ORDERS_DB_PORT is 5432 on the machine of billing-app, and so is BILLING_APP_PORT" BILLING_APP_PORT=5432
refuses "ORDERS_DB_NAME is missing or empty: set it in .env" ORDERS_DB_NAME=

export GATEWAY_VM_IP=192.168.57.20 INVENTORY_VM_IP=192.168.57.21 BILLING_VM_IP=192.168.57.22 API_GATEWAY_PORT=3100
machines up >/dev/null
# shellcheck disable=SC2034 # read by use.bash
GATEWAY=http://$GATEWAY_VM_IP:$API_GATEWAY_PORT
expect_equal "up follows other addresses and another port" 200 "$(ready)"
expect_equal "the data have come along" 1 "$(rows_of 20)"
expect_equal "the firewall follows" open "$(reaches gateway-vm "$INVENTORY_VM_IP" 8080 10)"
expect_equal "nobody else is let in" closed "$(reaches host "$INVENTORY_VM_IP" 8080)"
