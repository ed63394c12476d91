# shellcheck shell=bash
# Reads .env as the services read it (dotenvy): a variable that is set wins, the first of two lines wins, nothing is
# evaluated. What the two readers could understand differently (`$` and `\` outside of single quotes) is refused.

ENV_NAMES=()

load_env() { # FILE
    local file=$1 line number=0
    [[ -r $file ]] || die "$file cannot be read: every address, port and credential comes from there"
    ENV_NAMES=()
    while IFS= read -r line || [[ -n $line ]]; do
        number=$((number + 1))
        parse_env_line "$line" || die "$file, line $number: cannot be read; write NAME=value or NAME='any value'"
    done <"$file"
}

parse_env_line() {
    local line=$1 name value
    [[ $line =~ ^[[:space:]]*(#.*)?$ ]] && return 0
    [[ $line =~ ^[[:space:]]*(export[[:space:]]+)?([A-Za-z_][A-Za-z0-9_]*)[[:space:]]*=[[:space:]]*(.*)$ ]] || return 1
    name=${BASH_REMATCH[2]}
    value=$(env_value "${BASH_REMATCH[3]}") || return 1
    ENV_NAMES+=("$name")
    [[ -v $name ]] || export "$name=$value"
}

env_value() { # RAW: the value, without quotes and comment
    local single="^'([^']*)'([[:space:]]+#.*)?$" double='^"([^"$\\]*)"([[:space:]]+#.*)?$' raw=$1
    raw=${raw%"${raw##*[![:space:]]}"}
    case $raw in
        \'*) [[ $raw =~ $single ]] && printf '%s' "${BASH_REMATCH[1]}" ;;
        \"*) [[ $raw =~ $double ]] && printf '%s' "${BASH_REMATCH[1]}" ;;
        '#'*) ;;
        *)
            raw=${raw%%[[:space:]]#*}
            raw=${raw%"${raw##*[![:space:]]}"}
            [[ $raw != *[[:space:]\'\"\\\$]* ]] && printf '%s' "$raw"
            ;;
    esac
}

# Prints the secret NAME: the content of the file that NAME_FILE names, else the value of NAME.
secret() {
    local name=$1 file_name=${1}_FILE
    if [[ -n ${!file_name:-} ]]; then
        [[ -r ${!file_name} ]] || die "$file_name names ${!file_name}, which cannot be read"
        printf '%s' "$(<"${!file_name}")"
    else
        [[ -n ${!name:-} ]] || die "$name is empty: set it in .env or in the environment"
        printf '%s' "${!name}"
    fi
}

require_set() { # NAME...
    local name
    for name; do [[ -n ${!name:-} ]] || die "$name is empty: set it in .env or in the environment"; done
}

# The scripts run everything on this machine, so every host must be this one.
require_loopback() {
    local name
    for name; do
        case ${!name:-} in
            127.0.0.1 | localhost) ;;
            *) die "$name is '${!name:-}': the scripts start their servers on this machine, on 127.0.0.1" ;;
        esac
    done
}
