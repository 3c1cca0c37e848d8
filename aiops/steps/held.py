"""ask_held: when quiet hours are over, a detector looks again, and only what still holds is asked about."""

from datetime import timedelta

from aiops.domain.fact import new_id
from aiops.domain.handover import Handover
from aiops.domain.heard import INGEST
from aiops.domain.held import Held
from aiops.domain.incident import Incident, State
from aiops.domain.sweep import Patrol
from aiops.errors import AiopsError
from aiops.ports import IncidentServices
from aiops.steps.authorise import ask, decide, escalate, plan_for, start

LOOK_PATIENCE = timedelta(minutes=5)
"""A look is a minute at most; a host that nobody could look at for so long is asked about as it was."""


def ask_held(services: IncidentServices) -> Handover:
    """One round over every question that waits."""
    return sum((_round(held, services) for held in services.ledger.held()), Handover())


def _round(held: Held, services: IncidentServices) -> Handover:
    incident, now = services.ledger.get(held.incident), services.clock()
    plan = services.ledger.plan_of(incident.id)
    approved = plan is not None and services.ledger.approval(plan.id) is not None
    if incident.state is not State.AWAITING_APPROVAL or plan is None or approved:
        services.ledger.unhold(incident.id)
        return Handover()
    if now < held.until:
        return Handover()
    if not held.look:
        look = _look(incident, services)
        services.ledger.looking(incident.id, look.sweep, now)
        return Handover(looks=(look,))
    arrived = services.ledger.sweep(held.look)
    if not arrived and held.looked_at and now - held.looked_at < LOOK_PATIENCE:
        return Handover()
    services.ledger.unhold(incident.id)
    seen = {finding.fingerprint for sweep in arrived for finding in sweep.findings}
    again = any(finding.fingerprint in seen for finding in incident.states)
    words = (
        "looked at again after quiet hours: it still holds"
        if again
        else "quiet hours are over, but nobody could look again"
    )
    return _ask(incident, plan.remediation, words, services)


def _ask(incident: Incident, playbook: str, words: str, services: IncidentServices) -> Handover:
    """A plan made now, with parameters of now, and what policy says of it now."""
    try:
        plan = plan_for(incident, playbook, services)
        decision, reason = decide(incident, plan, services.catalogue[playbook], services)
    except AiopsError as error:
        return escalate(incident, "authorise", f"{words}; {playbook} cannot be planned: {error}", services)
    services.ledger.store_plan(plan)
    if decision == "never":
        return escalate(incident, "authorise", f"{words}; {reason}", services)
    if decision == "auto":
        return start(incident, plan, f"{words}; {reason}", services)
    return ask(incident, plan, f"{words}; {reason}", services)


def _look(incident: Incident, services: IncidentServices) -> Patrol:
    now = services.clock()
    return Patrol(
        sweep=new_id("look", now),
        detectors=tuple(sorted({finding.detector for finding in incident.states} - {INGEST})),
        hosts=incident.hosts,
        started_by="quiet_hours",
        requested_at=now,
    )
