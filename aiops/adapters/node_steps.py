"""Runs the steps of a backup on its nodes, over SSH: an argv at a time, through ``ansible/run_step.sh``, as root.

The script lives on the node only for the length of one call; what it starts lives on without us and is found again by its name.
"""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from aiops.domain.host import Host
from aiops.errors import HostTimeoutError, HostUnreachableError, RefusedError
from aiops.ports import Printed, Progress, Shell

FOLDER = "/run/aiops-backup"
"""On the nodes: gone after a reboot, and with it everything that ran."""
SECONDS = 30.0
"""Of one call: a connection (10 s), the lock (5 s), a few small files."""

_END = "__AIOPS_END__"
_REFUSALS = {75: "busy", 76: "fenced", 77: "folder"}
_STATE = re.compile(r"(?P<state>absent|running|lost|done) ?(?P<code>\d*)")


class NodeSteps:
    """Port ``Nodes``."""

    def __init__(
        self, shell: Shell, script: Path, *, root: bool, folder: str = FOLDER, seconds: float = SECONDS
    ) -> None:
        """``root``: the shell's account is root already; LXC containers and Proxmox nodes often have no sudo."""
        self._shell, self._script, self._folder, self._seconds = shell, script, folder, seconds
        self._as_root = [] if root else ["sudo", "-H", "-n", "-u", "root"]

    def answers(self, host: Host) -> bool:
        try:
            self._shell.run(host, "exit 0\n", self._seconds)
        except (HostUnreachableError, HostTimeoutError):
            return False
        return True

    def start(self, host: Host, run: str, fence: int, step: str, argv: Sequence[str], seconds: float) -> Progress:
        return _progress(host, self._call(host, "start", run, str(fence), step, f"{seconds:.0f}", *argv))

    def state(self, host: Host, run: str, fence: int, step: str) -> Progress:
        return _progress(host, self._call(host, "state", run, str(fence), step))

    def stop(self, host: Host, run: str, fence: int) -> None:
        self._call(host, "stop", run, str(fence))

    def _call(self, host: Host, *words: str) -> str:
        """The script travels as text that is ours alone; every word is one argument of it, whatever is in it."""
        command = shlex.join([*self._as_root, "/bin/sh", "-s", "--", self._folder, *words])
        text = self._script.read_text(encoding="utf-8")
        answer = self._shell.run(host, f"exec {command} <<'{_END}'\n{text}{_END}\n", self._seconds)
        if answer.code in _REFUSALS:
            raise RefusedError(_REFUSALS[answer.code], f"{host.name}: {_said(answer)}")
        if answer.code:
            raise HostUnreachableError(host.name, f"exit {answer.code}: {_said(answer)}")
        return answer.stdout.decode(errors="replace")


def _progress(host: Host, answer: str) -> Progress:
    first, _, output = answer.partition("\n")
    match = _STATE.fullmatch(first)
    if match is None:
        raise HostUnreachableError(host.name, f"it answered {first[:80]!r} where the state of a step is due")
    return Progress.model_validate({"state": match["state"], "code": int(match["code"] or 0), "output": output})


def _said(answer: Printed) -> str:
    return " ".join(answer.stderr.decode(errors="replace").split())[-300:] or "it said nothing"
