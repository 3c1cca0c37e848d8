"""What one probe printed on a host, and when that may be read."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiops.probes import AnyProbe, UnreadableError
from aiops.probes.readings import plain

_PACKAGES = {
    "ps": "procps",
    "df": "coreutils",
    "find": "findutils",
    "gzip": "gzip",
    "systemctl": "systemd",
    "systemd-detect-virt": "systemd",
    "dpkg-query": "dpkg",
    "sudo": "sudo",
}
"""The Debian package of each command a probe runs, for the remedy."""


@dataclass(frozen=True)
class Answer:
    """Standard output, standard error and exit code of a probe. ``powerless``: it needs root and there is no sudo."""

    stdout: bytes = b""
    stderr: bytes = b""
    code: int = 0
    powerless: bool = False

    @property
    def complaint(self) -> str:
        """The first line of standard error, shortened."""
        return self.stderr.decode(errors="backslashreplace").strip().partition("\n")[0][:300]


def read(probe: AnyProbe, answer: Answer, reading: Callable[[AnyProbe, bytes], Any] = plain) -> Any:
    """What the probe's reader makes of the answer; ``reading`` may know it from the last time.

    :raises UnreadableError: there is nothing that may be read, with the reason and a remedy
    """
    try:
        refusal = _refusal(probe, answer)
        if refusal:
            raise refusal
        return reading(probe, answer.stdout)
    except UnreadableError as error:
        remedy = error.remedy or probe.remedy or f"run it on the host by hand: {shlex.join(probe.argv)}"
        raise UnreadableError(error.reason, remedy) from None


def _refusal(probe: AnyProbe, answer: Answer) -> UnreadableError | None:
    if answer.powerless:
        return UnreadableError(f"{probe.name} needs root and the account has no sudo", _SUDOERS)
    if probe.sudo and answer.code == 1 and answer.stderr.lstrip().startswith(b"sudo: "):
        return UnreadableError(f"sudo refused {probe.name}: {answer.complaint}", _SUDOERS)
    if len(answer.stdout) > probe.limit:
        return UnreadableError(f"{probe.argv[0]} printed more than {probe.limit} bytes", probe.remedy)
    if answer.code not in probe.codes:
        return _by_code(probe, answer)
    return None


def _by_code(probe: AnyProbe, answer: Answer) -> UnreadableError:
    command, complaint = probe.argv[0], answer.complaint or "no message"
    match answer.code:
        case 124 | 137:
            reason = f"{command} did not end within {probe.seconds} s"
            return UnreadableError(reason, probe.remedy or "look at the host's load")
        case 127:
            return UnreadableError(f"{command} is not there: {complaint}", _install(command))
        case 126:
            return UnreadableError(f"{command} cannot be executed: {complaint}", probe.remedy)
        case code:
            return UnreadableError(f"{command} ended with {code}: {complaint}", probe.remedy)


def _install(command: str) -> str:
    name = command.rpartition("/")[2]
    return f"install {_PACKAGES.get(name, name)}"


_SUDOERS = "run `aiops sudoers` and install what it prints as /etc/sudoers.d/aiops on the host"
