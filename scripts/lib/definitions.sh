# shellcheck shell=bash
# RabbitMQ's users and what each may do, from .env, as the definitions file that the node loads at every start.
# Passwords are in it as salted hashes only. There is no guest.

rabbitmq_definitions() {
    local vhost gateway billing
    vhost=$(json_string "$AMQP_VHOST") gateway=$(json_string "$GATEWAY_AMQP_USER") billing=$(json_string "$BILLING_AMQP_USER")
    local gateway_password billing_password
    gateway_password=$(secret GATEWAY_AMQP_PASSWORD) || exit 1
    billing_password=$(secret BILLING_AMQP_PASSWORD) || exit 1
    cat <<EOS
{
  "vhosts": [{"name": $vhost}],
  "users": [
    {"name": "admin", $(password_fields "$(own_secret rabbitmq)"), "tags": "administrator"},
    {"name": $gateway, $(password_fields "$gateway_password"), "tags": ""},
    {"name": $billing, $(password_fields "$billing_password"), "tags": ""}
  ],
  "permissions": [
    {"user": "admin", "vhost": $vhost, "configure": ".*", "write": ".*", "read": ".*"},
    {"user": $gateway, "vhost": $vhost, "configure": "^billing_queue$",
     "write": "^(amq\\\\.default|billing_queue)$", "read": "^$"},
    {"user": $billing, "vhost": $vhost, "configure": "^billing_queue(\\\\.dead)?$",
     "write": "^(amq\\\\.default|billing_queue(\\\\.dead)?)$", "read": "^billing_queue(\\\\.dead)?$"}
  ]
}
EOS
}

json_string() { # TEXT without control characters
    [[ $1 != *[[:cntrl:]]* ]] || die "a name for RabbitMQ holds a control character"
    local text=${1//\\/\\\\}
    printf '"%s"' "${text//\"/\\\"}"
}

# RabbitMQ's hash: base64(salt, sha256(salt, password)), with four random bytes of salt.
password_fields() { # PASSWORD
    local salt digest
    salt=$(random_hex 4)
    digest=$({ hex_bytes "$salt" && printf '%s' "$1"; } | sha256sum | cut -c1-64)
    printf '"hashing_algorithm": "rabbit_password_hashing_sha256", "password_hash": "%s"' \
        "$(hex_bytes "$salt$digest" | base64 -w 0)"
}

hex_bytes() { # HEX
    local hex=$1 escaped=''
    while [[ -n $hex ]]; do escaped+=\\x${hex:0:2} hex=${hex:2}; done
    printf '%b' "$escaped"
}
