"""Findings that nobody holds yet become incidents: one per trouble."""

from collections.abc import Sequence
from datetime import timedelta

from aiops.domain.fact import new_id
from aiops.domain.finding import Finding
from aiops.domain.incident import Entry, Incident, State
from aiops.domain.severity import Severity, worst
from aiops.domain.sweep import Sweep
from aiops.ports import IncidentServices
from aiops.steps.record import happened
from aiops.steps.report import finding_event
from aiops.steps.shadow import below

_PERIODS = 3
"""A trouble that a detector misses for two of its rounds has still come back, not come anew."""


def groups(findings: Sequence[Finding], services: IncidentServices) -> list[list[Finding]]:
    """One list per trouble. Occurrences without a state are evidence without an incident, so they make none.

    One finding has one home: where two detectors name different causes for it, the first cause counts.
    """
    by_cause: dict[tuple[str, str], list[Finding]] = {}
    first: dict[str, tuple[str, str]] = {}
    for finding in findings:
        fingerprint = finding.fingerprint
        key = first.setdefault(fingerprint, (finding.host, finding.cause or fingerprint))
        by_cause.setdefault(key, []).append(finding)
    fleet: dict[str, list[tuple[str, str]]] = {}
    for (host, cause), group in by_cause.items():
        if any(finding.shared and finding.cause for finding in group):
            fleet.setdefault(cause, []).append((host, cause))
    for cause, keys in fleet.items():
        if len(keys) >= services.group_hosts:
            by_cause[("", cause)] = [finding for key in keys for finding in by_cause.pop(key)]
    with_state: list[list[Finding]] = []
    for group in by_cause.values():
        if any(finding.persistence == "state" for finding in group):
            with_state.append(group)
        else:
            _report_occurrences(group, services)
    return with_state


def open_incident(group: Sequence[Finding], sweep: Sweep, services: IncidentServices) -> Incident:
    """Store a new incident for the findings and say so. The same finding may stand in ``group`` often: it is counted."""
    now = services.clock()
    unique = {finding.fingerprint: finding for finding in group}
    ordered = sorted(unique.values(), key=_rank)
    lead, hosts = ordered[0], dict.fromkeys(finding.host for finding in ordered)
    place = lead.host if len(hosts) == 1 else f"{len(hosts)} hosts"
    states = [fingerprint for fingerprint, finding in unique.items() if finding.persistence == "state"]
    times = _flaps(states, services)
    incident = Incident(
        id=new_id("inc", now),
        state=State.NEW,
        severity=worst([finding.severity for finding in ordered]),
        title=f"{place}: {lead.summary}",
        findings=tuple(ordered),
        opened_at=now,
        changed_at=now,
        last_seen_at=sweep.finished_at,
        relapse_of=_relapse_of(unique, services),
        flapping=times > 0,
        sweep=sweep.id,
    )
    seen = min(finding.seen_at for finding in ordered)
    text = f"{lead.detector} saw it at {seen:%H:%M:%S} UTC: {lead.summary}"
    if incident.relapse_of:
        text += f" (a relapse of {incident.relapse_of})"
    if incident.flapping:
        text += f" (flapping: it came and went {times} times in {services.quiet.flap_hours} h)"
    services.ledger.open(incident, Entry(at=now, step="correlate", text=text, state=State.NEW), group)
    for finding in ordered:
        services.events.publish(finding_event(finding, incident=incident.id, shadow=below([finding], services)))
    happened(
        incident,
        "incident.opened",
        incident.title,
        services,
        sweep=sweep.id,
        relapse_of=incident.relapse_of,
        flapping=incident.flapping,
        findings=[finding.kind for finding in ordered],
    )
    return incident


def _rank(finding: Finding) -> tuple[bool, int, str, str, str]:
    """States before occurrences, the worst first, and an order that does not depend on which shard came first."""
    return finding.persistence != "state", -finding.severity.rank, finding.host, finding.kind, finding.subject


def _report_occurrences(group: Sequence[Finding], services: IncidentServices) -> None:
    for finding in group:
        if services.ledger.first_time(finding.fingerprint, finding.seen_at):
            services.events.publish(finding_event(finding, severity=Severity.INFO, shadow=below([finding], services)))


def _relapse_of(group: dict[str, Finding], services: IncidentServices) -> str:
    for fingerprint, finding in group.items():
        if finding.persistence == "state":
            period = services.periods.get(finding.detector, timedelta())
            since = services.clock() - max(services.relapse_window, _PERIODS * period)
            before = services.ledger.last_resolved(fingerprint, since)
            if before:
                return before.id
    return ""


def _flaps(states: Sequence[str], services: IncidentServices) -> int:
    """How often the most restless of them came and went, when that is too often; else 0."""
    since = services.clock() - services.quiet.flap_window
    times = max((services.ledger.resolved_times(fingerprint, since) for fingerprint in states), default=0)
    return times if times >= services.quiet.flap_times else 0
