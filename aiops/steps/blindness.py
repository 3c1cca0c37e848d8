"""A detector that cannot look for several sweeps in a row is an incident itself: blind is not healthy."""

from collections.abc import Iterator

from aiops.domain.finding import Finding, Kind
from aiops.domain.severity import Severity
from aiops.domain.sweep import Sweep
from aiops.ports import IncidentServices

WATCH = "watch"
"""The detector of what the watchers see of ourselves: no detection worker knows it."""

BLIND = Kind(name="watch.blind", sentence="a detector could not look at a host for several sweeps in a row")


def blind_findings(sweep: Sweep, services: IncidentServices) -> Iterator[Finding]:
    """One finding per host, detector and probe that has been blind for ``services.blind_after`` sweeps."""
    for blind in sweep.blind:
        streak = services.ledger.blind_streak(blind.host, blind.detector, blind.probe)
        if streak >= services.blind_after:
            remedy = f" {blind.remedy}" if blind.remedy else ""
            yield Finding(
                kind=BLIND.name,
                detector=blind.detector,
                host=blind.host,
                subject=f"{blind.detector}/{blind.probe}",
                severity=Severity.WARNING,
                cause=f"blind:{blind.probe}",
                shared=blind.shared,
                seen_at=sweep.finished_at,
                summary=f"{blind.detector} is blind: {blind.reason.rstrip('.')}.{remedy}",
                evidence={"probe": blind.probe, "reason": blind.reason, "remedy": blind.remedy, "sweeps": streak},
            )


def could_look(sweep: Sweep, finding: Finding) -> bool:
    """Whether the sweep can say if the finding is still there.

    A blind finding is gone only when its own detector was there and that probe could look.
    """
    if finding.kind != BLIND.name:
        return sweep.looked(finding.host, finding.kind)
    if finding.detector not in sweep.patrol.detectors or finding.host not in sweep.looked_at:
        return False
    probe = finding.subject.partition("/")[2]
    return not any(
        (blind.host, blind.detector, blind.probe) == (finding.host, finding.detector, probe) for blind in sweep.blind
    )
