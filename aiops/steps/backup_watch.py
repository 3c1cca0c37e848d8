"""Whether the last night was backed up: the watcher asks, so that a night that did not happen is seen too."""

from collections.abc import Iterator
from datetime import timedelta

from aiops.domain.fact import iso
from aiops.domain.finding import Kind
from aiops.domain.severity import Severity
from aiops.ports import IncidentServices
from aiops.steps.backup_order import obstacle

BACKUP = Kind(name="watch.backup", sentence="the nightly backup failed, did not happen, or nobody has allowed it")

_A_NIGHT = timedelta(hours=26)
"""One night and two hours, as the detector ``backup`` counts (Checkmk's default)."""
_GRACE = timedelta(hours=2)
"""For the cleanup, beyond the hours that a run may take."""


def backup_troubles(services: IncidentServices) -> Iterator[tuple[str, Severity, str]]:
    """``(subject, severity, sentence)`` of what is wrong with the nights; nothing where no backup is set up."""
    if not services.backup.store:
        return
    now, kept = services.clock(), services.ledger.standing_approval()
    why = obstacle(services)
    if why:
        yield "approval", Severity.WARNING, f"the nightly backup is set up and does not run: {why}"
    last = next(iter(services.ledger.ordered_backups(1)), None)
    allowed_since = kept.approval.at if kept and not why else now
    newest = max(allowed_since, last.at) if last else allowed_since
    if now - newest > _A_NIGHT:
        at = f"the last one was ordered at {iso(last.at)}" if last else "none was ever ordered"
        yield "night", Severity.CRITICAL, f"no backup was run last night; {at}"
        return
    if last is None or last.result is None:
        return
    result = last.result
    if result.status in ("failure", "refused"):
        yield "night", Severity.CRITICAL, f"the backup {last.run} ended with {result.status}: {result.reason}"[:600]
    elif result.status == "stopped":
        yield "night", Severity.WARNING, f"the backup {last.run} was stopped: {result.reason}"[:600]
    elif result.status == "running" and now - last.at > timedelta(hours=services.backup.most_hours) + _GRACE:
        yield (
            "night",
            Severity.CRITICAL,
            f"the backup {last.run} began at {iso(last.at)}, and nobody has said how it ended",
        )
