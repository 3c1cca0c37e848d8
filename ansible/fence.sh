#!/bin/sh
# One run at a time on this host, and never an older one.
#
#   fence.sh acquire FENCE PLAN                 before a run: stamp the host, unless a higher or equal fence has
#   fence.sh run FENCE [-u USER] COMMAND ...    every command of the run: only under its own stamp, only one at a time
#
# A worker that was killed leaves its ansible-playbook behind. Its next command finds a newer stamp and is refused;
# a command of it that is still running holds the lock, and the newer run waits for it and then is refused itself.
# The folder of this file must belong to root and to nobody else. Exit: 75 busy, 76 fenced off, else the command's own.
set -eu
umask 077

readonly BUSY=75 FENCED=76
readonly WAIT=5 # seconds; longer than a module's start, shorter than the lease of the run that waits

refuse() {
    echo "aiops-fence: $2" >&2
    exit "$1"
}

folder=${0%/*}
verb=$1
fence=$2
case $fence in
    '' | *[!0-9]*) refuse $FENCED "'$fence' is no fence" ;;
esac

exec 9>>"$folder/lock"
flock -w $WAIT 9 || refuse $BUSY "a command of another run is still working on this host"

stamped=0
holder=
if [ -e "$folder/stamp" ]; then
    read -r stamped holder <"$folder/stamp" || refuse $FENCED "the stamp cannot be read"
    case $stamped in
        '' | *[!0-9]*) refuse $FENCED "the stamp cannot be read" ;;
    esac
fi

case $verb in
    acquire)
        [ "$fence" -gt "$stamped" ] || { [ "$fence" -eq "$stamped" ] && [ "$3" = "$holder" ]; } ||
            refuse $FENCED "$holder has this host with fence $stamped, which is not below $fence"
        printf '%s %s\n' "$fence" "$3" >"$folder/stamp.new"
        mv "$folder/stamp.new" "$folder/stamp"
        ;;
    run)
        [ "$fence" -eq "$stamped" ] || refuse $FENCED "$holder has this host with fence $stamped; fence $fence has no say"
        shift 2
        [ "$1" != -u ] || shift 2
        # The lock is this shell's: a service that the command starts must not inherit it.
        "$@" 9>&-
        ;;
    *)
        refuse $FENCED "there is no '$verb'"
        ;;
esac
