# shellcheck shell=bash
# nix run [-- --detach]: starts the whole system on this machine, as scripts/up does; SERVICES and SOURCE are set by the flake.
#
# In a checkout it is that checkout's scripts/up, with its .env and its .data. Elsewhere .env, scripts/ and RabbitMQ's topology
# are copied to $CRUD_MASTER_HOME (~/.local/share/crud-master), where the settings can be changed and scripts/down, service and
# psql be called. A .env that is there already stays, and gets the settings that it lacks.

if [[ ! -x scripts/up || ! -f flake.nix ]]; then
    home=${CRUD_MASTER_HOME:-${XDG_DATA_HOME:-$HOME/.local/share}/crud-master}
    mkdir -p -- "$home"
    [[ -e $home/.env ]] || install -m 600 -- "$SOURCE/.env" "$home/.env"
    # What an earlier version did not know.
    while IFS= read -r setting; do
        grep -q "^${setting%%=*}=" "$home/.env" || printf '%s\n' "$setting" >>"$home/.env"
    done < <(grep -E '^[A-Z_]+=' "$SOURCE/.env")
    rm -rf -- "$home/scripts"
    cp -r -- "$SOURCE/scripts" "$home/scripts"
    chmod -R u+w -- "$home/scripts"
    install -D -m 644 -- "$SOURCE/crates/messages/topology.json" "$home/crates/messages/topology.json"
    echo "settings, data and scripts are in $home"
    cd -- "$home" || exit
fi
export CRUD_MASTER_BIN=$SERVICES
exec scripts/up "$@"
