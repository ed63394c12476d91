# shellcheck shell=bash
# Writes the definitions that RabbitMQ loads at its start. Runs as rabbitmq before each start of the node, with ROOT and
# RABBITMQ_MAJOR set by the module; RUNTIME_DIRECTORY is systemd's.

# shellcheck source=/dev/null
source "$ROOT/scripts/lib/common.sh"
# shellcheck source=/dev/null
source "$ROOT/scripts/lib/env.sh"
# shellcheck source=/dev/null
source "$ROOT/scripts/lib/definitions.sh"

rabbitmq_definitions >"$RUNTIME_DIRECTORY/definitions.new"
mv "$RUNTIME_DIRECTORY/definitions.new" "$RUNTIME_DIRECTORY/definitions.json"
