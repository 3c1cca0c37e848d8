"""Sweeps and findings as events: what the guardians' subscribers read."""

from aiops.domain.event import Event
from aiops.domain.finding import Finding
from aiops.domain.severity import Severity, worst
from aiops.domain.sweep import Sweep
from aiops.ports import Events

SOURCE = "openfang"


def finding_event(
    finding: Finding, *, incident: str = "", severity: Severity | None = None, shadow: bool = False
) -> Event:
    """The finding in the operator's envelope."""
    return Event(
        source=SOURCE,
        cron=f"guardian-{finding.detector}",
        severity=severity or finding.severity,
        timestamp=finding.seen_at,
        host=finding.host,
        symptom=finding.summary,
        type="finding.seen",
        incident=incident,
        shadow=shadow,
        context={
            "kind": finding.kind,
            "subject": finding.subject,
            "cause": finding.cause,
            "fingerprint": finding.fingerprint,
            **finding.evidence,
        },
    )


def report(sweep: Sweep, events: Events) -> None:
    """One event per detector of the sweep: its figures, healthy or not, and what it could not see."""
    for detector in sweep.patrol.detectors:
        findings = [finding for finding in sweep.findings if finding.detector == detector]
        blind = [entry for entry in sweep.blind if entry.detector == detector]
        seconds = (sweep.finished_at - sweep.started_at).total_seconds()
        severity = worst([finding.severity for finding in findings] + [Severity.WARNING for _ in blind][:1])
        events.publish(
            Event(
                source=SOURCE,
                cron=f"guardian-{detector}",
                severity=severity,
                timestamp=sweep.finished_at,
                host=", ".join(sweep.hosts) if len(sweep.hosts) <= 3 else f"{len(sweep.hosts)} hosts",  # noqa: PLR2004 - a line's worth
                symptom=_sentence(detector, len(findings), len(blind), len(sweep.hosts)),
                type="sweep.finished",
                sweep=sweep.id,
                incident=sweep.patrol.incident,
                context={
                    "purpose": sweep.patrol.purpose,
                    "started_by": sweep.patrol.started_by,
                    "findings": len(findings),
                    "hosts": len(sweep.hosts),
                    "asleep": list(sweep.asleep),
                    "seconds": round(seconds, 3),
                    "shard": sweep.patrol.shard,
                    "shards": sweep.patrol.shards,
                    "blind": [f"{entry.host} {entry.probe}: {entry.reason}" for entry in blind],
                },
            )
        )


def _sentence(detector: str, findings: int, blind: int, hosts: int) -> str:
    said = f"{detector} looked at {hosts} host{'s'[: hosts != 1]}: {findings} finding{'s'[: findings != 1]}"
    return f"{said}, {blind} probe{'s'[: blind != 1]} blind" if blind else said
