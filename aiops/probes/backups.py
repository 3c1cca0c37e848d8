"""What Proxmox backups leave behind: vzdump's logs, the archives, and the guests there are."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from aiops.probes import MIB, Probe, UnreadableError


@dataclass(frozen=True)
class Run:
    """One guest's part of a backup. ``state`` is ok, failed or running; ``at`` is the host's local time, None where unknown."""

    guest: str
    state: str
    reason: str = ""
    cause: str = ""
    at: datetime | None = None
    seconds: int = 0


_PREFIX = re.compile(
    r"(?:\d+: )?(?:\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2} )?(?P<text>(?:INFO|ERROR|WARN|WARNING|TASK \S+): ?.*)"
)
_START = re.compile(r"INFO: Starting Backup of (?:VM|CT) (?P<guest>\d+)\b.*")
_FINISH = re.compile(r"INFO: Finished Backup of (?:VM|CT) (?P<guest>\d+) \((?P<took>[\d:]+)\)")
_FAIL = re.compile(r"ERROR: Backup of (?:VM|CT) (?P<guest>\d+) failed - (?P<reason>.*)")
_AT = re.compile(r"INFO: (?:Backup started|Backup finished|Failed) at (?P<at>\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2})")
_STOPPED = re.compile(
    r"(?:ERROR|TASK ERROR): (?P<reason>interrupted by signal|.*received (?:interrupt|signal).*|unexpected status)"
)
_CAUSES = (
    (
        "permission",
        re.compile(r"permission denied|operation not permitted|authentication failure|401|403", re.IGNORECASE),
    ),
    ("timeout", re.compile(r"time[d ]*out|got timeout", re.IGNORECASE)),
    ("no space", re.compile(r"no space left|disk quota|not enough space|ENOSPC", re.IGNORECASE)),
    ("I/O error", re.compile(r"input/output error|i/o error|\bEIO\b|err -5\b", re.IGNORECASE)),
    ("killed", re.compile(r"got signal 9|out of memory|oom-kill", re.IGNORECASE)),
    ("locked", re.compile(r"is locked|can't acquire lock|can't lock|CT is locked", re.IGNORECASE)),
    (
        "connection",
        re.compile(
            r"connection (?:refused|reset|error)|lost connection|connect failed|no route|not available|offline|not online",
            re.IGNORECASE,
        ),
    ),
)


def read_runs(text: str) -> tuple[Run, ...]:
    """The last run of every guest in one log, whichever of vzdump's three line formats it has."""
    runs: dict[str, Run] = {}
    guest, at = "", None
    lines: list[str] = []
    for row in text.splitlines():
        match = _PREFIX.fullmatch(row.rstrip())
        line = match["text"] if match else ""
        lines.append(line or row)
        if started := _START.fullmatch(line):
            guest, at, lines = started["guest"], None, []
            runs[guest] = Run(guest, "running")
        elif moment := _AT.match(line):
            at = datetime.fromisoformat(moment["at"]).replace(tzinfo=UTC)
            if guest in runs:
                runs[guest] = Run(
                    guest, runs[guest].state, runs[guest].reason, runs[guest].cause, at, runs[guest].seconds
                )
        elif finished := _FINISH.fullmatch(line):
            runs[finished["guest"]] = Run(finished["guest"], "ok", at=at, seconds=_seconds(finished["took"]))
        elif failed := _FAIL.fullmatch(line):
            runs[failed["guest"]] = Run(
                failed["guest"], "failed", failed["reason"], _cause(failed["reason"], lines), at
            )
        elif (stopped := _STOPPED.fullmatch(line)) and guest in runs and runs[guest].state == "running":
            runs[guest] = Run(guest, "failed", stopped["reason"], "interrupted", at)
    return tuple(runs.values())


def _seconds(took: str) -> int:
    total = 0
    for part in took.split(":"):
        total = total * 60 + int(part)
    return total


def _cause(reason: str, lines: list[str]) -> str:
    """From the reason itself; where that names only a command, from what was said before it."""
    for text in (reason, *reversed(lines[-30:])):
        for name, pattern in _CAUSES:
            if pattern.search(text):
                return name
    return "unknown"


def _read_logs(text: str) -> Mapping[str, tuple[Run, ...]]:
    """The runs by log file, from ``grep -rH``."""
    logs: dict[str, list[str]] = {}
    for row in text.splitlines():
        path, colon, line = row.partition(".log:")
        if not colon or not path.startswith("/"):
            raise UnreadableError(f"grep printed a row that is none: {row[:120]!r}")
        logs.setdefault(f"{path}.log", []).append(line)
    return {path: read_runs("\n".join(lines)) for path, lines in logs.items()}


# One log a guest, written over by its next backup. Exit code 2: no such folder, so this is no Proxmox node.
VZDUMP_LOGS = Probe(
    name="vzdump-logs",
    argv=("/usr/bin/grep", "-r", "-H", "-s", "-e", ".", "/var/log/vzdump"),
    read=_read_logs,
    sudo=True,
    codes=(0, 1, 2),
    limit=8 * MIB,
)


@dataclass(frozen=True)
class Archive:
    """One archive in a dump folder. ``modified`` is in Unix time, ``size`` in bytes."""

    path: str
    guest: str
    modified: float
    size: int


_ARCHIVE = re.compile(
    r"@(?P<at>\d+(?:\.\d+)?)\t(?P<size>\d+)\t(?P<path>/.*/vzdump-(?:qemu|lxc|openvz)-(?P<guest>\d+)-[^/]*\.(?:vma|tar|tgz)(?:\.\w+)?)"
)


def _read_archives(text: str) -> tuple[Archive, ...]:
    found = []
    for row in text.splitlines():
        match = _ARCHIVE.fullmatch(row)
        if match:
            found.append(Archive(match["path"], match["guest"], float(match["at"]), int(match["size"])))
        elif not row.startswith("@"):
            raise UnreadableError(f"find printed a row that is none: {row[:120]!r}")
    return tuple(sorted(found, key=lambda archive: archive.modified))


# Exit code 1: one of the folders is not there.
ARCHIVES = Probe(
    name="vzdump-archives",
    argv=(
        *("find", "/var/lib/vz/dump", "/mnt", "-maxdepth", "4", "-type", "f", "-name", "vzdump-*"),
        *("!", "-name", "*.log", "!", "-name", "*.notes", "-printf", "@%T@\\t%s\\t%p\\n"),
    ),
    read=_read_archives,
    codes=(0, 1),
    seconds=30,
    remedy="a share that hangs stops find: look at the host's mounts",
)

_GUEST = re.compile(r"/etc/pve/nodes/[^/]+/(?:lxc|qemu-server)/(?P<guest>\d+)\.conf")


def _read_guests(text: str) -> frozenset[str]:
    return frozenset(match["guest"] for row in text.splitlines() if (match := _GUEST.fullmatch(row)))


# Exit code 1: there is no /etc/pve, so no guests.
GUESTS = Probe(
    name="pve-guests",
    argv=("/usr/bin/find", "/etc/pve/nodes", "-maxdepth", "3", "-type", "f"),
    read=_read_guests,
    sudo=True,
    codes=(0, 1),
)
