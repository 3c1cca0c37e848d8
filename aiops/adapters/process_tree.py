"""Ends every process that carries a mark in its environment.

Ansible's workers leave their process group and session (``setsid``), so killing the group of ``ansible-playbook`` would leave
them, and their ssh, at work. What they all keep is the environment they were born with.
"""

import os
import signal
from collections.abc import Iterator
from pathlib import Path


def end_marked(mark: str, number: signal.Signals) -> int:
    """Send the signal to every process of ours whose environment holds ``mark`` (``NAME=value``); returns how many."""
    sent = 0
    for pid in _marked(mark.encode()):
        try:
            os.kill(pid, number)
        except (ProcessLookupError, PermissionError):
            continue
        sent += 1
    return sent


def marks(name: str) -> frozenset[str]:
    """Every value that the variable has in the environment of a process of ours."""
    start = f"{name}=".encode()
    found = (word for _, words in _environments() for word in words if word.startswith(start))
    return frozenset(word.removeprefix(start).decode(errors="replace") for word in found)


def _marked(mark: bytes) -> Iterator[int]:
    return (pid for pid, words in _environments() if mark in words)


def _environments() -> Iterator[tuple[int, list[bytes]]]:
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            environment = (entry / "environ").read_bytes()
        except OSError:  # gone meanwhile, or another user's
            continue
        yield int(entry.name), environment.split(b"\0")
