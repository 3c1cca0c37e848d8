"""correlate: what a sweep means for the incidents we know.

1. The shards of a sweep are taken together, so that thirty hosts with one cause make one incident.
2. A finding whose fingerprint an unresolved incident holds belongs to it; so does one with the same host and cause.
3. What is new opens an incident, unless the host is under repair: then it is noted there and looked at again.
4. A detector that looked and did not find a state any more closes the incident that held it. Only that closes.
"""

from collections.abc import Sequence

from aiops.domain.fact import new_id
from aiops.domain.finding import Finding
from aiops.domain.handover import Handover
from aiops.domain.incident import Entry, Incident, State
from aiops.domain.severity import Severity, worst
from aiops.domain.sweep import Sweep
from aiops.ports import IncidentServices
from aiops.steps.baseline import adopt
from aiops.steps.blindness import blind_findings, could_look
from aiops.steps.consider import consider
from aiops.steps.record import happened, move
from aiops.steps.report import finding_event

_UNDER_REPAIR = (State.REMEDIATING, State.VERIFYING)
_CLOSABLE = (State.NEW, State.TRIAGED, State.AWAITING_APPROVAL, State.ESCALATED, State.SUPPRESSED)


def correlate(sweep: Sweep, services: IncidentServices) -> Handover:
    """Keep a shard; work through the sweep when it was the last one."""
    arrived = services.ledger.record_sweep(sweep)
    if arrived < sweep.patrol.shards:
        return Handover(gather=sweep.id)
    return gather(sweep.id, services)


def gather(sweep: str, services: IncidentServices) -> Handover:
    """Work through the shards of a sweep that have arrived and were not worked through before."""
    shards = services.ledger.take_sweep(sweep)
    if not shards:
        return Handover()
    whole = _merged(shards)
    close_gone(whole, services)
    opened, handed = adopt(_attach(whole, services), whole, services)
    return sum((consider(incident, services) for incident in opened), handed)


def close_gone(sweep: Sweep, services: IncidentServices) -> None:
    """Mark what the sweep found gone or back, and resolve every incident of which nothing is left."""
    for incident in services.ledger.live():
        if incident.state in _UNDER_REPAIR:
            continue
        left = mark(incident, sweep, services)
        if left is not None and not left:
            names = ", ".join(dict.fromkeys(finding.detector for finding in incident.states))
            move(incident, _CLOSABLE, State.RESOLVED, "close", f"{names} looked again and found it gone", services)


def mark(incident: Incident, sweep: Sweep, services: IncidentServices) -> Sequence[Finding] | None:
    """The states of the incident that are not known to be gone; None when the sweep did not look at any of them."""
    looked = [finding for finding in incident.states if could_look(sweep, finding)]
    if not looked:
        return None
    back = [finding.fingerprint for finding in looked if sweep.sees(finding.fingerprint)]
    gone = [finding.fingerprint for finding in looked if finding.fingerprint not in back]
    return services.ledger.mark(incident.id, gone=gone, back=back, at=sweep.finished_at)


def _merged(shards: Sequence[Sweep]) -> Sweep:
    looked_at = {host: kinds for shard in shards for host, kinds in shard.looked_at.items()}
    return shards[0].model_copy(
        update={
            "findings": tuple(finding for shard in shards for finding in shard.findings),
            "looked_at": looked_at,
            "figures": {host: shown for shard in shards for host, shown in shard.figures.items()},
            "blind": tuple(blind for shard in shards for blind in shard.blind),
            "asleep": tuple(host for shard in shards for host in shard.asleep),
            "finished_at": max(shard.finished_at for shard in shards),
        }
    )


def _attach(sweep: Sweep, services: IncidentServices) -> Sequence[Incident]:
    """Give every finding to its incident; returns the incidents that are new."""
    live = list(services.ledger.live())
    unknown: list[Finding] = []
    for finding in (*sweep.findings, *blind_findings(sweep, services)):
        home = _home(finding, live)
        if home is None:
            unknown.append(finding)
        elif finding.fingerprint not in {known.fingerprint for known in home.findings}:
            _join(home, finding, sweep, services)
        else:
            services.ledger.see(home.id, [finding], sweep.finished_at)
    under_repair = {host: incident for incident in live if incident.state in _UNDER_REPAIR for host in incident.hosts}
    fresh: list[Finding] = []
    for finding in unknown:
        if finding.host in under_repair:
            incident = under_repair[finding.host]
            text = (
                f"{finding.host} is under repair, so this is linked and looked at again afterwards: {finding.summary}"
            )
            if services.ledger.first_time(f"{incident.id}:{finding.fingerprint}", sweep.finished_at):
                services.ledger.note(incident.id, Entry(at=services.clock(), step="correlate", text=text))
        else:
            fresh.append(finding)
    return [_open(group, sweep, services) for group in _groups(fresh, services)]


