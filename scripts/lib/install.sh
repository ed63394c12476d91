# shellcheck shell=bash
# Brings in what is missing through the system's package manager, or says what to install. What is there is used as is.

# install_missing PACKAGE...: of the packages below, those whose programs are not found.
install_missing() {
    local package missing=()
    for package; do has_package "$package" || missing+=("$package"); done
    ((${#missing[@]} > 0)) || return 0
    local as_root=()
    if ((EUID != 0)); then as_root=(sudo -n); fi
    if ! have apt-get || ! "${as_root[@]}" true 2>/dev/null; then
        die "missing: ${missing[*]}. Install them (on Debian, as root: apt-get install ${missing[*]}), or enter nix develop"
    fi
    step "install ${missing[*]}" "${as_root[@]}" bash "$LIB/apt_install" "${missing[@]}"
    ((STEP_STATUS == 0)) || die "could not install ${missing[*]}"
    hash -r
    for package in "${missing[@]}"; do
        has_package "$package" || die "$package was installed, but is too old or not where it is looked for"
    done
}

has_package() {
    case $1 in
        postgresql) postgres_bindir >/dev/null ;;
        rabbitmq-server) rabbitmq_server >/dev/null ;;
        gcc) have cc ;;
        libc6-dev) [[ -e /usr/include/stdlib.h ]] || ! have apt-get ;;
        nodejs) have node ;;
        nginx-light) have nginx ;;
        vagrant-libvirt) vagrant plugin list 2>/dev/null | grep -q "^$1 " ;;
        iproute2) have ip ;;
        iptables) have iptables-restore ;;
        procps) have ps ;;
        qemu-utils) have qemu-img ;;
        python3-venv) python3 -c 'import venv, ensurepip' 2>/dev/null ;;
        *) have "$1" ;;
    esac
}

require_cargo() {
    have cargo || PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
    have cargo || die "cargo is missing: install the Rust toolchain from https://rustup.rs, or enter nix develop"
}
