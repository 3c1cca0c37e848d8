"""zpool, /proc/mdstat and smartctl: what pools, arrays and drives say about themselves."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiops.probes import Probe, UnreadableError


@dataclass(frozen=True)
class Pool:
    """A ZFS pool. ``faulty`` are the devices that are not online; ``errors`` is what it says about its data."""

    name: str
    state: str
    faulty: tuple[str, ...] = ()
    errors: str = ""


_POOL = re.compile(r"^\s*pool: (?P<name>\S+)$", re.MULTILINE)
_STATE = re.compile(r"^\s*state: (?P<state>[A-Z]+)$", re.MULTILINE)
_ERRORS = re.compile(r"^errors: (?P<errors>.*)$", re.MULTILINE)
_DEVICE = re.compile(r"^\s+(?P<name>\S+)\s+(?P<state>DEGRADED|FAULTED|OFFLINE|UNAVAIL|REMOVED)\b", re.MULTILINE)
_GROUP = re.compile(r"(?:mirror|raidz\d?|draid\S*|replacing|spare|logs|cache)(?:-\d+)?")


def _read_pools(text: str) -> tuple[Pool, ...]:
    starts = [*_POOL.finditer(text)]
    if not starts:
        if text.strip() in ("", "no pools available"):
            return ()
        raise UnreadableError(f"zpool named no pool but {text.strip()[:120]!r}")
    pools = []
    for match, end in zip(starts, [*(after.start() for after in starts[1:]), len(text)], strict=True):
        part = text[match.end() : end]
        state, errors = _STATE.search(part), _ERRORS.search(part)
        if not state:
            raise UnreadableError(f"zpool says nothing about the state of {match['name']}")
        faulty = [device["name"] for device in _DEVICE.finditer(part) if device["name"] != match["name"]]
        leaves = tuple(name for name in faulty if not _GROUP.fullmatch(name))
        pools.append(Pool(match["name"], state["state"], leaves, errors["errors"] if errors else ""))
    return tuple(pools)


# 127: there is no ZFS here.
POOLS = Probe(name="zpool-status", argv=("zpool", "status"), read=_read_pools, codes=(0, 127))


@dataclass(frozen=True)
class Array:
    """A Linux software RAID. ``wanted`` devices of which ``working`` work; ``rebuilding`` says that it is on its way back."""

    name: str
    wanted: int
    working: int
    rebuilding: bool = False
    failed: int = 0


_ARRAY = re.compile(r"^(?P<name>md\S*) : (?P<rest>.*)$")
_COUNTS = re.compile(r"\[(?P<wanted>\d+)/(?P<working>\d+)\] \[[U_]+\]")


def _read_mdstat(text: str) -> tuple[Array, ...]:
    arrays: list[Array] = []
    if text.strip() and not text.startswith("Personalities"):
        raise UnreadableError(f"/proc/mdstat begins with {text[:80]!r}")
    for row in text.splitlines():
        if match := _ARRAY.match(row):
            arrays.append(Array(match["name"], 0, 0, failed=match["rest"].count("(F)")))
        elif arrays and (counts := _COUNTS.search(row)):
            last = arrays[-1]
            arrays[-1] = Array(last.name, int(counts["wanted"]), int(counts["working"]), failed=last.failed)
        elif arrays and re.search(r"recovery|reshape", row):
            last = arrays[-1]
            arrays[-1] = Array(last.name, last.wanted, last.working, rebuilding=True, failed=last.failed)
    return tuple(arrays)


# Exit code 1: the kernel has no software RAID.
ARRAYS = Probe(name="mdstat", argv=("cat", "/proc/mdstat"), read=_read_mdstat, codes=(0, 1))


@dataclass(frozen=True)
class Drive:
    """What a drive says about itself; a figure it does not know is 0."""

    name: str
    passed: bool
    media_errors: int = 0
    spare_low: bool = False
    reallocated: int = 0
    pending: int = 0
    uncorrectable: int = 0
    crc_errors: int = 0
    asleep: bool = False


def read_drive(text: str) -> Drive | None:
    """Smartctl's JSON; None where it knows no such drive, or one that says nothing about itself.

    :raises UnreadableError: this is no JSON of smartctl
    """
    if not text.strip():
        return None
    try:
        document = json.loads(text)
    except ValueError:
        raise UnreadableError(f"smartctl printed no JSON but {text.strip()[:80]!r}") from None
    if not isinstance(document, dict) or "smartctl" not in document:
        raise UnreadableError("this JSON is not smartctl's")
    return _drive(document)


def _drive(document: Mapping[str, Any]) -> Drive | None:
    status = document.get("smart_status")
    if not isinstance(status, Mapping) or "passed" not in status:
        return None  # a virtual disk, or one that sleeps and was not woken
    table = document.get("ata_smart_attributes", {}).get("table", [])
    raw = {row.get("id"): int(row.get("raw", {}).get("value", 0)) for row in table}
    log = document.get("nvme_smart_health_information_log", {})
    return Drive(
        name=str(document.get("device", {}).get("name", "?")),
        passed=bool(status["passed"]),
        media_errors=int(log.get("media_errors", 0)),
        spare_low=int(log.get("available_spare", 100)) < int(log.get("available_spare_threshold", 0)),
        reallocated=raw.get(5, 0),
        pending=raw.get(197, 0),
        uncorrectable=raw.get(198, 0),
        crc_errors=raw.get(199, 0),
    )


_NAMES = (*(f"/dev/sd{letter}" for letter in "abcdefgh"), *(f"/dev/nvme{number}n1" for number in range(3)))
_MASK = tuple(code for code in range(256) if code not in {124, 125, 126, 137})
"""smartctl's exit code is a mask of eight findings, so all may be read but those that ``timeout`` ends with."""


def _smart(path: str) -> Probe[Drive | None]:
    """Drives that sleep are not woken. 127: there is no smartctl; the check knows whether there are drives."""
    argv = ("/usr/sbin/smartctl", "-n", "standby", "-j", "-H", "-A", path)
    name = f"smart-{path.rpartition('/')[2]}"
    return Probe(name=name, argv=argv, read=read_drive, sudo=True, codes=_MASK, remedy="install smartmontools")


# One command for each drive: sudo's list can name a drive, but no pattern of drives.
DRIVES = tuple(_smart(path) for path in _NAMES)


def _read_devices(text: str) -> frozenset[str]:
    rows = text.split()
    if not all(row.startswith("/dev/") for row in rows):
        raise UnreadableError(f"find printed a row that is none: {text.strip()[:120]!r}")
    return frozenset(rows)


DEVICES = Probe(
    name="drive-devices",
    argv=("find", "/dev", "-maxdepth", "1", "(", "-name", "sd[a-z]", "-o", "-name", "nvme[0-9]n1", ")"),
    read=_read_devices,
)
