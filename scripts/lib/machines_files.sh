# shellcheck shell=bash
# What a machine finds in its file system beside that of this host: settings, names, commands. Written before it starts.

machine_files() { # NAME
    local folder=${FOLDER:?}/$1
    # shellcheck disable=SC2034 # the folder that create_data makes
    (DATA=$folder MARKER=$folder/.crud-master && create_data)
    mkdir -p -- "$folder"/{bin,etc,etc/crud-master,settings,service,home,pm2}
    chmod 700 -- "$folder/pm2" # pm2 keeps the environments of what it runs
    machine_settings "$1"
    machine_running "$1" || machine_commands "$1"
}

machine_running() { machine_pid "$1" >/dev/null; }

machine_settings() { # NAME
    local folder=$FOLDER/$1 settings facts service
    settings=$(table env "$1") && facts=$(table facts "$1") || exit 1
    (umask 077 && printf '%s\n' "$settings" >"$folder/settings/env.new")
    mv -- "$folder/settings/env.new" "$folder/settings/env"
    printf '%s\n' "$facts" >"$folder/facts"
    service=$(sed -n "s/^MACHINE_SERVICE='\(.*\)'$/\1/p" "$folder/facts")
    ln -sfn -- "$(service_binary "$service")" "$folder/service/$service"
}

# bin/ lies over /usr/local/bin on the machine, etc/ over /etc; neither may change while it runs.
machine_commands() { # NAME
    local folder=$FOLDER/$1 program
    rm -rf -- "${folder:?}/bin" "${folder:?}/etc"
    mkdir -p -- "$folder/bin" "$folder/etc/crud-master"
    printf '%s\n' "$1" >"$folder/etc/hostname"
    table hosts >"$folder/etc/hosts"
    wiring "$1" >"$folder/wiring"
    for program in "$folder"/service/*; do ln -s -- "/run/crud-master/service/${program##*/}" "$folder/bin/"; done
    # Debian's psql looks for clusters of Debian's: these are the server's own programs.
    for program in psql pg_dump pg_restore pg_isready; do ln -s -- "$(postgres_bindir)/$program" "$folder/bin/"; done
    machine_command service | command_file "$folder/bin/service"
    machine_command rabbitmqctl | command_file "$folder/bin/rabbitmqctl"
    pm2_command | command_file "$folder/bin/pm2"
    have sudo || command_file "$folder/bin/sudo" <"$LIB/machine_sudo"
}

command_file() { cat >"$1" && chmod 755 -- "$1"; } # FILE

machine_command() { printf '#!/bin/bash\nexec %q %s "$@"\n' "$LIB_PATH/machine" "$1"; } # VERB

# root's pm2: one daemon on the machine, whoever of root's shells asks.
pm2_command() {
    cat <<EOS
#!/bin/bash
((EUID == 0)) || { echo "pm2: the service belongs to root: sudo pm2 \$*" >&2; exit 1; }
export PM2_HOME=/run/crud-master/pm2 PM2_DISCRETE_MODE=true
cd /run/crud-master && exec $(printf '%q ' "$(readlink -f -- "$(command -v node)")" "$TOOLS/pm2/node_modules/pm2/bin/pm2") "\$@"
EOS
}
