# shellcheck shell=bash
# The machines of scripts/machines, seen from outside: each is one process (scripts/lib/machine_init) in namespaces of its
# own, and everything on it is that process's offspring. Which machine runs is asked of the kernel, so that nothing can go
# stale: the network namespace $PREFIX-NAME, and in it the process that is the first of its kind.

PREFIX=${CRUD_MASTER_MACHINES:-crud-master}
FOLDER=$DATA/machines # data of the machine NAME in $FOLDER/NAME
HOST=host             # the fourth namespace, from which the machines are used
ROOTS_PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

table() { ruby "$LIB/machines_table.rb" "$@"; }

read_names() { mapfile -t MACHINES < <(table names); ((${#MACHINES[@]} > 0)) || die "nix/machines.json names no machine"; }

require_machine() { # NAME
    local machine
    for machine in "${MACHINES[@]}"; do [[ $machine != "${1:-}" ]] || return 0; done
    die "there is no machine '${1:-}'; the machines are: ${MACHINES[*]}, and $HOST outside of them"
}

netns() { printf '%s' "$PREFIX-$1"; }
netns_exists() { [[ -e /run/netns/$(netns "$1") ]]; }

# Prints the pid of a machine's first process, whose number on the machine is 1.
machine_pid() { # NAME
    local pid
    netns_exists "$1" || return 1
    for pid in $(ip netns pids "$(netns "$1")" 2>/dev/null); do
        grep -qE '^NSpid:.*[[:space:]]1$' "/proc/$pid/status" 2>/dev/null && printf '%s' "$pid" && return 0
    done
    return 1
}

# Another checkout's machines have the same names, or ours another name; they are not ours to use or to end.
require_own() {
    local machine pid words ns
    for machine in "${MACHINES[@]}"; do
        if ns=$(running_as "$machine") && [[ $ns != "$(netns "$machine")" ]]; then
            die "$FOLDER/$machine is in use as $ns: set CRUD_MASTER_MACHINES=${ns%"-$machine"}, or CRUD_MASTER_DATA to another folder"
        fi
        pid=$(machine_pid "$machine") || continue
        mapfile -d '' words <"/proc/$pid/cmdline"
        [[ ${words[2]:-} == "$FOLDER/$machine" ]] ||
            die "$(netns "$machine") belongs to ${words[2]:-another program}: stop it there, or set CRUD_MASTER_MACHINES to another prefix"
    done
}

# Prints the network namespace of the process that has the data of a machine.
running_as() { # NAME
    local pid ns
    pid=$(DATA=$FOLDER pid_of "$1") || return 1
    for ns in /run/netns/*; do
        [[ $ns -ef /proc/$pid/ns/net ]] && printf '%s' "${ns##*/}" && return 0
    done
    return 1
}

machine_boot() { # NAME
    local name=$1 folder=$FOLDER/$1 pid i
    network_join "$name"
    (DATA=$FOLDER && launch "$name" nsenter --net="/run/netns/$(netns "$name")" \
        unshare --mount --uts --ipc --pid --fork --kill-child bash "$LIB_PATH/machine_init" "$folder" "$name")
    for ((i = 0; i < 100; i++)); do
        if pid=$(machine_pid "$name") && [[ -e /proc/$pid/root/run/booted ]]; then return 0; fi
        pause 0.05
    done
    die "$name does not start; see $FOLDER/log/$name.log: $(tail -n 1 -- "$FOLDER/log/$name.log")"
}

# inside NAME COMMAND...: as root on the machine, with the environment of a login there and none of ours.
inside() {
    local name=$1 pid
    shift
    pid=$(machine_pid "$name") || die "$name is not running: scripts/machines up"
    nsenter --target "$pid" --mount --uts --ipc --net --pid -- env -i -C /run/crud-master/home HOME=/run/crud-master/home \
        USER=root LOGNAME=root SHELL=/bin/bash LANG=C.UTF-8 TERM="${TERM:-dumb}" PATH="$ROOTS_PATH:$PATH" "$@"
}

# outside COMMAND...: in the fourth namespace, here, with the caller's environment.
outside() {
    netns_exists "$HOST" || die "the machines are not running: scripts/machines up"
    nsenter --net="/run/netns/$(netns "$HOST")" -- "$@"
}

machine_halt() { # NAME: what runs there ends in order, at most a minute; then the rest
    local pid
    if pid=$(machine_pid "$1"); then
        inside "$1" timeout 60 "$LIB_PATH/machine" down || warn "  $1 has not stopped in order: it is ended"
        machine_end "$pid"
        say "  $1 has stopped"
    else
        end_orphan "$1"
    fi
    network_leave "$1"
}

# A machine whose network namespace somebody has removed is not found through it; its data would get a second one.
end_orphan() { # NAME
    local pid
    pid=$(DATA=$FOLDER pid_of "$1") || return 0
    warn "  $1 has lost its network: it is ended"
    machine_end "$pid"
}

machine_end() { # PID: the kernel takes all other processes of the machine along
    local i
    kill -s KILL "$1" 2>/dev/null || true
    for ((i = 0; i < 100; i++)); do
        birth "$1" >/dev/null || return 0
        pause 0.1
    done
    die "process $1 does not end"
}
