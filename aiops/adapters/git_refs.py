"""What a git server shows of a repository, without a copy of it: ``git ls-remote``."""

import os
import re
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from typing import Final, Protocol

from aiops.errors import BusError, SettingsError

_ROW: Final = re.compile(r"(?P<commit>[0-9a-f]{40}|[0-9a-f]{64})\t(?P<ref>refs/\S+)")
_REFUSED: Final = re.compile(
    r"denied|not found|does not appear to be|not exist|Authentication|Host key|Username", re.IGNORECASE
)


class Refs(Protocol):
    """Shows the refs of a repository."""

    def show(self, url: str) -> Mapping[str, str]:
        """The commit, or tag, of every branch and tag.

        :raises SettingsError: the server refuses us, or knows no such repository
        :raises BusError: it does not answer now
        """


class GitRefs:
    """Asks the servers themselves, with nothing of this process's environment and none of this machine's configuration."""

    def __init__(self, ssh_command: str, seconds: float) -> None:
        self._seconds = seconds
        self._environment = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "LC_ALL": "C.UTF-8",
            "HOME": "/nonexistent",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ALLOW_PROTOCOL": "ssh:https:file",
            "GIT_SSH_COMMAND": ssh_command,
            "GIT_SSH_VARIANT": "ssh",
        }

    def show(self, url: str) -> Mapping[str, str]:
        """See ``Refs``."""
        with subprocess.Popen(
            ["git", "ls-remote", "--heads", "--tags", "--refs", "--", url],
            cwd="/",
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        ) as process:
            try:
                said, complained = process.communicate(timeout=self._seconds)
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                raise BusError(url, f"no answer within {self._seconds:g} s") from None
        if process.returncode:
            why = " ".join(complained.split())[:300] or f"git ended with {process.returncode}"
            raise SettingsError(url, why) if _REFUSED.search(why) else BusError(url, why)
        return refs(url, said)


def refs(url: str, said: str) -> Mapping[str, str]:
    """The rows of ``git ls-remote``.

    :raises SettingsError: a row is none
    """
    found = {}
    for row in said.splitlines():
        match = _ROW.fullmatch(row)
        if not match:
            raise SettingsError(url, f"git showed a row that is none: {row[:120]!r}")
        found[match["ref"]] = match["commit"]
    return found
