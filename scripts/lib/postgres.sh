# shellcheck shell=bash
# This project's own PostgreSQL: one instance on 127.0.0.1:MOVIES_DB_PORT with the databases of both services. Data in
# $DATA/postgres, the superuser's password in $DATA/secrets/postgres, no Unix socket, a password for every connection.

POSTGRES_OLDEST=13
POSTGRES_SOCKETS=''                # folder of the Unix socket; a machine of scripts/machines has one,
POSTGRES_SOCKET_AUTH=scram-sha-256 # and lets its users in by their names

# Prints the folder of the server's programs: on PATH, else the newest of Debian's; of the version that made the data.
postgres_bindir() {
    local dir wanted=''
    [[ -r $DATA/postgres/PG_VERSION ]] && wanted=$(<"$DATA/postgres/PG_VERSION")
    while read -r dir; do
        postgres_fits "$dir" "$wanted" && printf '%s' "$dir" && return 0
    done < <(postgres_candidates)
    return 1
}

postgres_candidates() {
    local found
    found=$(command -v postgres) && dirname -- "$(readlink -f -- "$found")"
    printf '%s\n' /usr/lib/postgresql/*/bin | sort -t/ -k5 -rn
}

postgres_fits() { # DIR WANTED_MAJOR
    local major
    [[ -x $1/initdb && -x $1/postgres && -x $1/pg_isready && -x $1/psql ]] || return 1
    major=$("$1/postgres" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
    ((major >= POSTGRES_OLDEST)) && [[ -z $2 || $major == "$2" ]]
}

postgres_need_bindir() { # sets BIN
    BIN=$(postgres_bindir) && return 0
    if [[ -r $DATA/postgres/PG_VERSION ]]; then
        die "the data in $DATA/postgres need PostgreSQL $(<"$DATA/postgres/PG_VERSION"), which is not installed: install it, or scripts/down --wipe"
    fi
    die "PostgreSQL (at least $POSTGRES_OLDEST, with initdb and psql) is not installed: scripts/up installs it, or says how"
}

postgres_settings() { # one NAME=VALUE a line; everything that differs from the server's own defaults
    cat <<EOS
listen_addresses=127.0.0.1
port=$MOVIES_DB_PORT
unix_socket_directories=$POSTGRES_SOCKETS
cluster_name=crud-master
max_connections=200
max_wal_size=512MB
fsync=on
synchronous_commit=on
full_page_writes=on
password_encryption=scram-sha-256
jit=off
timezone=UTC
log_timezone=UTC
log_destination=stderr
logging_collector=off
log_checkpoints=off
log_line_prefix=%m [%p] %u@%d%x20
EOS
}

postgres_check() {
    require_loopback MOVIES_DB_HOST ORDERS_DB_HOST
    require_set MOVIES_DB_NAME MOVIES_DB_USER ORDERS_DB_NAME ORDERS_DB_USER
    [[ $MOVIES_DB_PORT == "$ORDERS_DB_PORT" ]] || die "MOVIES_DB_PORT and ORDERS_DB_PORT differ: here one PostgreSQL holds both databases"
    [[ $MOVIES_DB_USER != postgres && $ORDERS_DB_USER != postgres ]] || die "MOVIES_DB_USER or ORDERS_DB_USER is postgres, the superuser's name: choose another"
}

postgres_start() {
    local settings=() line
    postgres_need_bindir
    choose_run_as
    [[ -d $DATA/postgres ]] || postgres_create
    own "$DATA/postgres"
    postgres_forget_crash
    while read -r line; do settings+=(-c "${line//%x20/ }"); done < <(postgres_settings)
    (cd "$DATA" && launch postgres "${RUN_AS[@]}" "$BIN/postgres" -D "$DATA/postgres" "${settings[@]}")
}

# Made in a folder aside and renamed when whole: an interrupted first start leaves nothing half made.
postgres_create() {
    local new=$DATA/postgres.new password=$DATA/postgres.password
    rm -rf -- "$new"
    (umask 077 && mkdir -- "$new" && own_secret postgres >"$password")
    own "$new"
    own "$password"
    (cd "$DATA" && "${RUN_AS[@]}" "$BIN/initdb" --pgdata="$new" --username=postgres --pwfile="$password" \
        --auth-host=scram-sha-256 --auth-local="$POSTGRES_SOCKET_AUTH" --encoding=UTF8 --locale=C.UTF-8 --data-checksums) >>"$(log_file postgres)" 2>&1 ||
        die "initdb failed; the end of $(log_file postgres): $(tail -n 3 -- "$(log_file postgres)")"
    rm -f -- "$password"
    mv -- "$new" "$DATA/postgres"
}

# After a SIGKILL the server's own pid file is left. It may name a zombie, or a pid that is another program's by now.
postgres_forget_crash() {
    local pid file=$DATA/postgres/postmaster.pid
    { read -r pid <"$file"; } 2>/dev/null || return 0
    if birth "$pid" >/dev/null && [[ $(cat "/proc/$pid/comm") == postgres ]]; then return 0; fi
    rm -f -- "$file"
}

postgres_ready() { "$(postgres_bindir)/pg_isready" -q -t 2 -U postgres -d postgres -h 127.0.0.1 -p "$MOVIES_DB_PORT"; }

# psql_as USER DATABASE PASSWORD [ARGS]: the password travels in the environment, never in the arguments.
psql_as() {
    local user=$1 database=$2 password=$3
    shift 3
    PGCONNECT_TIMEOUT=10 PGPASSWORD=$password env -u PGHOSTADDR -u PGSERVICE -u PGOPTIONS -u PGSSLMODE -u PGREQUIREAUTH \
        -u PGCHANNELBINDING "$BIN/psql" -h 127.0.0.1 -p "$MOVIES_DB_PORT" -U "$user" -d "$database" "$@"
}
