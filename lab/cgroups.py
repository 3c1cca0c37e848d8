"""The lab's control groups: at the same time its process table, its kill switch and its only register.

    <cgroup2>/aiops-lab/                      exists while anything of the lab does
        inotify-was-128/                      an empty group: the sysctl value to put back when the last lab goes
        build.bookworm-1f2e3d4c/              processes of a base under construction, for one cache folder
        0.demo/                               the lab "demo" in address slot 0
            keeper/  ct201/  ct202/ ...       one subtree per host, so that no host can kill another's units

A control group outlives every process and every file of ours and ends with the kernel, just as the things it stands
for do; so `down` needs no state file to find what is left.
"""

import os
import select
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError

ROOT_NAME = "aiops-lab"
KEEPER = "keeper"
BUILD = "build."
SLOTS = 250  # the third byte of 127.77.SLOT.K
INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")
INOTIFY_WANTED = 8192  # sixty systemds need more than the default of 128
_WAS = "inotify-was-"


def hierarchy() -> Path:
    """Where cgroup2 is mounted on this machine. Raises LabError when it is not."""
    for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines():
        fields = line.split()
        if fields[2] == "cgroup2":
            return Path(fields[1])
    raise LabError("cgroup2 is not mounted: mount -t cgroup2 none /sys/fs/cgroup")


def root() -> Path:
    """The group everything of the lab lives under; it need not exist."""
    return hierarchy() / ROOT_NAME


@dataclass(frozen=True)
class LabGroup:
    """The control group of one lab: its slot among the addresses and its name."""

    slot: int
    name: str

    @property
    def path(self) -> Path:
        """The directory of this group."""
        return root() / f"{self.slot}.{self.name}"

    def host(self, host: str) -> Path:
        """The directory of one host's group."""
        return self.path / host

    def hosts(self) -> list[str]:
        """Names of the hosts that have a group, sorted."""
        return sorted(child.name for child in _children(self.path) if child.name != KEEPER)


def labs() -> list[LabGroup]:
    """Every lab that has a control group, by slot."""
    found = []
    for child in _children(root()):
        slot, dot, name = child.name.partition(".")
        if dot and slot.isdecimal():
            found.append(LabGroup(int(slot), name))
    return sorted(found, key=lambda group: group.slot)


def find(name: str) -> LabGroup | None:
    """The lab of that name, if it has a control group."""
    return next((group for group in labs() if group.name == name), None)


def create(name: str) -> LabGroup:
    """Make the group of a new lab in the lowest free slot. Raises LabError when all are taken."""
    root().mkdir(exist_ok=True)
    taken = {group.slot for group in labs()}
    for slot in range(SLOTS):
        if slot not in taken:
            group = LabGroup(slot, name)
            group.path.mkdir()
            return group
    raise LabError(f"all {SLOTS} address slots are taken: `lab down --all`")


def building(base: str) -> Path:
    """The group of the processes that build a base."""
    return root() / f"{BUILD}{base}"


def builds() -> list[Path]:
    """The groups of all bases under construction."""
    return [child for child in _children(root()) if child.name.startswith(BUILD)]


def enter(group: Path) -> None:
    """Move the calling process into `group`, made if needed."""
    group.mkdir(parents=True, exist_ok=True)
    (group / "cgroup.procs").write_text("0", encoding="ascii")


def own() -> Path:
    """The cgroup2 directory the calling process is in."""
    for line in Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines():
        if line.startswith("0::"):
            return hierarchy() / line[3:].lstrip("/")
    raise LabError("this kernel has no cgroup2")


def processes(group: Path) -> list[int]:
    """Pids in `group` and below it."""
    pids: list[int] = []
    for directory in [group, *_descendants(group)]:
        try:
            pids += [int(pid) for pid in (directory / "cgroup.procs").read_text(encoding="ascii").split()]
        except FileNotFoundError:
            continue
    return pids


def destroy(group: Path, timeout: float = 10) -> None:
    """Kill all processes of `group`, wait until the last is gone, remove the directories. Raises LabError."""
    if not group.is_dir():
        return
    for directory in [group, *_descendants(group)]:
        _write(directory / "cgroup.freeze", "0")
    _write(group / "cgroup.kill", "1")  # Linux 5.14
    _await_empty(group, time.monotonic() + timeout)
    for directory in [*reversed(_descendants(group)), group]:
        directory.rmdir()


def raise_inotify_limit() -> None:
    """Allow more inotify instances, remembering the old value as the name of an empty control group."""
    before = int(INOTIFY.read_text(encoding="ascii"))
    if before < INOTIFY_WANTED:
        (root() / f"{_WAS}{before}").mkdir(parents=True, exist_ok=True)
        INOTIFY.write_text(str(INOTIFY_WANTED), encoding="ascii")


def restore_inotify_limit() -> None:
    """Put back the value `raise_inotify_limit` found."""
    for child in _children(root()):
        if child.name.startswith(_WAS):
            INOTIFY.write_text(child.name.removeprefix(_WAS), encoding="ascii")
            child.rmdir()


def remove_root_if_unused() -> None:
    """Remove the lab's own root group once no lab is left, and put the sysctl back with it."""
    if labs() or not root().is_dir():
        return
    restore_inotify_limit()
    if not _children(root()):
        root().rmdir()


def _children(group: Path) -> list[Path]:
    return [child for child in group.iterdir() if child.is_dir()] if group.is_dir() else []


def _descendants(group: Path) -> list[Path]:
    return list(_walk(group))


def _walk(group: Path) -> Iterator[Path]:
    for child in _children(group):
        yield child
        yield from _walk(child)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="ascii")
    except FileNotFoundError as error:
        if path.parent.is_dir():
            raise LabError(f"{path} is missing: the lab needs Linux 5.14 or later") from error


def _await_empty(group: Path, deadline: float) -> None:
    events = os.open(group / "cgroup.events", os.O_RDONLY)
    try:
        poller = select.poll()
        poller.register(events, select.POLLPRI)
        while b"populated 1" in os.pread(events, 256, 0):
            left = deadline - time.monotonic()
            if left <= 0:
                raise LabError(f"processes {processes(group)} did not die")
            poller.poll(left * 1000)
    finally:
        os.close(events)
