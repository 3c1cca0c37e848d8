#!/bin/sh
# The commands of one long run on this host. Each step is started at most once, lives on without the connection that started it,
# and its end is remembered until the next boot.
#
#   run_step.sh FOLDER start RUN FENCE STEP SECONDS COMMAND ...   begin it, unless it was begun, and say how far it is after a moment
#   run_step.sh FOLDER state RUN FENCE STEP                       absent | running | lost | done CODE, then the end of its output
#   run_step.sh FOLDER stop  RUN FENCE                            ask whatever this run has going on here to end (SIGTERM)
#
# A newer fence takes the run over: whoever comes with an older one is refused. FOLDER belongs to root and to nobody else.
# Exit: 75 busy, 76 fenced off, 77 the folder is not ours, 0 else.
set -eu
umask 077
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

readonly BUSY=75 FENCED=76 FOREIGN=77
readonly WAIT=5       # seconds: what holds the lock writes a few small files
readonly GRACE=120    # seconds from SIGTERM to SIGKILL: vzdump removes its snapshot and its lock first
readonly SHOWN=8000   # bytes of output

refuse() {
    echo "aiops-run-step: $2" >&2
    exit "$1"
}

folder=$1 verb=$2 run=$3 fence=$4
case $fence in '' | *[!0-9]*) refuse $FENCED "'$fence' is no fence" ;; esac
for name in "$run" "${5-step}"; do
    case $name in '' | .* | *[!A-Za-z0-9._-]*) refuse $FOREIGN "'$name' is no name of a run or a step" ;; esac
done

mkdir -p "$folder"
[ "$(stat -c %u:%a "$folder")" = "$(id -u):700" ] || refuse $FOREIGN "$folder is not our own"
exec 9>>"$folder/lock"
flock -w $WAIT 9 || refuse $BUSY "somebody else is starting a step on this host"

stamped=0
[ ! -e "$folder/stamp" ] || read -r stamped <"$folder/stamp" || refuse $FENCED "the stamp cannot be read"
case $stamped in '' | *[!0-9]*) refuse $FENCED "the stamp cannot be read" ;; esac
[ "$fence" -ge "$stamped" ] || refuse $FENCED "this host answers to fence $stamped; fence $fence has no say"
[ "$fence" -eq "$stamped" ] || { echo "$fence" >"$folder/stamp.new" && mv "$folder/stamp.new" "$folder/stamp"; }

alive() { # whether anything of the step still runs: it holds the lock until its last process has ended
    ! flock -n "$1/alive" true
}

state() {
    if [ ! -d "$1" ]; then
        echo absent
    elif [ -e "$1/code" ]; then
        echo "done $(cat "$1/code")"
    elif alive "$1"; then
        echo running
    elif [ -e "$1/code" ]; then # it ended between the two looks
        echo "done $(cat "$1/code")"
    else
        echo lost
    fi
    [ ! -e "$1/output" ] || tail -c $SHOWN "$1/output"
}

case $verb in
    start)
        step=$folder/$run/$5 seconds=$6
        shift 6
        mkdir -p "$folder/$run"
        if ! mkdir "$step" 2>/dev/null; then
            state "$step"
            exit
        fi
        exec 8>"$step/alive"
        flock -n 8
        # shellcheck disable=SC2016 # the inner shell expands them
        # The shell must outlive a SIGTERM to tell the exit code; its children get the default back.
        setsid /bin/sh -c '
            trap : TERM
            step=$1 grace=$2 seconds=$3
            shift 3
            code=0
            timeout -k "$grace" "$seconds" "$@" >"$step/output" 2>&1 || code=$?
            echo "$code" >"$step/code.new" && mv "$step/code.new" "$step/code"
        ' run_step "$step" $GRACE "$seconds" "$@" </dev/null >/dev/null 2>&1 9>&- &
        echo $! >"$step/session"
        exec 8>&-
        for _ in 1 2 3 4 5; do
            [ -e "$step/code" ] || sleep 0.2
        done
        state "$step"
        ;;
    state)
        state "$folder/$run/$5"
        ;;
    stop)
        for step in "$folder/$run"/*/; do
            [ -e "${step}session" ] || continue
            # Only to timeout, which hands it on: a second signal would disturb vzdump's own tidying up.
            [ -e "${step}code" ] || ! alive "${step%/}" || pkill -TERM -P "$(cat "${step}session")" || :
        done
        ;;
    *)
        refuse $FOREIGN "there is no '$verb'"
        ;;
esac
