"""config-backup: the encrypted archives of configurations, and the share they lie on.

Looks for
    No archive where one must be; an archive that is old, far smaller than usual, or not encrypted although its name says so. A
    share that is not mounted: then archives would land on the host's own disk. Only on hosts whose settings say
    where the archives are: ``[detectors.config-backup.hosts.NAME] archives = ["/mnt/share2/config/*"]``.

Thresholds
    ``warning_hours`` 26 and ``critical_hours`` 50: one night and two hours, two nights and two hours, as for ``backup``.
    ``least_percent`` 50 and ``most_percent`` 200 of the median of the last ``runs`` 7: configurations change slowly.
    ``due_hours`` 0: we do not make the archives. 20 where the remediation ``archive_configuration`` makes one each night: what
    was made the night before is older by then, what a human made in the evening is not.
    ``archives``: shell patterns of the archives' paths; empty means that this host keeps none.
    ``share``: the mount point that must be mounted; empty means none.

Looks alike but is benign
    Archives of somebody else that no pattern names. Fewer than three older archives: nothing is usual yet. Whether an
    archive can be decrypted, only the host with the key can say; the key is never on the host that is looked at.
"""

from collections.abc import Iterator
from statistics import median
from typing import Any

from aiops.detectors import Detector, Subject
from aiops.domain.finding import Finding, Kind
from aiops.domain.severity import Severity
from aiops.probes import UnreadableError
from aiops.probes.age_archives import AGE_ARCHIVES, AgeArchive
from aiops.probes.clock import CLOCK
from aiops.probes.mounts import MOUNTS, Mount

DETECTOR = Detector(
    "config-backup",
    "Archives of configurations",
    kinds=[
        Kind(name="config.missing", sentence="there is no archive of the configurations"),
        Kind(name="config.due", sentence="tonight's archive of the configurations is still to be made"),
        Kind(name="config.old", sentence="the newest archive of the configurations is old"),
        Kind(name="config.size", sentence="the newest archive is far smaller or larger than usual"),
        Kind(name="config.not_encrypted", sentence="an archive that should be encrypted is not"),
        Kind(name="config.share_missing", sentence="the share for the archives is not mounted"),
    ],
    thresholds={
        "due_hours": 0,
        "warning_hours": 26,
        "critical_hours": 50,
        "least_percent": 50,
        "most_percent": 200,
        "runs": 7,
        "archives": [],
        "share": "",
    },
)

_HOUR = 3600
_FEWEST = 3
_KINDS = ["config.missing", "config.due", "config.old", "config.size", "config.not_encrypted"]


@DETECTOR.check(AGE_ARCHIVES, CLOCK, kinds=_KINDS)
def archives(host: Subject, found: tuple[AgeArchive, ...], now: int) -> Iterator[Finding]:
    """The archives that a pattern names, the newest against those before it."""
    if not host.settings["archives"]:
        return
    mine = [archive for archive in found if host.matches(archive.path, "archives")]
    if not mine:
        where = ", ".join(host.settings["archives"])
        yield _finding(host, "config.missing", Severity.CRITICAL, f"there is no archive at {where}", where=where)
        return
    newest = mine[-1]
    hours = (now - newest.modified) / _HOUR
    if hours > host.settings["warning_hours"]:
        severity = Severity.CRITICAL if hours > host.settings["critical_hours"] else Severity.WARNING
        summary = f"the newest archive {newest.path} is {hours:.0f} hours old"
        yield _finding(host, "config.old", severity, summary, path=newest.path, hours=round(hours, 1))
    elif 0 < host.settings["due_hours"] < hours:
        summary = f"the newest archive {newest.path} is {hours:.0f} hours old, and tonight's is to be made"
        yield _finding(host, "config.due", Severity.INFO, summary, path=newest.path, hours=round(hours, 1))
    before = [archive.size for archive in mine[:-1]][-host.settings["runs"] :]
    usual = median(before) if len(before) >= _FEWEST else newest.size
    percent = round(100 * newest.size / usual) if usual else 0
    if not host.settings["least_percent"] <= percent <= host.settings["most_percent"]:
        severity = Severity.WARNING if newest.size else Severity.CRITICAL
        summary = f"{newest.path} has {newest.size} bytes, {usual:.0f} are usual"
        yield _finding(host, "config.size", severity, summary, path=newest.path, bytes=newest.size, usual_bytes=usual)
    if newest.encrypted is None:
        raise UnreadableError(f"{newest.path} may not be read", "let the detection account read it; it is encrypted")
    if not newest.encrypted and newest.size:
        summary = f"{newest.path} does not begin as a file encrypted by age"
        yield _finding(host, "config.not_encrypted", Severity.CRITICAL, summary, path=newest.path)


@DETECTOR.check(MOUNTS, kinds=["config.share_missing"])
def share(host: Subject, mounts: tuple[Mount, ...]) -> Iterator[Finding]:
    """A mount point without its mount is a folder of the host's own disk."""
    wanted = host.settings["share"]
    if wanted and all(mount.target != wanted for mount in mounts):
        summary = f"{wanted} is not mounted: archives would land on the host's own disk"
        yield _finding(host, "config.share_missing", Severity.CRITICAL, summary, mount=wanted)


def _finding(host: Subject, kind: str, severity: Severity, summary: str, **more: Any) -> Finding:
    return host.finding(kind, "configurations", severity, summary, cause="config-backup", **more)


@DETECTOR.show(AGE_ARCHIVES)
def figures(found: tuple[AgeArchive, ...]) -> dict[str, str]:
    """How many there are."""
    return {"encrypted archives": str(len(found))} if found else {}
