#!/usr/bin/env bash
# The file from which RabbitMQ learns its users: the hash is RabbitMQ's, names and passwords may hold anything, and every place
# of the topology is filled in.
set -euo pipefail
export CRUD_MASTER_DATA
CRUD_MASTER_DATA=$(mktemp -d)/data
# shellcheck source=scripts/tests/expect.bash
source "$(dirname "${BASH_SOURCE[0]}")/expect.bash"
create_data
trap 'rm -rf -- "$SCRATCH" "${DATA%/data}"' EXIT
admin=$(own_secret rabbitmq) # made once, and not by two sides of a pipe

# The example of RabbitMQ's own documentation.
expect_equal "the hash of a password" kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR "$(password_hash 908DC60A test12)"
expect_equal "a name in JSON" '"a\\b\"c/ö"' "$(json_string 'a\b"c/ö')"
expect_failure "a control character in a name" "control character" json_string $'a\nb'
# shellcheck disable=SC2034 # read by its name
expect_failure "an empty password" "GATEWAY_AMQP_PASSWORD is empty" eval 'GATEWAY_AMQP_PASSWORD=; rabbitmq_definitions'
expect_equal "no password is in the file" '' "$(rabbitmq_definitions "$admin" | grep -F -e "$GATEWAY_AMQP_PASSWORD" -e "$admin")"
expect_equal "an administrator only with a password" '' "$(rabbitmq_definitions | grep -F admin)"
expect_equal "no place is left to fill in" '' "$(rabbitmq_definitions "$admin" | grep -o '@[A-Z_]*@')"
expect_equal "what a value holds is not a place to fill in" 2 "$(GATEWAY_AMQP_USER=@AMQP_VHOST@ rabbitmq_definitions | grep -c '"@AMQP_VHOST@"')"
expect_equal "the policies from RabbitMQ 4 on" 1 "$(RABBITMQ_MAJOR=4 rabbitmq_definitions | grep -c '"policies": ')"
expect_equal "no policies before" '' "$(RABBITMQ_MAJOR=3 rabbitmq_definitions | grep '"policies": ')"
sed 's/billing_queue/other_queue/' "$TOPOLOGY" >"$SCRATCH/topology.json"
expect_equal "another topology restarts RabbitMQ" other \
    "$([[ $(part_settings rabbitmq) == "$(TOPOLOGY=$SCRATCH/topology.json part_settings rabbitmq)" ]] || echo other)"
TOPOLOGY=/nowhere expect_failure "no topology" /nowhere rabbitmq_definitions
