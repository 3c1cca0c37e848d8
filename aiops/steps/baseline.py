"""baseline: what a host's first look finds was there before we were. One digest for a human, instead of a storm.

An incident all of whose states were looked for on their hosts for the first time is suppressed with the reason ``baseline``: no
model is asked, nothing is repaired, nobody is told one by one. It closes as every incident does, when a detector finds it gone;
it is opened by a human, or by itself when it gets worse.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from aiops.domain.event import Event
from aiops.domain.finding import Finding
from aiops.domain.handover import Handover
from aiops.domain.incident import Entry, Incident, State
from aiops.domain.severity import Severity, worst
from aiops.domain.sweep import Sweep
from aiops.ports import IncidentServices
from aiops.steps.consider import consider
from aiops.steps.outbox import whole
from aiops.steps.record import SOURCE, move
from aiops.steps.tell import tell

QUIET = timedelta(seconds=60)
"""A digest waits until no more has come for so long: the slowest shard of a first sweep belongs to it."""

_KINDS = 12
_CRITICALS = 20


def adopt(opened: Sequence[Incident], sweep: Sweep, services: IncidentServices) -> tuple[Sequence[Incident], Handover]:
    """The opened incidents that are news, and what to do about older ones that got worse. The others become the baseline."""
    if not services.baseline:
        return opened, Handover()
    worse = _worse(services)
    first = first_looks(sweep, services)
    news = []
    for incident in opened:
        if not before_us(incident.findings, first):
            news.append(incident)
            continue
        services.ledger.keep_baseline(incident.id, incident.severity, services.clock())
        text = "baseline: it was there at the first look"
        move(incident, (State.NEW,), State.SUPPRESSED, "baseline", text, services)
    return news, worse


def first_looks(sweep: Sweep, services: IncidentServices) -> frozenset[tuple[str, str]]:
    """The hosts and kinds that this sweep looked for as the first one; none where no baseline is wanted."""
    return services.ledger.first_looks(sweep.id) if services.baseline else frozenset()


def before_us(findings: Sequence[Finding], first: frozenset[tuple[str, str]]) -> bool:
    """Whether all states among the findings were looked for on their hosts for the first time."""
    return all((finding.host, finding.kind) in first for finding in findings if finding.persistence == "state")


def digest(services: IncidentServices) -> Handover:
    """One notice for everything that became baseline and that no notice has named, once it has been quiet for ``QUIET``."""
    with whole(services) as inside:
        return _digest(inside)


def _digest(services: IncidentServices) -> Handover:
    now = services.clock()
    untold = services.ledger.untold_baseline(now - QUIET)
    if not untold:
        return Handover()
    incidents = [services.ledger.get(name) for name in untold]
    services.ledger.told_baseline(untold, now)
    left = [incident for incident in incidents if incident.state is State.SUPPRESSED]
    if not left:
        return Handover()
    notice = Event(
        source=SOURCE,
        cron="guardian-baseline",
        severity=worst([incident.severity for incident in left]),
        timestamp=now,
        host=f"{len({host for incident in left for host in incident.hosts})} hosts",
        symptom=_text(left),
        type="baseline.digest",
        context={
            "incidents": len(left),
            "critical": [incident.id for incident in left if incident.severity is Severity.CRITICAL],
            "kinds": dict(_kinds(left)),
        },
    )
    services.events.publish(notice)
    return Handover(notices=tell(notice, services))


def chosen(services: IncidentServices, *, kind: str = "", host: str = "") -> list[Incident]:
    """The baseline nobody has decided on, worst first; an empty filter matches everything."""
    incidents = [services.ledger.get(name) for name in services.ledger.baseline()]
    matching = [
        incident
        for incident in incidents
        if (not host or host in incident.hosts) and (not kind or kind in {finding.kind for finding in incident.states})
    ]
    return sorted(matching, key=lambda incident: -incident.severity.rank)


def accept(incidents: Sequence[Incident], who: str, services: IncidentServices) -> int:
    """They are known and stay as they are, until a detector finds them gone or worse; returns how many that was news for."""
    news = [incident for incident in incidents if services.ledger.decide_baseline(incident.id)]
    for incident in news:
        text = "accepted: it stays as it is until it is gone or gets worse"
        services.ledger.note(incident.id, Entry(at=services.clock(), step="baseline", text=text, who=who))
    return len(news)


def reopen(incidents: Sequence[Incident], who: str, services: IncidentServices) -> Handover:
    """They are worked on like anything new: known fix, model, human, as policy says."""
    return sum((_open(incident, f"opened from the baseline by {who}", services) for incident in incidents), Handover())


def _worse(services: IncidentServices) -> Handover:
    """Also what a human has accepted: he accepted what he saw."""
    handed, before = Handover(), services.ledger.baseline(accepted=True)
    for incident in services.ledger.live():
        severity = before.get(incident.id, incident.severity)
        if incident.severity.rank > severity.rank:
            text = f"it was {severity.value} in the baseline and is {incident.severity.value} now"
            handed += _open(incident, text, services)
    return handed


def _open(incident: Incident, text: str, services: IncidentServices) -> Handover:
    services.ledger.decide_baseline(incident.id)
    opened = move(incident, (State.SUPPRESSED,), State.NEW, "baseline", text, services)
    return consider(opened, services) if opened else Handover()


def _kinds(incidents: Sequence[Incident]) -> list[tuple[str, int]]:
    """Lead kinds with how many incidents each, the most first."""
    return Counter(incident.findings[0].kind for incident in incidents).most_common()


def _text(incidents: Sequence[Incident]) -> str:
    critical = [incident for incident in incidents if incident.severity is Severity.CRITICAL]
    hosts = {host for incident in incidents for host in incident.hosts}
    lines = [
        f"first look: {len(incidents)} troubles on {len(hosts)} hosts were there before aiops; none of them is touched"
    ]
    lines += [f"CRITICAL {incident.title} ({incident.id})" for incident in critical[:_CRITICALS]]
    if len(critical) > _CRITICALS:
        lines.append(f"CRITICAL and {len(critical) - _CRITICALS} more: aiops baseline list")
    kinds = _kinds(incidents)
    lines += [f"{count} x {kind}" for kind, count in kinds[:_KINDS]]
    if len(kinds) > _KINDS:
        lines.append(f"and {sum(count for _, count in kinds[_KINDS:])} more of {len(kinds) - _KINDS} other kinds")
    lines.append("decide in bulk: aiops baseline list | accept | open, with --kind and --host")
    return "\n".join(lines)
