# shellcheck shell=bash
# This project's own RabbitMQ node, crud_master_<AMQP_PORT>@localhost: everything it reads and writes, cookie included,
# is below $DATA/rabbitmq, and everything it opens is on loopback. It takes the node name, the port mapper and the
# distribution port of .env, so that it lives beside any other node.

RABBITMQ_OLDEST=3.10
RABBITMQ_LISTEN=127.0.0.1 # a machine of scripts/machines is open to others, and its firewall says to whom

# Prints the server's start script. Debian's wrapper on PATH would insist on its own user and folders: step behind it.
rabbitmq_server() {
    local found
    found=$(PATH=$PATH:/usr/sbin command -v rabbitmq-server) || return 1
    found=$(readlink -f -- "$found")
    [[ $found != */rabbitmq-script-wrapper ]] || found=${found%/*}/rabbitmq-server
    found=$(readlink -f -- "$found")
    [[ -x $found ]] && rabbitmq_new_enough "$found" && printf '%s' "$found"
}

rabbitmq_new_enough() { # PATH, which holds the version nearly everywhere (…/rabbitmq_server-3.10.8/…)
    [[ $1 =~ rabbitmq[_-]server-([0-9]+\.[0-9]+) ]] || return 0
    [[ $(printf '%s\n' "$RABBITMQ_OLDEST" "${BASH_REMATCH[1]}" | sort -V | head -n 1) == "$RABBITMQ_OLDEST" ]]
}

rabbitmq_check() {
    [[ $RABBITMQ_LISTEN != 127.0.0.1 ]] || require_loopback AMQP_HOST
    rabbitmq_definitions >/dev/null # every name and password is there
    rabbitmq_check_epmd_port
}

rabbitmq_start() {
    local home=$DATA/rabbitmq server
    server=$(rabbitmq_server) || die "RabbitMQ (at least $RABBITMQ_OLDEST) is not installed: scripts/up installs it, or says how"
    (umask 077 && mkdir -p -- "$home/data" "$home/log")
    rabbitmq_cookie "$home/.erlang.cookie"
    rabbitmq_config >"$home/rabbitmq.conf"
    printf '[rabbitmq_management].\n' >"$home/enabled_plugins"
    [[ ! $server =~ rabbitmq[_-]server-([0-9]+) ]] || export RABBITMQ_MAJOR=${BASH_REMATCH[1]}
    (umask 077 && rabbitmq_definitions "$(own_secret rabbitmq)" >"$home/definitions.json") || exit 1
    (cd "$home" && rabbitmq_environment "$home" && launch rabbitmq "$server")
}

rabbitmq_cookie() { # FILE
    [[ -s $1 ]] || (umask 077 && random_hex 24 >"$1" && chmod 400 "$1")
}

# RUNNING_UNDER_SYSTEMD makes the start script become the Erlang machine, instead of its parent: the pid is the node's.
rabbitmq_environment() { # HOME
    export HOME=$1 RUNNING_UNDER_SYSTEMD=true
    export RABBITMQ_NODENAME=crud_master_$AMQP_PORT@localhost RABBITMQ_DIST_PORT=$AMQP_DIST_PORT
    export ERL_EPMD_PORT=$AMQP_EPMD_PORT ERL_EPMD_ADDRESS=127.0.0.1
    export RABBITMQ_MNESIA_BASE=$1/data RABBITMQ_LOG_BASE=$1/log RABBITMQ_LOGS=-
    export RABBITMQ_CONF_ENV_FILE=$1/rabbitmq-env.conf RABBITMQ_CONFIG_FILE=$1/rabbitmq.conf
    export RABBITMQ_CONFIG_FILES=$1/conf.d RABBITMQ_ADVANCED_CONFIG_FILE=$1/advanced.config
    export RABBITMQ_ENABLED_PLUGINS_FILE=$1/enabled_plugins
    export RABBITMQ_SCHEDULER_BIND_TYPE=u # cores are shared with the services: nothing may be nailed to one
    export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='+sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}'
}

rabbitmq_config() {
    cat <<EOS
listeners.tcp.1 = $RABBITMQ_LISTEN:$AMQP_PORT
management.tcp.ip = 127.0.0.1
management.tcp.port = $AMQP_MANAGEMENT_PORT
load_definitions = $DATA/rabbitmq/definitions.json
log.file = false
log.console = true
log.console.level = info
vm_memory_high_watermark.absolute = $(rabbitmq_memory_limit)MiB
disk_free_limit.absolute = 200MB
raft.wal_max_size_bytes = 67108864
EOS
}

rabbitmq_memory_limit() { # in MiB: two fifths of the machine, at most one GiB
    local kib
    kib=$(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo)
    printf '%d' $((kib * 2 / 5 / 1024 < 1024 ? kib * 2 / 5 / 1024 : 1024))
}

# Ready when it accepts AMQP connections and knows its users.
rabbitmq_ready() {
    rabbitmq_note_epmd
    rabbitmq_api "/api/health/checks/port-listener/$AMQP_PORT" >/dev/null
}

rabbitmq_api() { # PATH: GET as admin
    curl -fsS -m 2 -K - "http://127.0.0.1:$AMQP_MANAGEMENT_PORT$1" <<<"user = \"admin:$(own_secret rabbitmq)\"" 2>/dev/null
}
