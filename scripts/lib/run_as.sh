# shellcheck shell=bash
# PostgreSQL refuses to run as root. RUN_AS is the command prefix under which it runs here, RUN_AS_OWNER the owner that
# its files need then. In order of preference, as root:
#   1. the system user `postgres` (or `nobody`), when it can reach the data folder;
#   2. a user namespace in which root's own files appear as that user's: for a checkout below /root, say;
#   3. that user with the one capability that lets it pass foreign folders: where namespaces are forbidden (containers).

# shellcheck disable=SC2034 # read by postgres.sh
choose_run_as() {
    local user uid
    RUN_AS=()
    RUN_AS_OWNER=$(id -u)
    ((RUN_AS_OWNER == 0)) || return 0
    user=$(id -un postgres 2>/dev/null || id -un nobody) || die "PostgreSQL refuses to run as root, and there is no user postgres or nobody"
    uid=$(id -u "$user")
    local plain=(setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups)
    local mapped=(unshare --user --map-user="$uid" --map-group="$(id -g "$user")")
    local capable=("${plain[@]}" --inh-caps=+dac_override --ambient-caps=+dac_override)
    if reaches_data "${plain[@]}"; then
        RUN_AS=("${plain[@]}") RUN_AS_OWNER=$uid
    elif reaches_data "${mapped[@]}"; then
        RUN_AS=("${mapped[@]}")
    elif reaches_data "${capable[@]}"; then
        RUN_AS=("${capable[@]}") RUN_AS_OWNER=$uid
    else
        die "PostgreSQL refuses to run as root, and user $user cannot reach $DATA: set CRUD_MASTER_DATA to a folder that it can reach"
    fi
}

# By doing it: access(2), which `test` asks, ignores capabilities.
reaches_data() { "$@" stat -- "$DATA/run/." >/dev/null 2>&1; }

# own PATH: gives it to the user of RUN_AS. The way may have changed since the last start (a folder's mode, a sudo).
own() {
    [[ $(stat -c %u -- "$1") == "$RUN_AS_OWNER" ]] && return 0
    ((EUID == 0)) || die "$1 belongs to another user: start as that user, or scripts/down --wipe"
    chown -R -- "$RUN_AS_OWNER" "$1"
}
