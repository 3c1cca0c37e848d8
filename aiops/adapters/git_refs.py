"""What a git server shows of a repository, without a copy of it: ``git ls-remote``."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

from aiops.adapters.git_process import run_git
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
        self._ssh_command, self._seconds = ssh_command, seconds

    def show(self, url: str) -> Mapping[str, str]:
        """See ``Refs``."""
        argv = ("git", "ls-remote", "--heads", "--tags", "--refs", "--", url)
        try:
            code, said, complained = run_git(argv, Path("/"), self._ssh_command, self._seconds)
        except TimeoutError:
            raise BusError(url, f"no answer within {self._seconds:g} s") from None
        if code:
            why = " ".join(complained.split())[:300] or f"git ended with {code}"
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
