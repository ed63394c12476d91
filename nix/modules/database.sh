# shellcheck shell=bash
# Makes the role and the database that PREFIX_USER and PREFIX_NAME name, or brings them up to date. Runs as postgres after
# PostgreSQL, with SCRIPTS and PREFIX set by the module; again at every boot, so that a changed password takes effect.

# shellcheck source=/dev/null
source "$SCRIPTS/lib/common.sh"
# shellcheck source=/dev/null
source "$SCRIPTS/lib/env.sh"

role=${PREFIX}_USER database=${PREFIX}_NAME
require_set "$role" "$database"
ROLE_PASSWORD=$(secret "${PREFIX}_PASSWORD")
export ROLE_PASSWORD
psql -X -q -A -t -d postgres -v role="${!role}" -v database="${!database}" -f "$SCRIPTS/sql/provision.sql"
