"""One script per host: many probes, one execution, no temporary file, and frames that output cannot forge.

Each probe's standard output goes straight through base64 into a line that starts with a random mark; standard error and
the exit code follow in a second line. Base64 holds neither blanks nor line ends, so whatever a probe prints stays inside
its own line, and nobody who does not know the mark of this run can begin another one. Nothing is written to the host's disk:
it may be full, and looking changes nothing.
"""

import base64
import binascii
import re
import secrets
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aiops.probes import AnyProbe, UnreadableError
from aiops.probes.answer import Answer

ERRORS_LIMIT = 64 * 1024
"""Bytes of standard error that are kept per probe: enough for any message worth reading."""

KILL_AFTER = 2
"""Seconds a probe has to end after its time limit before it is killed."""

_HEAD = """\
# shellcheck disable=SC2016 # arguments are quoted so that nothing in them expands
PATH=/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
TZ=UTC
export PATH LC_ALL TZ
mark={mark}

# number, bytes, argv...: fd 3 carries the probe's errors, fd 4 its framed output, fd 5 its exit code
look() {{
    number=$1
    bytes=$2
    shift 2
    printf '\\n%s %s out ' "$mark" "$number"
    rest=$(
        exec 5>&1
        {{
            {{
                "$@" </dev/null 2>&3 3>&- 4>&- 5>&-
                printf ':%s:' "$?" >&5
            }} | head -c "$bytes" | base64 -w 0
        }} 3>&1 >&4 | head -c {errors} | base64 -w 0
    )
    printf '\\n%s %s end %s\\n' "$mark" "$number" "$rest"
}}

as_root() {{
    case $power in
    root) look "$@" ;;
    sudo)
        number=$1
        bytes=$2
        shift 2
        look "$number" "$bytes" sudo -n -- "$@"
        ;;
    *) printf '\\n%s %s powerless\\n' "$mark" "$1" ;;
    esac
}}

# A function is read to its end before it runs: a script cut short on its way does nothing at all.
main() {{
    exec 4>&1
    if [ "$(id -u)" = 0 ]; then
        power=root
    elif command -v sudo >/dev/null 2>&1; then
        power=sudo
    else
        power=none
    fi
    printf '\\n%s start\\n' "$mark"
"""

_TAIL = """\
    printf '\\n%s stop\\n' "$mark"
}}

main
exit 0
"""

_LINE = re.compile(r"(?P<number>\d+) (?P<part>out|end|powerless)(?: (?P<rest>[A-Za-z0-9+/=:]*))?")
_REST = re.compile(r"(?P<before>[A-Za-z0-9+/=]*):(?P<code>\d+):(?P<after>[A-Za-z0-9+/=]*)")


def limited(probe: AnyProbe) -> tuple[str, ...]:
    """The argv as it is run: under its time limit.

    For root's probes ``timeout`` runs inside sudo and by its full path: an unprivileged ``timeout`` cannot kill root's process.
    """
    timeout = "/usr/bin/timeout" if probe.sudo else "timeout"
    return (timeout, "-k", str(KILL_AFTER), str(probe.seconds), *probe.argv)


@dataclass(frozen=True)
class Script:
    """The text to run on a host and the way to read what it prints."""

    mark: str
    probes: tuple[AnyProbe, ...]
    text: str

    def answers(self, printed: bytes) -> Mapping[AnyProbe, Answer | UnreadableError]:
        """What each probe printed, or why it did not.

        :raises UnreadableError: the host did not run the script at all
        """
        parts = self._parts(printed)
        return {probe: self._answer(str(number), parts) for number, probe in enumerate(self.probes)}

    def _parts(self, printed: bytes) -> dict[str, dict[str, list[str]]]:
        mark = self.mark.encode() + b" "
        lines = [line[len(mark) :].decode("ascii", "replace") for line in printed.split(b"\n") if line.startswith(mark)]
        if "start" not in lines:
            first = printed.decode(errors="replace").strip().partition("\n")[0][:200]
            raise UnreadableError(
                f"the host did not run the script; it said {first!r}",
                "the detection account needs /bin/sh as its login shell and may not have a forced command",
            )
        parts: dict[str, dict[str, list[str]]] = {}
        for line in lines:
            if match := _LINE.fullmatch(line):
                parts.setdefault(match["number"], {}).setdefault(match["part"], []).append(match["rest"] or "")
        return parts

    @staticmethod
    def _answer(number: str, parts: Mapping[str, Mapping[str, list[str]]]) -> Answer | UnreadableError:
        part = parts.get(number, {})
        if "powerless" in part:
            return Answer(powerless=True)
        out, end = part.get("out", []), part.get("end", [])
        if len(out) != 1 or len(end) != 1:
            return UnreadableError("the script was cut short before this probe had answered", "look at the host's load")
        rest = _REST.fullmatch(end[0])
        if not rest:
            return UnreadableError("the frame of this probe is broken", "check that head and base64 work on the host")
        try:
            stdout = base64.b64decode(out[0], validate=True)
            stderr = base64.b64decode(rest["before"] + rest["after"], validate=True)
        except binascii.Error:
            return UnreadableError("the frame of this probe is broken", "check that head and base64 work on the host")
        return Answer(stdout, stderr, int(rest["code"]))


def assemble(probes: Iterable[AnyProbe], mark: str = "") -> Script:
    """One script for these probes, each once, in this order. A fresh random mark unless a test gives one."""
    mark = mark or secrets.token_hex(16)
    once = tuple(dict.fromkeys(probes))
    head = _HEAD.format(mark=mark, errors=ERRORS_LIMIT)
    looks = (
        f"    {'as_root' if probe.sudo else 'look'} {number} {probe.limit + 1} {shlex.join(limited(probe))}\n"
        for number, probe in enumerate(once)
    )
    return Script(mark, once, head + "".join(looks) + _TAIL.format())
