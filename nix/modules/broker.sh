# shellcheck shell=bash
# Gives RabbitMQ its users and what each may do, takes `guest` away, and lifts the limit on deliveries. Runs as rabbitmq
# after the node has started, with SCRIPTS set by the module; again at every boot, so that a changed password takes effect.

# shellcheck source=/dev/null
source "$SCRIPTS/lib/common.sh"
# shellcheck source=/dev/null
source "$SCRIPTS/lib/env.sh"
# shellcheck source=/dev/null
source "$SCRIPTS/lib/definitions.sh"

require_set AMQP_VHOST GATEWAY_AMQP_USER BILLING_AMQP_USER
definitions=$(rabbitmq_definitions)

rabbitmqctl -q await_startup --timeout 120
rabbitmqctl -q import_definitions <<<"$definitions"
if rabbitmqctl -q list_users --no-table-headers | cut -f1 | grep -qx guest; then
    rabbitmqctl -q delete_user guest
fi

# From 4.0 on, a quorum queue drops a message at its 21st delivery, and consumers that die count. Before 4.0 there is no
# limit, and -1 would be one.
version=$(rabbitmqctl -q version)
if ((${version%%.*} >= 4)); then
    rabbitmqctl -q set_policy -p "$AMQP_VHOST" --apply-to quorum_queues keep-every-message \
        '^billing_queue(\.dead)?$' '{"delivery-limit": -1}'
fi
