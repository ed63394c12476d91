# shellcheck shell=bash
# RabbitMQ's users and what each may do, from .env, as the definitions file that the node loads at every start.
# Passwords are in it as salted hashes only. There is no guest. NixOS machines import the same (nix/modules/broker.sh).

# rabbitmq_definitions [ADMIN_PASSWORD]: without a password there is no administrator. RABBITMQ_MAJOR is for which RabbitMQ.
rabbitmq_definitions() {
    local vhost gateway billing admin='' admin_may=''
    vhost=$(json_string "$AMQP_VHOST") gateway=$(json_string "$GATEWAY_AMQP_USER") billing=$(json_string "$BILLING_AMQP_USER")
    local gateway_password billing_password
    gateway_password=$(secret GATEWAY_AMQP_PASSWORD) || exit 1
    billing_password=$(secret BILLING_AMQP_PASSWORD) || exit 1
    if (($# > 0)); then
        admin="{\"name\": \"admin\", $(password_fields "$1"), \"tags\": \"administrator\"},"
        admin_may="{\"user\": \"admin\", \"vhost\": $vhost, \"configure\": \".*\", \"write\": \".*\", \"read\": \".*\"},"
    fi
    cat <<EOS
{
  "vhosts": [{"name": $vhost}],
  "users": [
    $admin
    {"name": $gateway, $(password_fields "$gateway_password"), "tags": ""},
    {"name": $billing, $(password_fields "$billing_password"), "tags": ""}
  ],
  "permissions": [
    $admin_may
    {"user": $gateway, "vhost": $vhost, "configure": "^billing_queue$",
     "write": "^(amq\\\\.default|billing_queue)$", "read": "^$"},
    {"user": $billing, "vhost": $vhost, "configure": "^billing_queue(\\\\.dead)?$",
     "write": "^(amq\\\\.default|billing_queue(\\\\.dead)?)$", "read": "^billing_queue(\\\\.dead)?$"}
  ],
  "policies": [$(keep_every_message "$vhost")]
}
EOS
}

# From RabbitMQ 4.0 on, a quorum queue drops a message at its 21st delivery, and a consumer that dies counts. Before 4.0 there
# is no limit, and -1 would be one.
keep_every_message() { # VHOST_IN_JSON
    ((${RABBITMQ_MAJOR:-0} >= 4)) || return 0
    printf '{"vhost": %s, "name": "keep-every-message", "pattern": "^billing_queue(\\\\.dead)?$", "apply-to": "quorum_queues", "definition": {"delivery-limit": -1}}' "$1"
}

json_string() { # TEXT without control characters
    [[ $1 != *[[:cntrl:]]* ]] || die "a name for RabbitMQ holds a control character"
    local text=${1//\\/\\\\}
    printf '"%s"' "${text//\"/\\\"}"
}

password_fields() { # PASSWORD
    printf '"hashing_algorithm": "rabbit_password_hashing_sha256", "password_hash": "%s"' \
        "$(password_hash "$(random_hex 4)" "$1")"
}

# RabbitMQ's hash: base64(salt, sha256(salt, password)), the salt being four bytes. Nothing of it is ever an argument.
password_hash() { # SALT_HEX PASSWORD
    local digest
    digest=$({ hex_bytes "$1" && printf '%s' "$2"; } | sha256sum | cut -c1-64)
    hex_bytes "$1$digest" | base64 -w 0
}

hex_bytes() { # HEX
    local hex=$1 escaped=''
    while [[ -n $hex ]]; do escaped+=\\x${hex:0:2} hex=${hex:2}; done
    printf '%b' "$escaped"
}
