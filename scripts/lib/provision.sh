# shellcheck shell=bash
# Roles and databases of the services, made or brought up to date from .env.

POSTGRES_DATABASES=(MOVIES_DB ORDERS_DB) # the prefixes of their variables

postgres_provision() {
    local prefix
    postgres_need_bindir
    [[ -s $DATA/secrets/postgres ]] || die "$DATA/secrets/postgres is gone, and the data need it: put it back, or scripts/down --wipe"
    for prefix in "${POSTGRES_DATABASES[@]}"; do provision "$prefix"; done
}

provision() { # PREFIX: MOVIES_DB, ORDERS_DB
    local user=${1}_USER name=${1}_NAME password
    password=$(secret "${1}_PASSWORD") || exit 1
    ROLE_PASSWORD=$password psql_as postgres postgres "$(own_secret postgres)" -X -q -A -t \
        -v role="${!user}" -v database="${!name}" -f "$ROOT/scripts/sql/provision.sql" >>"$(log_file postgres)" ||
        die "the role and database of ${!user} could not be made; see above"
}
