# shellcheck shell=bash
# Everything that a script about the running system needs, in one line. Ends with the settings of .env loaded.

LIB=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=scripts/lib/common.sh
source "$LIB/common.sh"
# shellcheck source=scripts/lib/env.sh
source "$LIB/env.sh"
# shellcheck source=scripts/lib/steps.sh
source "$LIB/steps.sh"
# shellcheck source=scripts/lib/ports.sh
source "$LIB/ports.sh"
# shellcheck source=scripts/lib/process.sh
source "$LIB/process.sh"
# shellcheck source=scripts/lib/run_as.sh
source "$LIB/run_as.sh"
# shellcheck source=scripts/lib/postgres.sh
source "$LIB/postgres.sh"
# shellcheck source=scripts/lib/provision.sh
source "$LIB/provision.sh"
# shellcheck source=scripts/lib/definitions.sh
source "$LIB/definitions.sh"
# shellcheck source=scripts/lib/rabbitmq.sh
source "$LIB/rabbitmq.sh"
# shellcheck source=scripts/lib/epmd.sh
source "$LIB/epmd.sh"
# shellcheck source=scripts/lib/services.sh
source "$LIB/services.sh"
# shellcheck source=scripts/lib/parts.sh
source "$LIB/parts.sh"
# shellcheck source=scripts/lib/system.sh
source "$LIB/system.sh"

load_env "$ROOT/.env"
