"""systemctl: what systemd says about every unit it has loaded, and which unit files there are."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from aiops.probes import MIB, Probe, UnreadableError


@dataclass(frozen=True)
class Unit:
    """One unit's properties under systemd's own names; what a type of unit does not have is empty."""

    properties: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        return self.properties.get(name, "")

    @property
    def name(self) -> str:
        """With its suffix: ``cron.service``."""
        return self["Id"]

    @property
    def stem(self) -> str:
        """Without suffix and instance: ``getty`` of ``getty@tty1.service``."""
        return self.name.rpartition(".")[0].partition("@")[0]

    @property
    def service(self) -> bool:
        """Whether it is a service."""
        return self.name.endswith(".service")

    @property
    def up(self) -> bool:
        """Running, or about to."""
        return self["ActiveState"] in {"active", "reloading", "activating", "deactivating"}

    @property
    def restarts(self) -> int:
        """How often systemd restarted it by itself since somebody last started it."""
        return int(self["NRestarts"] or 0)

    def words(self, name: str) -> tuple[str, ...]:
        """A property that is a list."""
        return tuple(self[name].split())

    def since(self, name: str = "StateChangeTimestamp") -> datetime | None:
        """A timestamp property; None where it never happened."""
        match = _STAMP.fullmatch(self[name])
        return datetime.fromisoformat(f"{match[1]}T{match[2]}").replace(tzinfo=UTC) if match else None


_STAMP = re.compile(r"[A-Z][a-z]{2} (\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2})(?:\.\d+)? UTC")

_PROPERTIES = (
    *("Id", "LoadState", "ActiveState", "SubState", "Result", "UnitFileState", "FragmentPath", "NeedDaemonReload"),
    *("Type", "Restart", "NRestarts", "MainPID", "ExecMainCode", "ExecMainStatus", "ConditionResult"),
    *("StateChangeTimestamp", "ConditionTimestamp", "TriggeredBy", "WantedBy", "RequiredBy"),
)


def _read(text: str) -> tuple[Unit, ...]:
    units = []
    for block in text.strip().split("\n\n"):
        properties = dict(row.split("=", 1) for row in block.splitlines() if "=" in row)
        if not {"Id", "LoadState", "ActiveState"} <= properties.keys():
            raise UnreadableError(f"systemctl printed something that is no unit: {block[:120]!r}")
        units.append(Unit(properties))
    return tuple(units)


# Without --all, a pattern matches no unit that is inactive: the very ones that should run.
UNITS = Probe(
    name="systemctl-show",
    argv=("systemctl", "show", "--all", "--no-pager", f"--property={','.join(_PROPERTIES)}", "*"),
    read=_read,
    limit=4 * MIB,
    remedy="systemd must run as process 1, and the detection account needs the system bus (package dbus)",
)

UNIT_FOLDERS = ("/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")


def _read_files(text: str) -> frozenset[str]:
    files = frozenset(text.splitlines())
    if not any(path.startswith(UNIT_FOLDERS[1:]) for path in files):
        raise UnreadableError("there is no unit file at all where packages keep them")
    return files


# Trailing slashes: /lib is a link to /usr/lib on merged systems, and either name may stand in FragmentPath.
UNIT_FILES = Probe(
    name="unit-files",
    argv=("find", *(f"{folder}/" for folder in UNIT_FOLDERS), "-maxdepth", "1", "-name", "*.service", "-print"),
    read=_read_files,
)

# detect-virt ends with 1 when it prints "none".
CONTAINER = Probe(
    name="detect-virt", argv=("systemd-detect-virt", "--container"), read=lambda text: text.strip(), codes=(0, 1)
)

_EXE = re.compile(r".* /proc/(?P<pid>\d+)/exe -> (?P<path>.*?)(?P<deleted>\\? ?\(deleted\))?")


def _read_executables(text: str) -> Mapping[int, str]:
    """What each process runs, where the file has been deleted since."""
    rows = (_EXE.fullmatch(row) for row in text.splitlines())
    return {int(row["pid"]): row["path"].rstrip("\\") for row in rows if row and row["deleted"]}


# Processes end while find looks, and kernel threads have no file: both give exit code 1. Only root may look at others' files.
EXECUTABLES = Probe(
    name="executables",
    argv=("/usr/bin/find", "/proc", "-mindepth", "2", "-maxdepth", "2", "-name", "exe", "-ls"),
    read=_read_executables,
    sudo=True,
    codes=(0, 1),
)
