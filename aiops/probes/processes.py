"""ps: which processes run, with their arguments."""

from collections.abc import Mapping

from aiops.probes import Probe, UnreadableError


def _read(text: str) -> Mapping[int, str]:
    """Arguments by process id. Where other accounts' processes are hidden, nothing can be said about any of them."""
    found: dict[int, str] = {}
    for row in text.splitlines():
        pid, _, arguments = row.strip().partition(" ")
        if not pid.isdigit():
            raise UnreadableError(f"ps printed a row that is none: {row[:120]!r}")
        found[int(pid)] = arguments.strip()
    if 1 not in found:
        raise UnreadableError(
            "processes of other accounts are hidden here (hidepid)",
            "give the detection account the group named by the gid= option of /proc",
        )
    return found


PROCESSES = Probe(name="ps", argv=("ps", "-e", "-ww", "-o", "pid=", "-o", "args="), read=_read)
