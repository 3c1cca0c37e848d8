"""disk: filesystems that are about to fill up, and what a dead backup left on them.

Looks for
    Filesystems whose space or inodes run out, tmpfs included: backup leftovers in a tmpfs are what this guardian was
    written for. Temporary directories of vzdump whose process is gone.

Thresholds
    ``warning_percent`` 85: the operator's figure; also what node-exporter's common rules use.
    ``critical_percent`` 95: PVE's own storage rule "almost full".
    ``min_free_root_mib`` 1024: below it, apt and journald on ``/`` begin to fail whatever the percentage; 0 switches it off.
    Only for a ``/`` of at least four times that size: a small one has less free when it is nearly empty.
    ``inodes_warning_percent`` 90, ``inodes_critical_percent`` 98: Netdata's disks.conf.
    ``min_age_hours`` 6: no backup of a guest here takes that long; the whole fleet takes 14 minutes.
    ``ignore_mounts``: shell patterns of mount points that may be full.

Looks alike but is benign
    Images that are full by design (squashfs, iso9660, erofs ...), whatever is mounted read-only, firmware variables,
    an overlay below ``/`` (it only repeats the filesystem it lies on), bind mounts, btrfs subvolumes and the datasets of
    one ZFS pool (counted once), single files that a container's host lends it (it looks after its own disk), and the
    directory of a backup that is running or younger than ``min_age_hours``.
"""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase

from aiops.detectors import Detector, Subject
from aiops.domain.finding import Finding, Kind
from aiops.domain.severity import Severity
from aiops.probes import UnreadableError
from aiops.probes.clock import CLOCK
from aiops.probes.df import FILESYSTEMS, Usage
from aiops.probes.mounts import MOUNTS, Mount, holding
from aiops.probes.processes import PROCESSES
from aiops.probes.vzdump import WORKSPACES, Workspace

DETECTOR = Detector(
    "disk",
    "Filesystems that fill up",
    kinds=[
        Kind(name="disk.space", sentence="a filesystem is nearly full"),
        Kind(name="disk.inodes", sentence="a filesystem has nearly no inodes left"),
        Kind(name="disk.vzdump_orphan", sentence="a backup that is gone left its temporary directory behind"),
    ],
    thresholds={
        "warning_percent": 85,
        "critical_percent": 95,
        "min_free_root_mib": 1024,
        "inodes_warning_percent": 90,
        "inodes_critical_percent": 98,
        "min_age_hours": 6,
        "ignore_mounts": [],
    },
)

