# shellcheck shell=bash
# What scripts/backup writes and scripts/restore reads: a dump of each database, and the definitions of RabbitMQ.

# pg_as PROGRAM PREFIX DATABASE [ARGS]: pg_dump or pg_restore, as the role of that database's service.
pg_as() {
    local program=$1 user=${2}_USER database=$3 password
    password=$(secret "${2}_PASSWORD")
    shift 3
    PGCONNECT_TIMEOUT=10 PGPASSWORD=$password env -u PGHOSTADDR -u PGSERVICE -u PGOPTIONS -u PGSSLMODE -u PGREQUIREAUTH \
        -u PGCHANNELBINDING "$BIN/$program" -h 127.0.0.1 -p "$MOVIES_DB_PORT" -U "${!user}" -d "$database" "$@"
}

# Named after what they hold, and not after the database, whose name may have changed when they are restored.
dump_in() { # FOLDER PREFIX
    local name=${2%_DB}
    printf '%s/%s.dump' "$1" "${name,,}"
}
definitions_in() { printf '%s/definitions.json' "$1"; } # FOLDER

# In a subshell: it changes the environment to that of the node.
rabbitmq_ctl() (
    server=$(rabbitmq_server) || die "RabbitMQ is not installed"
    rabbitmq_environment "$DATA/rabbitmq"
    exec "${server%/*}/rabbitmqctl" -q "$@"
)

require_servers() {
    local part
    for part in postgres rabbitmq; do
        running "$part" || die "$part is not running: scripts/service start $part"
    done
    postgres_need_bindir
}
