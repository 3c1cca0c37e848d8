"""pbs: backups that lie on Proxmox Backup Server and may not be there when they are needed.

Looks for
    Datastores that fill up or cannot be read. Snapshots that nobody verified, or that failed it. Garbage collection, prune and
    verify tasks that failed, and a garbage collection that has not ended well for long.

Thresholds
    ``warning_percent`` 80 and ``critical_percent`` 95 of a datastore: as for any storage (awesome-prometheus-alerts).
    ``collect_hours`` 48 since the last good garbage collection: two nights; without it nothing that was pruned is freed.
    ``verify_days`` 30 for a snapshot without verification: Proxmox's own default after which one is verified again.
    ``task_hours`` 26: a failed task speaks for a night and two hours; the same task ending well since takes it back.
    ``ignore_datastores``: shell patterns of names.

Looks alike but is benign
    A server that is switched on for the night's backup only (``aiops_expected_state``): it is asleep, not blind. A snapshot of
    last night that is not verified yet. A garbage collection that runs now. Warnings, which are neither OK nor failed.
"""

from collections.abc import Iterator

from aiops.detectors import Detector, Subject
from aiops.domain.finding import Finding, Kind
from aiops.domain.severity import Severity
from aiops.domain.testimony import Datastore, TaskEnd, Told, Unverified
from aiops.probes.pbs import DATASTORES, SNAPSHOTS, TASKS

DETECTOR = Detector(
    "pbs",
    "Backups on Proxmox Backup Server",
    kinds=[
        Kind(name="pbs.datastore_full", sentence="a datastore is nearly full"),
        Kind(name="pbs.datastore_lost", sentence="a datastore cannot be read"),
        Kind(name="pbs.not_collected", sentence="no garbage collection has ended well for long"),
        Kind(name="pbs.unverified", sentence="snapshots are not verified"),
        Kind(name="pbs.verify_failed", sentence="a snapshot failed its verification"),
        Kind(name="pbs.task_failed", sentence="the newest task of its sort failed"),
    ],
    thresholds={
        "warning_percent": 80,
        "critical_percent": 95,
        "collect_hours": 48,
        "verify_days": 30,
        "task_hours": 26,
        "ignore_datastores": [],
    },
)

_HOUR = 3600
_DAY = 24 * _HOUR
_GIB = 1024**3


@DETECTOR.check(DATASTORES, kinds=["pbs.datastore_full", "pbs.datastore_lost", "pbs.not_collected"])
def datastores(host: Subject, told: tuple[Told, ...]) -> Iterator[Finding]:
    """Room, and whether anybody takes out the rubbish."""
    for one in told:
        if not isinstance(one, Datastore) or host.matches(one.name, "ignore_datastores"):
            continue
        cause = f"datastore:{one.name}"
        if one.reason:
            summary = f"the datastore {one.name} cannot be read: {one.reason[:200]}"
            yield host.finding(
                "pbs.datastore_lost", one.name, Severity.CRITICAL, summary, cause=cause, reason=one.reason
            )
            continue
        percent = 100 * one.used / one.total if one.total else 0
        if percent >= host.settings["warning_percent"]:
            full = percent >= host.settings["critical_percent"]
            summary = (
                f"the datastore {one.name} is {percent:.0f} % full, {(one.total - one.used) / _GIB:.1f} GiB are left"
            )
            yield host.finding(
                "pbs.datastore_full",
                one.name,
                Severity.CRITICAL if full else Severity.WARNING,
                summary,
                cause=cause,
                percent=round(percent, 1),
                free_bytes=one.total - one.used,
            )
        hours = (host.now.timestamp() - one.collected) / _HOUR
        if hours > host.settings["collect_hours"]:
            since = f"for {hours:.0f} hours" if one.collected else "ever"
            summary = f"no garbage collection of {one.name} has ended well {since}"
            yield host.finding("pbs.not_collected", one.name, Severity.WARNING, summary, cause=cause)


@DETECTOR.check(SNAPSHOTS, kinds=["pbs.unverified", "pbs.verify_failed"])
def snapshots(host: Subject, told: tuple[Told, ...]) -> Iterator[Finding]:
    """Whether what lies there is known to be whole, group by group."""
    for one in told:
        if not isinstance(one, Unverified) or host.matches(one.group.partition(":")[0], "ignore_datastores"):
            continue
        days = (host.now.timestamp() - one.oldest) / _DAY
        if one.failed:
            summary = f"{one.failed} snapshots of {one.group} failed their verification"
            yield host.finding(
                "pbs.verify_failed",
                one.group,
                Severity.CRITICAL,
                summary,
                cause=f"backup:{one.group.rpartition('/')[2]}",
                failed=one.failed,
            )
        if one.count and days > host.settings["verify_days"]:
            summary = f"{one.count} snapshots of {one.group} were never verified, the oldest is {days:.0f} days old"
            yield host.finding(
                "pbs.unverified",
                one.group,
                Severity.WARNING,
                summary,
                cause=f"datastore:{one.group.partition(':')[0]}",
                count=one.count,
                days=round(days, 1),
            )


@DETECTOR.check(TASKS, kinds=["pbs.task_failed"])
def tasks(host: Subject, told: tuple[Told, ...]) -> Iterator[Finding]:
    """The newest end of each sort of task, per datastore."""
    for one in told:
        if not isinstance(one, TaskEnd) or one.good:
            continue
        if host.now.timestamp() - one.at > host.settings["task_hours"] * _HOUR:
            continue
        store = one.guest.partition(":")[0]
        if not host.matches(store, "ignore_datastores"):
            yield host.finding(
                "pbs.task_failed",
                f"{one.name}:{one.guest}" if one.guest else one.name,
                Severity.CRITICAL if one.name.startswith("verif") else Severity.WARNING,
                f"{one.name} of {one.guest or 'the server'} failed: {one.reason[:200]}",
                cause=f"datastore:{store}" if store else f"task:{one.name}",
                task=one.name,
                reason=one.reason[:500],
                ended_at=one.at,
            )
