# shellcheck shell=bash
# Builds the services. A build that is up to date takes a fraction of a second. Where CRUD_MASTER_BIN names a folder with
# the binaries, as `nix run` does, nothing is built and nothing for building is needed.

# The packages that a build needs.
build_packages() { [[ -n ${CRUD_MASTER_BIN:-} ]] || echo gcc libc6-dev; }

prepare_build() {
    if [[ -z ${CRUD_MASTER_BIN:-} ]]; then require_cargo; fi
}

build_services() {
    if [[ -n ${CRUD_MASTER_BIN:-} ]]; then ln -sfn -- "$CRUD_MASTER_BIN" "$DATA/services" && return 0; fi
    rm -f -- "$DATA/services"
    run_cargo_build
}

run_cargo_build() {
    local arguments=(build --locked --profile "$PROFILE")
    case $PROFILE in
        # The whole workspace chooses the features, those of the tests with it because of the example: after
        # `cargo test --workspace` nothing is compiled again.
        dev) arguments+=(--workspace --bins --example requests) ;;
        quick | release) arguments+=(-p inventory-app -p billing-app -p api-gateway) ;;
        *) die "CRUD_MASTER_PROFILE is '$PROFILE': it must be quick, release or dev" ;;
    esac
    # The bar says what cargo is at after its last "Compiling", too: `heartbeat` shows it.
    CARGO_TERM_PROGRESS_WHEN=always CARGO_TERM_PROGRESS_WIDTH=160 step "build the services ($PROFILE)" build_in_root "${arguments[@]}"
    ((STEP_STATUS == 0)) || die "the build failed"
}

# cargo never runs as root in somebody else's checkout.
build_in_root() {
    cd "$ROOT" || return
    if ((EUID != 0)) || [[ -O $ROOT ]]; then
        cargo "$@"
    else
        runuser -u "$(stat -c %U -- "$ROOT")" -- env HOME="$(home_of_owner)" cargo "$@"
    fi
}

home_of_owner() { getent passwd "$(stat -c %u -- "$ROOT")" | cut -d: -f6; }
