# shellcheck shell=bash
# root's pm2 on a machine: speaks to the pm2 inside the service's unit, and never starts another one beside it.
# UNIT and HOME_OF_UNIT are set by the module; it is wrapped in a strict shell with the real pm2 on PATH.

if ((EUID != 0)); then
    echo "pm2: the service belongs to root: sudo pm2 $*" >&2
    exit 1
fi
case ${1:-} in
    kill | update)
        echo "pm2: it is $UNIT.service that runs pm2 here: systemctl stop $UNIT, or restart" >&2
        exit 1
        ;;
esac
if ! systemctl is-active --quiet "$UNIT.service"; then
    echo "pm2: $UNIT.service is not running, and pm2 runs inside it: systemctl status $UNIT" >&2
    exit 1
fi
export HOME=$HOME_OF_UNIT PM2_HOME=$HOME_OF_UNIT/pm2
cd "$HOME_OF_UNIT" || exit
# As the service's user: a file of root's in there would keep the unit from its next start.
exec setpriv --reuid="$UNIT" --regid="$UNIT" --clear-groups pm2 "$@"
