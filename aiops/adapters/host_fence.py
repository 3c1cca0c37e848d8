"""Stamps each host of a plan with the plan's fence before anything is touched (the host's side is ``ansible/fence.sh``)."""

import os
import shlex
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from aiops.adapters.ansible_ssh import CONNECT_SECONDS, Login, address, as_root, ssh_options
from aiops.domain.host import Host
from aiops.ports import Claim

BUSY, FENCED = 75, 76
BEAT_SECONDS = 3.0
"""How often the lease is extended: several times within its 30 s."""
_SSH_FAILED = 255
_SECONDS = CONNECT_SECONDS + 10
"""Connect, wait for the lock (5 s), write a file."""
_INSTALL = """\
umask 077
mkdir -p "$1" && [ "$(stat -c %u:%a "$1")" = 0:700 ] || { echo "$1 is not root's own" >&2; exit 77; }
cat >"$1/fence.$$" && mv "$1/fence.$$" "$1/fence.sh" && exec /bin/sh "$1/fence.sh" acquire "$2" "$3"
"""


@dataclass(frozen=True)
class Refusal:
    """Why a host could not be stamped. ``later`` says that trying again may help and that nobody has to look."""

    host: str
    reason: str
    later: bool


def acquire(
    script: Path, hosts: Sequence[Host], claim: Claim, login: Login, sockets: Path, beat: Callable[[], bool]
) -> list[Refusal]:
    """Stamp all hosts at once; an empty list when every host now answers to this claim only.

    ``beat`` is called while hosts let us wait. What it says is asked again before anything else is done.
    """
    text = script.read_bytes()
    with ThreadPoolExecutor(max_workers=len(hosts)) as pool:
        answers = [pool.submit(_acquire, text, host, claim, login, sockets) for host in hosts]
        while wait(answers, BEAT_SECONDS).not_done:
            beat()
    return [refusal for answer in answers if (refusal := answer.result())]


def hang_up(hosts: Sequence[Host], login: Login, sockets: Path) -> None:
    """Close the multiplexed connections."""
    for host in hosts:
        if not host.local:
            argv = ["ssh", *ssh_options(login, sockets), "-O", "exit", *_destination(host, login)]
            with suppress(subprocess.TimeoutExpired):  # then it ends by itself, since nothing uses it any more
                subprocess.run(
                    argv, check=False, capture_output=True, stdin=subprocess.DEVNULL, timeout=CONNECT_SECONDS
                )


def _acquire(text: bytes, host: Host, claim: Claim, login: Login, sockets: Path) -> Refusal | None:
    local_root = os.geteuid() == 0
    install = ["/bin/sh", "-c", _INSTALL, "sh", login.fence, str(claim.fence), claim.plan]
    command = [*as_root(login, host, local_root=local_root), *install]
    if not host.local:
        command = ["ssh", *ssh_options(login, sockets), "-T", *_destination(host, login), shlex.join(command)]
    try:
        answer = subprocess.run(command, input=text, check=False, capture_output=True, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        return Refusal(host.name, f"{host.name} did not answer within {_SECONDS} s", later=False)
    if answer.returncode == 0:
        return None
    said = " ".join(answer.stderr.decode(errors="replace").split())[-300:] or f"exit {answer.returncode}"
    if answer.returncode == _SSH_FAILED:
        said = f"cannot be reached: {said}"
    return Refusal(host.name, f"{host.name}: {said}", later=answer.returncode in (BUSY, FENCED))


def _destination(host: Host, login: Login) -> list[str]:
    return ["-p", str(host.port), "-l", login.user, "--", address(host)]
