# shellcheck shell=bash
# Gives RabbitMQ its users, permissions and policies, and takes `guest` away. Runs as rabbitmq after the node has started,
# with SCRIPTS set by the module; again at every boot, so that a changed password takes effect.

# shellcheck source=/dev/null
source "$SCRIPTS/lib/common.sh"
# shellcheck source=/dev/null
source "$SCRIPTS/lib/env.sh"
# shellcheck source=/dev/null
source "$SCRIPTS/lib/definitions.sh"

rabbitmqctl -q await_startup --timeout 120
version=$(rabbitmqctl -q version)
export RABBITMQ_MAJOR=${version%%.*}
definitions=$(rabbitmq_definitions)
rabbitmqctl -q import_definitions <<<"$definitions"
if rabbitmqctl -q list_users --no-table-headers | cut -f1 | grep -qx guest; then
    rabbitmqctl -q delete_user guest
fi
