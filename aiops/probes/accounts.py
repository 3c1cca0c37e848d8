"""Who can be root, who needs no password, and when the files that say so were changed."""

import re
from collections.abc import Mapping

from aiops.probes import Probe, UnreadableError


def _read_passwd(text: str) -> Mapping[str, int]:
    """User id by name."""
    rows = [row.split(":") for row in text.splitlines()]
    if not any(row[0] == "root" for row in rows) or any(len(row) != 7 or not row[2].isdigit() for row in rows):  # noqa: PLR2004 - passwd(5)
        raise UnreadableError(f"getent printed no list of accounts but {text.strip()[:120]!r}")
    return {row[0]: int(row[2]) for row in rows}


ACCOUNTS = Probe(name="accounts", argv=("getent", "passwd"), read=_read_passwd)

_STATUS = re.compile(r"(?P<name>\S+) (?P<status>L|LK|NP|P|PS)(?: .*)?")


def _read_status(text: str) -> Mapping[str, str]:
    """``P`` usable, ``L`` locked, ``NP`` none needed. Never the hash: it stays on the host."""
    rows = [_STATUS.fullmatch(row) for row in text.splitlines()]
    found = {row["name"]: row["status"] for row in rows if row}
    if None in rows or "root" not in found:
        raise UnreadableError(f"passwd printed no list of accounts but {text.strip()[:120]!r}")
    return found


PASSWORDS = Probe(name="password-status", argv=("/usr/bin/passwd", "-S", "-a"), read=_read_status, sudo=True)

_CHANGED = re.compile(r"(?P<at>\d+)=(?P<path>/.*)")
BORN = "/etc/machine-id"
"""Written when the host first starts: what is as old as this came with the host."""


def _read_changes(text: str) -> Mapping[str, int]:
    rows = [_CHANGED.fullmatch(row) for row in text.splitlines()]
    found = {row["path"]: int(row["at"]) for row in rows if row}
    if None in rows or BORN not in found:
        raise UnreadableError(f"stat printed no times but {text.strip()[:120]!r}")
    return found


# Exit code 1: one of them does not exist, which is normal.
KEY_FILES = Probe(
    name="key-files-changed",
    argv=(
        *("/usr/bin/stat", "-c", "%Y=%n", BORN, "/root/.ssh/authorized_keys", "/root/.ssh/authorized_keys2"),
        *("/etc/sudoers", "/etc/sudoers.d"),
    ),
    read=_read_changes,
    sudo=True,
    codes=(0, 1),
)

_SUM = re.compile(r"(?P<sum>[0-9a-f]{64})  (?P<path>/.*)")


def _read_sums(text: str) -> Mapping[str, str]:
    rows = [_SUM.fullmatch(row) for row in text.splitlines()]
    if None in rows:
        raise UnreadableError(f"sha256sum printed a row that is none: {text.strip()[:120]!r}")
    return {row["path"]: row["sum"] for row in rows if row}


KEY_SUMS = Probe(
    name="key-files-sums",
    argv=("/usr/bin/sha256sum", "/root/.ssh/authorized_keys", "/root/.ssh/authorized_keys2", "/etc/sudoers"),
    read=_read_sums,
    sudo=True,
    codes=(0, 1),
)