_FULL_BY_DESIGN = frozenset(
    {"squashfs", "iso9660", "udf", "erofs", "cramfs", "romfs", "fuse.snapfuse", "fuse.squashfuse", "efivarfs"}
)
_MIB = 1024 * 1024
_HOUR = 3600
_LENT = ("/run/host/", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf")
_SMALL_ROOT = 4


@DETECTOR.check(FILESYSTEMS, MOUNTS, kinds=["disk.space", "disk.inodes"])
def usage(host: Subject, rows: tuple[Usage, ...], mounts: tuple[Mount, ...]) -> Iterator[Finding]:
    """Space and inodes of every filesystem that can be written to."""
    by_target = {mount.target: mount for mount in mounts}
    for row in _once_each(rows, by_target):
        mount = by_target.get(row.mount)
        if _counts(row, mount) and not _ignored(host, row.mount):
            yield from _space(host, row, mount)
            yield from _inodes(host, row, mount)
    hidden = _hidden(rows, by_target)
    if hidden:
        raise UnreadableError(
            f"df may not look at {', '.join(hidden)}", "let the detection account search the directories above it"
        )


def _once_each(rows: tuple[Usage, ...], by_target: Mapping[str, Mount]) -> Iterator[Usage]:
    """Each filesystem under its shortest mount point."""
    seen: set[tuple[str, int]] = set()
    for row in sorted(rows, key=lambda row: (len(row.mount), row.mount)):
        identity = _identity(row, by_target.get(row.mount))
        if identity not in seen:
            seen.add(identity)
            yield row


def _identity(row: Usage, mount: Mount | None) -> tuple[str, int]:
    if mount is None:
        return row.mount, 0
    if row.fstype == "zfs":  # datasets share the pool's free space; one with a quota of its own has another figure
        return mount.source.partition("/")[0], row.available
    if row.fstype == "btrfs":
        return mount.source, 0
    return mount.device, 0


def _counts(row: Usage, mount: Mount | None) -> bool:
    if row.size == 0 or row.fstype in _FULL_BY_DESIGN or (mount and mount.read_only) or row.mount.startswith(_LENT):
        return False
    return row.fstype != "overlay" or row.mount == "/"


def _ignored(host: Subject, mount: str) -> bool:
    return any(fnmatchcase(mount, pattern) for pattern in host.settings["ignore_mounts"])


def _hidden(rows: tuple[Usage, ...], by_target: Mapping[str, Mount]) -> list[str]:
    """Mounts of block devices that df did not tell about under any of their mount points."""
    told = {by_target[row.mount].device for row in rows if row.mount in by_target}
    block = (mount for mount in by_target.values() if mount.source.startswith("/dev/") and not mount.read_only)
    wanted = (mount for mount in block if mount.fstype not in _FULL_BY_DESIGN and not mount.target.startswith(_LENT))
    return sorted(mount.target for mount in wanted if mount.device not in told)


def _space(host: Subject, row: Usage, mount: Mount | None) -> Iterator[Finding]:
    limits = host.settings
    enough = limits["min_free_root_mib"] * _MIB
    short = row.mount == "/" and row.available < enough and row.size >= _SMALL_ROOT * enough
    if not short and row.percent < min(limits["warning_percent"], limits["critical_percent"]):
        return
    critical = short or row.percent >= limits["critical_percent"]
    yield host.finding(
        "disk.space",
        row.mount,
        Severity.CRITICAL if critical else Severity.WARNING,
        f"{row.mount} is {row.percent:g} % full, {row.available // _MIB} MiB are free",
        cause=f"filesystem:{row.mount}",
        mount=row.mount,
        device=mount.source if mount else "",
        fstype=row.fstype,
        used_percent=row.percent,
        free_bytes=row.available,
        size_bytes=row.size,
    )


def _inodes(host: Subject, row: Usage, mount: Mount | None) -> Iterator[Finding]:
    limits = host.settings
    if row.inodes_percent < min(limits["inodes_warning_percent"], limits["inodes_critical_percent"]):
        return
    critical = row.inodes_percent >= limits["inodes_critical_percent"]
    yield host.finding(
        "disk.inodes",
        row.mount,
        Severity.CRITICAL if critical else Severity.WARNING,
        f"{row.mount} has used {row.inodes_percent:g} % of its inodes",
        cause=f"filesystem:{row.mount}",
        mount=row.mount,
        device=mount.source if mount else "",
        fstype=row.fstype,
        used_percent=row.inodes_percent,
        free_inodes=row.inodes - row.inodes_used,
    )


@DETECTOR.check(WORKSPACES, PROCESSES, MOUNTS, CLOCK, kinds=["disk.vzdump_orphan"])
def vzdump_orphans(
    host: Subject, workspaces: tuple[Workspace, ...], processes: Mapping[int, str], mounts: tuple[Mount, ...], now: int
) -> Iterator[Finding]:
    """Backup directories whose backup is gone: one finding per directory they lie in."""
    oldest = now - host.settings["min_age_hours"] * _HOUR
    orphans = [space for space in workspaces if space.modified < oldest and not _running(space, processes)]
    for parent in sorted({space.parent for space in orphans}):
        here = [space for space in orphans if space.parent == parent]
        size, mount = sum(space.size for space in here), holding(parent, mounts).target
        yield host.finding(
            "disk.vzdump_orphan",
            parent,
            Severity.WARNING,
            f"{len(here)} left by a dead backup in {parent}: {size // _MIB} MiB",
            cause=f"filesystem:{mount}",
            mount=mount,
            directory=parent,
            paths=[space.path for space in here],
            bytes=size,
            guests=sorted({str(space.vmid) for space in here}),
            oldest_age_hours=round((now - min(space.modified for space in here)) / _HOUR, 1),
        )


def _running(space: Workspace, processes: Mapping[int, str]) -> bool:
    """Whether its own process is still a backup, or another backup of the same guest is at work."""
    task = f":vzdump:{space.vmid}:"
    return "vzdump" in processes.get(space.pid, "") or any(task in arguments for arguments in processes.values())


@DETECTOR.show(FILESYSTEMS, MOUNTS)
def figures(rows: tuple[Usage, ...], mounts: tuple[Mount, ...]) -> Mapping[str, str]:
    """How full the filesystems are; one that is all but empty, as most of tmpfs is, is left out."""
    by_target = {mount.target: mount for mount in mounts}
    counted = (row for row in _once_each(rows, by_target) if _counts(row, by_target.get(row.mount)))
    return {
        f"disk {row.mount}": f"{row.percent:g} % of {row.size / _MIB / 1024:.1f} GiB, inodes {row.inodes_percent:g} %"
        for row in counted
        if row.mount == "/" or row.percent >= 1
    }
