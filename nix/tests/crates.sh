#!/usr/bin/env bash
# The tests of all crates in a build sandbox: the servers are started, found and stopped by the functions of scripts/, and
# cargo uses the profile for which the dependencies are compiled already. Run by the check `tests`, at the root of a copy.
set -euo pipefail
export CRUD_MASTER_DATA=$PWD/.data
# shellcheck source=scripts/lib/load.sh
source scripts/lib/load.sh
# shellcheck source=scripts/lib/test_instance.sh
source "$LIB/test_instance.sh"
# shellcheck source=scripts/lib/checks.sh
source "$LIB/checks.sh"

cargo() { command cargo "$1" ${CARGO_PROFILE:+--profile "$CARGO_PROFILE"} "${@:2}"; }

use_test_instance "$DATA/test"
trap system_stop EXIT
start_together postgres rabbitmq
export_test_servers
check_crates
