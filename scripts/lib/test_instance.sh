# shellcheck shell=bash
# The instance that scripts/test starts: data folder, ports and settings of its own, so that a running system is not
# disturbed and a variable in the caller's environment decides nothing.

TEST_PORTS=(API_GATEWAY_PORT INVENTORY_APP_PORT BILLING_APP_PORT MOVIES_DB_PORT AMQP_PORT AMQP_MANAGEMENT_PORT AMQP_DIST_PORT AMQP_EPMD_PORT)

use_test_instance() { # DATA_FOLDER [PROFILE]
    local name
    for name in "${ENV_NAMES[@]}"; do unset "$name" "${name}_FILE"; done
    unset CRUD_MASTER_BIN # what is tested is built from this checkout
    load_env "$ROOT/.env"
    DATA=$1 MARKER=$1/.crud-master PROFILE=${2:-dev}
    export CRUD_MASTER_DATA=$DATA CRUD_MASTER_PROFILE=$PROFILE
    clear_leftovers
    choose_test_ports
    create_data
}

# A run that was killed may have left servers behind; their pid files are still there.
clear_leftovers() {
    ((EUID != 0)) || CRUD_MASTER_DATA=$DATA "$ROOT/scripts/tests/machines/run" clear >/dev/null
    [[ ! -e $MARKER ]] || "$ROOT/scripts/down" --wipe >/dev/null || die "an earlier run left $DATA behind, which cannot be stopped and deleted"
}

# The first free block of ports below the range from which the kernel takes ports for outgoing connections.
choose_test_ports() {
    local base i
    for ((base = 23000; base < 32000; base += 20)); do
        ports_free "$base" "${#TEST_PORTS[@]}" && break
    done
    for i in "${!TEST_PORTS[@]}"; do export "${TEST_PORTS[i]}=$((base + i))"; done
    export ORDERS_DB_PORT=$MOVIES_DB_PORT
}

ports_free() { # BASE COUNT
    local port
    for ((port = $1; port < $1 + $2; port++)); do ! port_taken "$port" || return 1; done
}

# How the tests of the crates find the servers.
export_test_servers() {
    local superuser admin
    superuser=postgres:$(own_secret postgres) admin=admin:$(own_secret rabbitmq)
    export TEST_POSTGRES_URL="postgres://$superuser@127.0.0.1:$MOVIES_DB_PORT/postgres"
    export TEST_RABBITMQ_URL="amqp://$admin@127.0.0.1:$AMQP_PORT" TEST_RABBITMQ_API="http://$admin@127.0.0.1:$AMQP_MANAGEMENT_PORT"
    export SYSTEM_ROOT=$ROOT
}
