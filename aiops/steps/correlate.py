"""correlate: what a sweep means for the incidents we know.

1. The shards of a sweep are taken together, so that thirty hosts with one cause make one incident.
2. A detector that looked and did not find a state any more closes the incident that held it. Only that closes.
3. A finding whose fingerprint an unresolved incident holds belongs to it; so does one with the same host and cause.
4. What somebody silenced, what a repair stirs up and what a dead node hides is recorded and opens nothing.
5. What is left opens incidents; too many of them at once are a storm.

A sweep is one transaction: it is worked through wholly or not at all, and one commit is paid for all its findings.
"""

from collections import defaultdict
from collections.abc import Sequence

from aiops.domain.finding import Finding
from aiops.domain.handover import Handover
from aiops.domain.incident import Entry, Incident, State
from aiops.domain.sweep import Sweep
from aiops.domain.verdict import Verdict
from aiops.ports import IncidentServices
from aiops.steps.baseline import adopt, before_us, first_looks
from aiops.steps.blindness import blind_findings, could_look
from aiops.steps.consider import consider
from aiops.steps.crowd import Crowd
from aiops.steps.group import groups, open_incident
from aiops.steps.homes import Homes
from aiops.steps.hush import UNDER_REPAIR, Hush, Reason, benign, note_inhibition, note_repair
from aiops.steps.outbox import whole
from aiops.steps.record import happened, move
from aiops.steps.ripen import ripen, tell_ripened
from aiops.steps.storm import watch_storm

MOST_OCCURRENCES = 50
"""Occurrences that one incident holds as evidence: nobody reads more, and every sweep reads the record."""
_CLOSABLE = (State.NEW, State.TRIAGED, State.AWAITING_APPROVAL, State.ESCALATED, State.SUPPRESSED)


def correlate(sweep: Sweep, services: IncidentServices) -> Handover:
    """Keep a shard; work through the sweep when it was the last one."""
    arrived = services.ledger.record_sweep(sweep)
    if arrived < sweep.patrol.shards:
        return Handover(gather=sweep.id)
    return gather(sweep.id, services)


def gather(sweep: str, services: IncidentServices) -> Handover:
    """Work through the shards of a sweep that have arrived and were not worked through before."""
    with whole(services) as inside:
        shards = services.ledger.take_sweep(sweep)
        if not shards:
            return Handover()
        merged, ripened = ripen(_merged(shards), inside)
        close_gone(merged, inside)
        opened, adopted = adopt(_attach(merged, inside), merged, inside)
        adopted += tell_ripened(ripened, inside)
    storm = watch_storm(services)
    return sum((_judge(incident, services) for incident in opened), storm + adopted)


def close_gone(sweep: Sweep, services: IncidentServices) -> None:
    """Mark what the sweep found gone or back, and resolve every incident of which nothing is left."""
    seen = _fingerprints(sweep)
    for incident in services.ledger.live():
        if incident.state in UNDER_REPAIR:
            continue
        left = mark(incident, sweep, services, seen)
        if left is not None and not left and not _restless(incident, sweep, services):
            move(incident, _CLOSABLE, State.RESOLVED, "close", _why_gone(incident, services), services)


def mark(
    incident: Incident, sweep: Sweep, services: IncidentServices, seen: frozenset[str] | None = None
) -> Sequence[Finding] | None:
    """The states of the incident that are not known to be gone; None when the sweep did not look at any of them."""
    looked = [finding.fingerprint for finding in incident.states if could_look(sweep, finding)]
    if not looked:
        return None
    there = _fingerprints(sweep) if seen is None else seen
    there -= {finding.fingerprint for finding in incident.states if benign(finding, services)}
    back = [fingerprint for fingerprint in looked if fingerprint in there]
    gone = [fingerprint for fingerprint in looked if fingerprint not in there]
    return services.ledger.mark(incident.id, gone=gone, back=back, at=sweep.finished_at)


def _why_gone(incident: Incident, services: IncidentServices) -> str:
    harmless = [reason.text for finding in incident.states if (reason := benign(finding, services))]
    if harmless:
        return f"what is left is known to be benign: {harmless[0]}"
    names = ", ".join(dict.fromkeys(finding.detector for finding in incident.states))
    return f"{names} looked again and found it gone"


def _fingerprints(sweep: Sweep) -> frozenset[str]:
    return frozenset(finding.fingerprint for finding in sweep.findings)


def _restless(incident: Incident, sweep: Sweep, services: IncidentServices) -> bool:
    """What flaps is over only when it has stayed away for a while."""
    since = services.ledger.gone_since(incident.id) if incident.flapping else None
    return since is not None and sweep.finished_at - since < services.quiet.flap_rest


def _judge(incident: Incident, services: IncidentServices) -> Handover:
    if not incident.flapping:
        return consider(incident, services)
    reason = f"it comes and goes: {services.quiet.flap_times} times or more in {services.quiet.flap_hours} h"
    return Handover(
        verdicts=(Verdict(incident=incident.id, action="alert_human", reason=reason, source="rule:flapping"),)
    )


