"""backup: guests that cannot be restored, or only to long ago.

Looks for
    Backups that failed, with the reason. Guests whose newest archive is old, empty or far smaller than usual, and guests
    that no backup knows. All from what vzdump leaves on the node and in its dump folders.

Thresholds
    ``warning_hours`` 26 and ``critical_hours`` 50: Checkmk's proxmox_ve_backup_status; a night and two hours, two nights and
    two hours.
    ``least_percent`` 50 of the median of the last ``runs`` 7 archives: half of a guest does not vanish overnight.
    ``ignore_guests``: guests, as shell patterns of their numbers, that need no backup (templates, test machines).

Looks alike but is benign
    "could not notify" after a backup that finished: only the mail failed. Guests that a run skips because they are on another
    node. A backup that is running. Archives on Proxmox Backup Server leave no file here: where a node has none
    at all, their age is not judged (and only the logs speak). A host that is no Proxmox node has no guests and no logs.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from statistics import median
from typing import Any

from aiops.detectors import Detector, Subject
from aiops.domain import horizon
from aiops.domain.finding import Finding, Kind
from aiops.domain.severity import Severity
from aiops.probes.backups import ARCHIVES, GUESTS, VZDUMP_LOGS, Archive, Run
from aiops.probes.clock import CLOCK

DETECTOR = Detector(
    "backup",
    "Backups that would not help",
    kinds=[
        Kind(name="backup.failed", sentence="the last backup of a guest failed"),
        Kind(name="backup.old", sentence="the newest backup of a guest is old"),
        Kind(name="backup.shrunk", sentence="the newest backup of a guest is empty or far smaller than usual"),
        Kind(name="backup.missing", sentence="a guest has no backup at all"),
    ],
    thresholds={"warning_hours": 26, "critical_hours": 50, "least_percent": 50, "runs": 7, "ignore_guests": []},
)

_HOUR = 3600
_MIB = 1024 * 1024
_FEWEST = 3  # archives before the newest one: a median of fewer says nothing


@DETECTOR.check(VZDUMP_LOGS, kinds=["backup.failed"])
def failed(host: Subject, logs: Mapping[str, tuple[Run, ...]]) -> Iterator[Finding]:
    """The last run of every guest, as its own log tells it."""
    for path, runs in sorted(logs.items()):
        for run in runs:
            if run.state == "failed" and not host.matches(run.guest, "ignore_guests"):
                yield host.finding(
                    "backup.failed",
                    run.guest,
                    Severity.CRITICAL,
                    f"the backup of guest {run.guest} failed: {run.reason[:200]}",
                    cause=f"backup:{run.guest}",
                    guest=run.guest,
                    why=run.cause,
                    reason=run.reason[:500],
                    log=path,
                    at=f"{run.at:%Y-%m-%d %H:%M:%S}" if run.at else "",
                )


def _by_guest(host: Subject, archives: tuple[Archive, ...]) -> dict[str, list[Archive]]:
    found: dict[str, list[Archive]] = {}
    for archive in archives:
        if not host.matches(archive.guest, "ignore_guests"):
            found.setdefault(archive.guest, []).append(archive)
    return found


@DETECTOR.check(ARCHIVES, CLOCK, kinds=["backup.old", "backup.shrunk"])
def archives(host: Subject, found: tuple[Archive, ...], now: int) -> Iterator[Finding]:
    """Age and size of each guest's newest archive."""
    for guest, those in sorted(_by_guest(host, found).items()):
        newest = those[-1]
        hours = (now - newest.modified) / _HOUR
        if hours > host.settings["warning_hours"]:
            late = hours > host.settings["critical_hours"]
            summary = f"the newest backup of guest {guest} is {hours:.0f} hours old"
            yield _finding(
                host,
                "backup.old",
                Severity.CRITICAL if late else Severity.WARNING,
                summary,
                newest,
                hours=round(hours, 1),
            )
        before = [archive.size for archive in those[:-1]][-host.settings["runs"] :]
        usual = median(before) if len(before) >= _FEWEST else 0
        if newest.size == 0 or newest.size * 100 < usual * host.settings["least_percent"]:
            summary = (
                f"the newest backup of guest {guest} has {newest.size / _MIB:.1f} MiB, {usual / _MIB:.1f} MiB are usual"
            )
            yield _finding(host, "backup.shrunk", Severity.CRITICAL, summary, newest, usual_bytes=usual)


def _finding(host: Subject, kind: str, severity: Severity, summary: str, newest: Archive, **more: Any) -> Finding:
    return host.finding(
        kind,
        newest.guest,
        severity,
        summary,
        cause=f"backup:{newest.guest}",
        guest=newest.guest,
        path=newest.path,
        bytes=newest.size,
        **more,
    )


@DETECTOR.check(GUESTS, VZDUMP_LOGS, ARCHIVES, kinds=["backup.missing"])
def missing(
    host: Subject, guests: frozenset[str], logs: Mapping[str, tuple[Run, ...]], found: tuple[Archive, ...]
) -> Iterator[Finding]:
    """Guests that neither a log nor an archive knows."""
    known = {run.guest for runs in logs.values() for run in runs} | {archive.guest for archive in found}
    for guest in sorted(guests - known):
        if not host.matches(guest, "ignore_guests"):
            summary = f"guest {guest} has no backup: no log and no archive knows it"
            yield host.finding("backup.missing", guest, Severity.WARNING, summary, cause=f"backup:{guest}", guest=guest)


@DETECTOR.show(VZDUMP_LOGS, ARCHIVES)
def figures(logs: Mapping[str, tuple[Run, ...]], found: tuple[Archive, ...]) -> dict[str, str]:
    """How the last runs went; nothing on a host that makes no backups."""
    runs = [run for those in logs.values() for run in those]
    if not runs and not found:
        return {}
    by_state = ", ".join(f"{sum(run.state == state for run in runs)} {state}" for state in ("ok", "failed", "running"))
    said = {"backups": f"{by_state}; {len(found)} archives"}
    if found:
        newest: dict[str, float] = {}
        for archive in found:
            newest[archive.guest] = max(archive.modified, newest.get(archive.guest, 0))
        said[horizon.BACKUP] = horizon.written(datetime.fromtimestamp(min(newest.values()), UTC))
    return said
