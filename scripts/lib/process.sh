# shellcheck shell=bash
# Processes of ours: started detached, known by a pid file that is never believed blindly.
#
# $DATA/run/NAME.pid holds the pid of the real process. NAME.started beside it holds when the kernel started that
# process: a pid that was given to somebody else since then is not ours.

log_file() { printf '%s' "$DATA/log/$1.log"; }

# Prints the start time of a live PID in clock ticks since boot; fails for none and for a zombie. A zombie with threads
# is alive: after a SIGKILL on busy CPUs the first thread ends before the others, which hold the ports until they end.
birth() {
    local stat fields
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
    read -ra fields <<<"${stat##*) }" # the name in parentheses may hold spaces
    [[ ${fields[0]} != [ZX] || ${fields[17]} -gt 1 ]] || return 1
    printf '%s' "${fields[19]}"
}

# Prints the pid of the part NAME when it runs.
pid_of() {
    local pid born=''
    { read -r pid <"$DATA/run/$1.pid" && read -r born <"$DATA/run/$1.started"; } 2>/dev/null || return 1
    [[ -n $pid && -n $born && $(birth "$pid") == "$born" ]] || return 1
    printf '%s' "$pid"
}

running() { pid_of "$1" >/dev/null; }

remember() { # NAME PID
    local born
    born=$(birth "$2") || return 1
    printf '%s\n' "$born" >"$DATA/run/$1.started"
    printf '%s\n' "$2" >"$DATA/run/$1.pid"
}

forget() { rm -f -- "$DATA/run/$1.pid" "$DATA/run/$1.started" "$DATA/run/$1.settings"; } # NAME

# launch NAME COMMAND...: detached from this terminal and its signals, output to the log, pid remembered.
launch() {
    local name=$1 log
    shift
    log=$(log_file "$name")
    if [[ $(stat -c %s -- "$log" 2>/dev/null || echo 0) -gt 16000000 ]]; then mv -f -- "$log" "$log.1"; fi
    (close_files && exec setsid env --default-signal=INT,QUIT,PIPE "$@") </dev/null >>"$log" 2>&1 &
    local pid=$!
    disown "$pid" # nobody is to report its end
    remember "$name" "$pid" || die "$name ended at once; see $log"
}

# What lives on must hold nothing of its starter: no lock, and no pipe whose reader waits for the end.
close_files() {
    local file
    for file in /proc/self/fd/*; do
        file=${file##*/}
        ((file <= 2)) || exec {file}>&-
    done
}

children_of() { # PID: their pids in one line
    local stat fields found=()
    for stat in /proc/[0-9]*; do
        { read -r stat <"$stat/stat"; } 2>/dev/null || continue
        read -ra fields <<<"${stat##*) }"
        [[ ${fields[1]} != "$1" ]] || found+=("${stat%% *}")
    done
    printf '%s' "${found[*]}"
}

wait_gone() { # NAME TENTHS: false when it still runs after that many tenths of a second
    local i
    for ((i = 0; i < $2; i++)); do
        running "$1" || return 0
        pause 0.1
    done
    ! running "$1"
}

# stop_process NAME SIGNAL: a polite signal, 20 seconds, then SIGKILL.
stop_process() {
    local name=$1 pid
    pid=$(pid_of "$name") || { forget "$name" && return 0; }
    kill -s "$2" "$pid" 2>/dev/null || true
    if ! wait_gone "$name" 200; then
        warn "  $name has not stopped within 20 s: killed"
        kill_process "$name"
    fi
    forget "$name"
}

# SIGKILL to the process and to its children (the backends of PostgreSQL would linger on the shared memory).
kill_process() { # NAME
    local pid children
    pid=$(pid_of "$1") || { forget "$1" && return 0; }
    children=$(children_of "$pid")
    # shellcheck disable=SC2086 # one pid a word
    kill -s KILL "$pid" $children 2>/dev/null || true
    wait_gone "$1" 100 || die "$1 (pid $pid) does not end"
    forget "$1"
}

# with_lock NAME COMMAND...: one start or stop of a part at a time. Runs in a subshell.
with_lock() {
    local name=$1
    shift
    (
        flock -w 120 9 || die "another command has been busy with $name for two minutes"
        "$@"
    ) 9>"$DATA/run/$name.lock"
}