def _merged(shards: Sequence[Sweep]) -> Sweep:
    ordered = sorted(shards, key=lambda shard: shard.patrol.shard)
    looked_at = {host: kinds for shard in ordered for host, kinds in shard.looked_at.items()}
    return ordered[0].model_copy(
        update={
            "findings": tuple(finding for shard in ordered for finding in shard.findings),
            "looked_at": looked_at,
            "figures": {host: shown for shard in ordered for host, shown in shard.figures.items()},
            "blind": tuple(blind for shard in ordered for blind in shard.blind),
            "asleep": tuple(host for shard in ordered for host in shard.asleep),
            "finished_at": max(shard.finished_at for shard in ordered),
        }
    )


def _attach(sweep: Sweep, services: IncidentServices) -> Sequence[Incident]:
    """Give every finding to its incident, or to the reason that keeps it quiet; returns the incidents that are new."""
    homes = Homes(services.ledger.live())
    hush = Hush(homes.incidents.values(), services)
    known: dict[str, list[Finding]] = defaultdict(list)
    muted: dict[Reason, list[Finding]] = defaultdict(list)
    stirred: dict[Reason, list[Finding]] = defaultdict(list)
    rest: list[Finding] = []
    for finding in (*sweep.findings, *blind_findings(sweep, services)):
        fingerprint = finding.fingerprint
        if reason := benign(finding, services):
            muted[reason].append(finding)
        elif home := homes.holds(fingerprint):
            known[home].append(finding)
        elif reason := hush.silenced(finding) or hush.backed_up(finding):
            muted[reason].append(finding)
        elif home := homes.kin(finding):
            known[home].append(finding)
        elif reason := hush.repaired(finding, fingerprint):
            stirred[reason].append(finding)
        else:
            rest.append(finding)
    for home, findings in known.items():
        _join(homes.incidents[home], findings, sweep, services)
    for reason, findings in muted.items():
        services.ledger.mute(reason.by, reason.text, findings, sweep.finished_at)
        hush.goes_down(findings, reason.by)
    for reason, findings in stirred.items():
        note_repair(
            reason, findings, services.ledger.mute(reason.by, reason.text, findings, sweep.finished_at), services
        )
    return _open_all(rest, hush, homes, sweep, services)


def _open_all(
    rest: Sequence[Finding], hush: Hush, homes: Homes, sweep: Sweep, services: IncidentServices
) -> Sequence[Incident]:
    """Hosts with nothing dead above them first: what runs on a host that is gone is kept with that host's incident."""
    below = hush.below(rest)
    crowd = Crowd(homes.incidents.values(), services)
    first = first_looks(sweep, services)

    def open_groups(fresh: Sequence[Finding]) -> list[Incident]:
        # What was there before us makes no storm, however much it is.
        grouped = groups(fresh, services)
        old = [group for group in grouped if before_us(group, first)]
        made, joining = crowd.place([group for group in grouped if group not in old])
        for home, findings in joining.items():
            _join(homes.incidents[home], findings, sweep, services)
        opened = [open_incident(group, sweep, services) for group in (*old, *made)]
        for incident in opened:
            hush.goes_down(incident.findings, incident.id)
        return opened

    opened = open_groups([finding for finding in rest if finding.host not in below])
    hidden: dict[Reason, list[Finding]] = defaultdict(list)
    fresh: list[Finding] = []
    for finding in (finding for finding in rest if finding.host in below):
        reason = hush.hidden(finding)
        if reason:
            hidden[reason].append(finding)
        else:
            fresh.append(finding)
    for reason, findings in hidden.items():
        new = services.ledger.mute(reason.by, reason.text, findings, sweep.finished_at)
        note_inhibition(reason, findings, new, services)
    return [*opened, *open_groups(fresh)]


def _room_for(
    findings: Sequence[Finding], home: Incident, known: set[str]
) -> tuple[Sequence[Finding], Sequence[Finding]]:
    """What the incident takes in, and the occurrences that are only counted: a log may say the same for ever."""
    new = dict.fromkeys(
        finding.fingerprint
        for finding in findings
        if finding.persistence == "occurrence" and finding.fingerprint not in known
    )
    beyond = set(list(new)[max(0, MOST_OCCURRENCES - (len(home.findings) - len(home.states))) :])
    return (
        [finding for finding in findings if finding.fingerprint not in beyond],
        [finding for finding in findings if finding.fingerprint in beyond],
    )


def _join(home: Incident, findings: Sequence[Finding], sweep: Sweep, services: IncidentServices) -> None:
    known = {finding.fingerprint for finding in home.findings}
    findings, beyond = _room_for(findings, home, known)
    services.ledger.mute(home.id, "more of the same", beyond, sweep.finished_at)
    seen = services.ledger.see(home.id, findings, sweep.finished_at)
    for finding in {finding.fingerprint: finding for finding in findings}.values():
        if finding.fingerprint not in known:
            text = f"{finding.detector} also sees on {finding.host}: {finding.summary}"
            services.ledger.note(home.id, Entry(at=services.clock(), step="correlate", text=text))
            happened(seen, "incident.seen", text, services, kind=finding.kind, subject=finding.subject)
