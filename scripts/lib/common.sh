# shellcheck shell=bash
# What every script stands on: where things are, how a script speaks, how it measures. Sourced first by each of them.
# shellcheck disable=SC2034  # ROOT and DATA are read by the files that source this one

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
DATA=$(realpath -m -- "${CRUD_MASTER_DATA:-$ROOT/.data}")
MARKER=$DATA/.crud-master # only a folder that holds it is ours to write and to delete

say() { printf '%s\n' "$*"; }
warn() { printf '%s\n' "$*" >&2; }
die() { # one line to stderr; ends the (sub)shell even where `set -e` is suspended
    warn "${0##*/}: $*"
    exit 1
}

# COMMAND runs last, whether the script ends by itself or by a signal.
on_exit() { # COMMAND
    # shellcheck disable=SC2064 # the command is known now
    trap "$1" EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
}

# Prints the comment at the head of the running script: its --help.
usage() { sed -n '2,/^[^#]/{/^# shellcheck/d;s/^# \{0,1\}//p}' "$0"; }

have() { command -v "$1" >/dev/null 2>&1; }

now_ms() { # EPOCHREALTIME is "seconds<separator>microseconds", and the separator follows the locale
    local now=${EPOCHREALTIME//[!0-9]/}
    printf '%s' "${now%???}"
}

seconds_since() { # START_MS: "3.4"
    local ms=$(($(now_ms) - $1))
    printf '%d.%d' $((ms / 1000)) $((ms % 1000 / 100))
}

# Sleeps inside the shell: no child process that outlives a killed loop and keeps our output open.
exec {NEVER}<> <(:)
pause() { read -rt "$1" -u "$NEVER" || true; }

create_data() {
    if [[ ! -e $MARKER ]]; then
        [[ ! -d $DATA || -z $(ls -A -- "$DATA") ]] || die "$DATA is not empty and not ours: set CRUD_MASTER_DATA to another folder"
    fi
    mkdir -p -- "$DATA" "$DATA/log" "$DATA/run" || die "cannot write in $DATA"
    (umask 077 && mkdir -p -- "$DATA/secrets")
    : >"$MARKER"
}

random_hex() { od -An -N "$1" -tx1 /dev/urandom | tr -d ' \n'; } # BYTES

# Prints the secret $DATA/secrets/NAME; makes it on first use.
own_secret() {
    local file=$DATA/secrets/$1
    [[ -s $file ]] || (umask 077 && random_hex 24 >"$file")
    printf '%s' "$(<"$file")"
}
