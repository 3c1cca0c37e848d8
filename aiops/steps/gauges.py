"""gauges: how things stand now, as samples. Whoever serves them computes nothing."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from aiops.domain.incident import Incident, State
from aiops.domain.metric import METRICS, Sample, label
from aiops.domain.sweep import Look
from aiops.ports.metering import ExecutionFigures, GaugeServices


def ledger_gauges(services: GaugeServices) -> Iterator[Sample]:
    """What CT190's ledger says.

    :raises LedgerBusyError: it cannot be read now
    """
    now = services.clock()
    incidents = [one for one in services.ledger.live() if one.state.open]
    stand = Counter((one.severity.value, one.state.value) for one in incidents)
    for labels in {*METRICS["aiops_incidents_open"].known, *stand}:
        yield Sample("aiops_incidents_open", stand[labels[0], labels[1]], labels)
    hosts = Counter(finding.host for one in incidents for finding in one.states)
    for host, findings in hosts.most_common(METRICS["aiops_findings_open"].most):
        yield Sample("aiops_findings_open", findings, (host,))
    waiting = [one.changed_at for one in incidents if one.state is State.AWAITING_APPROVAL]
    yield Sample("aiops_approvals_waiting", len(waiting))
    oldest = (now - min(waiting)).total_seconds() if waiting else 0.0
    yield Sample("aiops_approval_oldest_age_seconds", max(0.0, oldest))
    yield Sample("aiops_frozen", bool(services.ledger.frozen()))
    for one in services.ledger.recent(METRICS["aiops_incident_changed_timestamp_seconds"].most):
        yield Sample("aiops_incident_changed_timestamp_seconds", one.changed_at.timestamp(), _labels(one))
    yield from _guardians(services)


def _labels(incident: Incident) -> tuple[str, ...]:
    """What tells incidents apart at a glance. Titles and subjects hold what hosts say, and are left to the log."""
    first, *others = incident.hosts
    host = f"{label(first)} +{len(others)}" if others else label(first)
    kind = label(incident.findings[0].kind)
    return (label(incident.id), kind, host, incident.severity.value, incident.state.value)


def _guardians(services: GaugeServices) -> Iterator[Sample]:
    known = {host.name for host in services.inventory.hosts()}
    looks: dict[str, list[Look]] = {}
    for look in services.ledger.looks():
        if look.host in known:
            looks.setdefault(look.detector, []).append(look)
    for guardian, since in services.expected().items():
        seen = looks.get(guardian, [])
        if guardian in services.periods:
            yield Sample("aiops_guardian_period_seconds", services.periods[guardian].total_seconds(), (guardian,))
        if seen:
            last = max(look.at for look in seen)
            yield Sample("aiops_guardian_last_look_timestamp_seconds", last.timestamp(), (guardian,))
        yield Sample("aiops_guardian_late_hosts", sum(look.at < since for look in seen), (guardian,))
        yield Sample("aiops_guardian_blind_hosts", sum(bool(look.blind) for look in seen), (guardian,))


def redis_gauges(services: GaugeServices) -> Iterator[Sample]:
    """What Redis says.

    :raises BusError: it does not answer
    """
    for queue, length in services.queues.lengths(services.names).items():
        yield Sample("aiops_queue_messages", length, (queue,))
    processes = services.watch.processes
    ages = services.pulse.ages(processes)
    for process in processes:
        up = ages.get(process, float("inf")) < services.watch.silent_seconds
        yield Sample("aiops_process_up", up, (process,))


def execution_gauges(ledger: ExecutionFigures, now: datetime) -> Iterator[Sample]:
    """What CT196's ledger says.

    :raises LedgerBusyError: it cannot be read now
    """
    counts = ledger.counts()
    for state in METRICS["aiops_plans"].known:
        yield Sample("aiops_plans", counts.plans.get(state[0], 0), state)
    running = (now - counts.oldest_start).total_seconds() if counts.oldest_start else 0.0
    yield Sample("aiops_run_oldest_age_seconds", max(0.0, running))
    yield Sample("aiops_held_hosts", counts.held_hosts)
    yield Sample("aiops_sessions_running", counts.sessions)
    yield Sample("aiops_records_waiting", counts.records)
    yield Sample("aiops_nightly_backup_running", counts.backup_open)
    if counts.backup_succeeded:
        last = counts.backup_succeeded.timestamp()
        yield Sample("aiops_nightly_backup_last_success_timestamp_seconds", last)
