"""undo: the way back from a repair, as a plan like any other: approved by a human, signed, recorded.

Whether the hosts are still as the repair left them, the playbook that takes it back looks at itself, in check mode. What has been
taken back is the human's: the trouble will be seen again, by the incident of the undo, and nothing is repaired by itself.
"""

from aiops.domain.handover import Handover
from aiops.domain.incident import Incident, State
from aiops.domain.plan import Plan
from aiops.domain.remediation import ParamValue, Remediation
from aiops.errors import RefusedError
from aiops.ports import IncidentServices
from aiops.remediations import check_params
from aiops.steps.asked import UNDO, finish, open_asked, plan_asked
from aiops.steps.authorise import await_approval, escalate
from aiops.steps.autonomy import not_held
from aiops.steps.shadow import refuse_in_shadow

_AT_WORK = frozenset({State.REMEDIATING, State.VERIFYING})


def undo(incident: str, who: str, why: str, services: IncidentServices) -> tuple[Plan, Handover]:
    """Make the plan that takes the incident's repair back, in an incident of its own.

    :raises UnknownError: no such incident, or a host is no longer known
    :raises RefusedError: ``repaired`` it never was, ``rollback`` there is none, ``undone`` it is already, ``drift`` its hosts
        were repaired again since, ``state`` something runs, ``policy`` says never, ``shadow`` nothing is changed
    """
    refuse_in_shadow((), services)
    known = services.ledger.get(incident)
    done = services.ledger.succeeded(incident)
    if done is None:
        raise RefusedError("repaired", f"{incident} was never repaired by a playbook: there is nothing to take back")
    if known.state in _AT_WORK:
        raise RefusedError("state", f"{incident} is {known.state.value}; wait for its end")
    repair, back, params = _way_back(done, services)
    _not_twice(done, services)
    _not_over_another(done, services)
    hosts = [services.inventory.find(name) for name in done.hosts]
    kinds = [finding.kind for finding in known.findings if finding.kind in {fix.kind for fix in repair.fixes}]
    decision, reason = services.policy.decide(
        kinds or [UNDO], back, hosts, known.severity, relapse=False, at=services.clock()
    )
    if decision == "never":
        raise RefusedError("policy", reason)
    text = f"{who} asked to take back {done.remediation}"
    with services.ledger.together():
        opened = open_asked(UNDO, done.id, done.hosts, text, who, services)
        rationale = f"takes back {done.remediation} of {incident} ({done.id}): {why or f'{who} asked for it'}"
        plan = plan_asked(opened, back, params, rationale, services)
    return plan, await_approval(opened, plan, f"{text} of {incident}", services, awake=True)


def undone(incident: Incident, plan: Plan, services: IncidentServices) -> Handover:
    """It was taken back. What it had repaired comes back too: this incident waits for it, in a human's hands."""
    done = services.ledger.plan(incident.findings[0].subject)
    before = services.ledger.get(done.incident)
    taken = not_held(before.id, incident, services)
    back = [finding for finding in before.states if services.ledger.by_fingerprint(finding.fingerprint) is None]
    if not back:
        return taken + finish(incident, plan, services)
    services.ledger.see(incident.id, back, services.clock())
    seen = services.ledger.get(incident.id)
    text = f"{done.remediation} of {before.id} is taken back; what it had repaired is yours: {back[0].summary}"
    return taken + escalate(seen, "undo", text, services)


def _way_back(done: Plan, services: IncidentServices) -> tuple[Remediation, Remediation, dict[str, ParamValue]]:
    """What repaired, what takes it back, and with which parameters."""
    repair = services.catalogue.get(done.remediation)
    if repair is None:
        raise RefusedError("rollback", f"the catalogue no longer has {done.remediation}")
    if repair.undo is None:
        raise RefusedError(
            "rollback", f"{repair.id} cannot be taken back by a playbook. Its rollback: {repair.rollback}"
        )
    back = services.catalogue[repair.undo.playbook]
    given: dict[str, ParamValue] = {}
    for param, source in repair.undo.params.items():
        if source.startswith("="):
            given[param] = source[1:]
        elif source in done.params:
            given[param] = done.params[source]
    try:
        return repair, back, check_params(back, given)
    except RefusedError as refusal:
        reason = f"{repair.id} as it ran cannot be taken back ({refusal.text}). Its rollback: {repair.rollback}"
        raise RefusedError("rollback", reason) from None


def _not_twice(done: Plan, services: IncidentServices) -> None:
    for other in services.ledger.search(text=done.id):
        lead = other.findings[0]
        if (lead.kind, lead.subject) != (UNDO, done.id):
            continue
        if services.ledger.succeeded(other.id):
            raise RefusedError("undone", f"{done.id} is taken back already, by {other.id}")
        if other.state in _AT_WORK or other.state is State.AWAITING_APPROVAL:
            raise RefusedError("undone", f"{other.id} is there to take it back already: it is {other.state.value}")


def _not_over_another(done: Plan, services: IncidentServices) -> None:
    """A later run of the same playbook on one of the hosts has left another state behind, and keeps another one."""
    first = services.ledger.outcome(done.id)
    for host in done.hosts:
        for other in services.ledger.search(host=host):
            later = services.ledger.succeeded(other.id)
            ended = services.ledger.outcome(later.id) if later else None
            if later is None or ended is None or first is None or later.remediation != done.remediation:
                continue
            if ended.finished_at > first.finished_at:
                reason = f"{host} has changed since: {later.remediation} ran there again for {other.id}"
                raise RefusedError("drift", f"{reason}; take that back first")
