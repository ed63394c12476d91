# shellcheck shell=bash
# Builds the services. A build that is up to date takes a fraction of a second.

build_services() {
    local arguments=(build --locked)
    case $PROFILE in
        # The whole workspace chooses the features, as in `cargo test --workspace`: nothing is compiled twice.
        dev) arguments+=(--workspace --bins) ;;
        release) arguments+=(--release -p inventory-app -p billing-app -p api-gateway) ;;
        *) die "CRUD_MASTER_PROFILE is '$PROFILE': it must be release or dev" ;;
    esac
    step "build the services ($PROFILE)" build_in_root "${arguments[@]}"
    ((STEP_STATUS == 0)) || die "the build failed"
}

build_in_root() { cd "$ROOT" && cargo "$@"; }