def _home(finding: Finding, live: Sequence[Incident]) -> Incident | None:
    """The unresolved incident the finding belongs to: the same identity first, then the same cause."""
    for incident in live:
        if any(known.fingerprint == finding.fingerprint for known in incident.findings):
            return incident
    if not finding.cause:
        return None
    for incident in live:
        shared = finding.shared and len(incident.hosts) > 1
        if any(known.cause == finding.cause and (known.host == finding.host or shared) for known in incident.findings):
            return incident
    return None


def _join(home: Incident, finding: Finding, sweep: Sweep, services: IncidentServices) -> None:
    seen = services.ledger.see(home.id, [finding], sweep.finished_at)
    text = f"{finding.detector} also sees on {finding.host}: {finding.summary}"
    services.ledger.note(home.id, Entry(at=services.clock(), step="correlate", text=text))
    happened(seen, "incident.seen", text, services, kind=finding.kind, subject=finding.subject)


def _groups(findings: Sequence[Finding], services: IncidentServices) -> list[list[Finding]]:
    """One list per trouble. Occurrences without a state are evidence without an incident, so they make none."""
    by_cause: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        key = (finding.host, finding.cause) if finding.cause else (finding.host, finding.fingerprint)
        by_cause.setdefault(key, []).append(finding)
    fleet: dict[str, list[tuple[str, str]]] = {}
    for (host, cause), group in by_cause.items():
        if any(finding.shared and finding.cause for finding in group):
            fleet.setdefault(cause, []).append((host, cause))
    for cause, keys in fleet.items():
        if len(keys) >= services.group_hosts:
            by_cause[("", cause)] = [finding for key in keys for finding in by_cause.pop(key)]
    with_state = [group for group in by_cause.values() if any(finding.persistence == "state" for finding in group)]
    _report_occurrences([group for group in by_cause.values() if group not in with_state], services)
    return with_state


def _report_occurrences(groups: Sequence[Sequence[Finding]], services: IncidentServices) -> None:
    for finding in (finding for group in groups for finding in group):
        if services.ledger.first_time(finding.fingerprint, finding.seen_at):
            services.events.publish(finding_event(finding, severity=Severity.INFO))


def _open(group: Sequence[Finding], sweep: Sweep, services: IncidentServices) -> Incident:
    now = services.clock()
    ordered = sorted(group, key=lambda finding: (finding.persistence != "state", -finding.severity.rank))
    lead, hosts = ordered[0], dict.fromkeys(finding.host for finding in group)
    place = lead.host if len(hosts) == 1 else f"{len(hosts)} hosts"
    incident = Incident(
        id=new_id("inc", now),
        state=State.NEW,
        severity=worst([finding.severity for finding in group]),
        title=f"{place}: {lead.summary}",
        findings=tuple(ordered),
        opened_at=now,
        changed_at=now,
        last_seen_at=sweep.finished_at,
        relapse_of=_relapse_of(group, services),
        sweep=sweep.id,
    )
    seen = min(finding.seen_at for finding in group)
    text = f"{lead.detector} saw it at {seen:%H:%M:%S} UTC: {lead.summary}"
    if incident.relapse_of:
        text += f" (a relapse of {incident.relapse_of})"
    services.ledger.open(incident, Entry(at=now, step="correlate", text=text, state=State.NEW))
    for finding in group:
        services.events.publish(finding_event(finding, incident=incident.id))
    happened(
        incident,
        "incident.opened",
        incident.title,
        services,
        sweep=sweep.id,
        relapse_of=incident.relapse_of,
        findings=[finding.kind for finding in group],
    )
    return incident


def _relapse_of(group: Sequence[Finding], services: IncidentServices) -> str:
    since = services.clock() - services.relapse_window
    for finding in group:
        before = services.ledger.last_resolved(finding.fingerprint, since) if finding.persistence == "state" else None
        if before:
            return before.id
    return ""
