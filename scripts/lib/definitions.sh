# shellcheck shell=bash
# RabbitMQ's users, permissions and policies, as the definitions file that the node loads at every start: generated from
# the code (crates/messages/topology.json), with the names and passwords of .env filled in. Passwords are in it as salted
# hashes only. There is no guest. NixOS machines import the same (nix/modules/broker.sh).

TOPOLOGY=$ROOT/crates/messages/topology.json

# rabbitmq_definitions [ADMIN_PASSWORD]: without a password there is no administrator. RABBITMQ_MAJOR is for which RabbitMQ:
# before 4.0 the policies keep a name that it does not know, and so ignores.
rabbitmq_definitions() {
    local text
    text=$(<"$TOPOLOGY") || exit 1
    ((${RABBITMQ_MAJOR:-0} < 4)) || text=${text/'"policies_of_rabbitmq_4"'/'"policies"'}
    (($# == 0)) || text=$(with_administrator "$text" "$1")
    fill_in "$text"
}

with_administrator() { # DEFINITIONS PASSWORD
    local hash
    hash=$(password_hash "$(random_hex 4)" "$2")
    local user='{"name": "admin", "tags": "administrator", "hashing_algorithm": "rabbit_password_hashing_sha256", "password_hash": "'$hash'"},'
    local may='{"user": "admin", "vhost": "@AMQP_VHOST@", "configure": ".*", "write": ".*", "read": ".*"},'
    local text=${1/'"users": ['/"\"users\": [$user"}
    printf '%s' "${text/'"permissions": ['/"\"permissions\": [$may"}"
}

# Once, from left to right: what a value holds is not a place to fill in.
fill_in() { # TEXT, where "@NAME@" stands for the variable NAME, and "@NAME_HASH@" for the hash of the password NAME
    local rest=$1 filled='' place value
    while [[ $rest =~ \"@([A-Z_]+)@\" ]]; do
        place=${BASH_REMATCH[0]}
        value=$(json_value "${BASH_REMATCH[1]}") || exit 1
        filled+=${rest%%"$place"*}$value
        rest=${rest#*"$place"}
    done
    printf '%s\n' "$filled$rest"
}

json_value() { # NAME of a variable, or NAME_HASH
    local password
    if [[ $1 == *_HASH ]]; then
        password=$(secret "${1%_HASH}") || exit 1
        json_string "$(password_hash "$(random_hex 4)" "$password")"
    else
        require_set "$1"
        json_string "${!1}"
    fi
}

json_string() { # TEXT without control characters
    [[ $1 != *[[:cntrl:]]* ]] || die "a name for RabbitMQ holds a control character"
    local text=${1//\\/\\\\}
    printf '"%s"' "${text//\"/\\\"}"
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
