"""conclude: what came of a session. A proposal goes the way of every plan, and a human decides; all else goes to a human."""

from datetime import timedelta

from aiops.domain.fact import new_id
from aiops.domain.finding import Finding
from aiops.domain.handover import Handover
from aiops.domain.incident import Entry, Incident, State
from aiops.domain.plan import Plan
from aiops.domain.session import Grant, ProposedPlan, SessionEnd
from aiops.domain.verdict import Attempt
from aiops.errors import AiopsError, RefusedError, UnknownError
from aiops.ports import IncidentServices
from aiops.remediations import check_params
from aiops.steps.authorise import await_approval, decide, escalate
from aiops.steps.quiet import notices
from aiops.steps.record import happened
from aiops.steps.session import request_session, ring_session

GRACE = timedelta(seconds=120)
"""Beyond a grant's latest start and its time: then CT196 is taken to be gone."""


def conclude(end: SessionEnd, services: IncidentServices) -> Handover:
    """Record how a session of ours ended, book it, and act on it; a doubled message changes nothing."""
    if not services.ledger.conclude(end):
        return Handover()
    incident = services.ledger.get(end.incident)
    _book(end, services)
    used = f"{end.calls} turns, {end.tokens_in + end.tokens_out} tokens"
    text = f"{end.session} ended {end.ending} after {used}: {end.reason}"
    services.ledger.note(incident.id, Entry(at=services.clock(), step="session", text=text, who="CT196"))
    happened(
        incident,
        "session.concluded",
        text,
        services,
        session=end.session,
        ending=end.ending,
        calls=end.calls,
        tokens=end.tokens_in + end.tokens_out,
        branch=end.branch,
    )
    if incident.state is not State.TRIAGED:
        return Handover()
    if end.ending == "proposed" and end.plan:
        return _plan(incident, end, end.plan, services)
    if end.ending == "proposed" and end.branch:
        reason = f"an agent wrote a new playbook; review the branch {end.branch}: {end.reason}"
    else:
        reason = f"an agent looked and it ended {end.ending}: {end.reason}"
    return escalate(incident, "session", reason, services)


def again_session(grant: Grant, services: IncidentServices) -> Handover:
    """A session that nobody has heard of: rung for again, and given up when it cannot come any more."""
    now = services.clock()
    if now <= grant.not_after + timedelta(seconds=grant.budget.seconds) + GRACE:
        return ring_session(grant, services)
    frozen = services.ledger.frozen()
    why = f"everything was frozen by {frozen}" if frozen else "CT196 never said how it ended"
    return conclude(
        SessionEnd(session=grant.id, incident=grant.incident, ending="lost", reason=why, finished_at=now), services
    )


def ask_session(incident: str, who: str, services: IncidentServices) -> Handover:
    """CT196's SSH entry asks for a session: what cannot be granted is told to the human, not raised."""
    try:
        return request_session(incident, who, "asked for over SSH", services)
    except UnknownError:
        return Handover()
    except RefusedError as refusal:
        known = services.ledger.get(incident)
        text = f"{who} wanted an agent to look, refused: {refusal.text}"
        services.ledger.note(incident, Entry(at=services.clock(), step="session", text=text, who=who))
        told = happened(known, "session.refused", text, services, reason=refusal.reason)
        return Handover(notices=notices(known, told, services))


def _plan(incident: Incident, end: SessionEnd, proposed: ProposedPlan, services: IncidentServices) -> Handover:
    """The agent's plan, checked as if a stranger had sent it. It is never automatic: its parameters come from a model."""
    try:
        plan = proposed_plan(incident, end, services)
        decision, reason = decide(incident, plan, services.catalogue[plan.remediation], services, asked=True)
    except AiopsError as error:
        return escalate(incident, "session", f"an agent proposed {proposed.playbook}: {error}", services)
    if decision == "never":
        return escalate(incident, "session", f"an agent proposed {proposed.playbook}: {reason}", services)
    services.ledger.store_plan(plan)
    text = (
        f"plan {plan.id}: {plan.remediation} on {', '.join(plan.hosts)} with {plan.params}; proposed by {end.session}"
    )
    services.ledger.note(incident.id, Entry(at=services.clock(), step="session", text=text))
    return await_approval(incident, plan, f"an agent proposes it: {end.reason}", services)


def proposed_plan(incident: Incident, end: SessionEnd, services: IncidentServices) -> Plan:
    """The plan that an agent proposed: one host, which is the incident's, and parameters that the manifest allows.

    :raises UnknownError: there is no such playbook, or it is not for a host of the incident
    :raises RefusedError: a parameter is not what its manifest allows
    """
    proposed = end.plan
    remediation = services.catalogue.get(proposed.playbook) if proposed else None
    if proposed is None or remediation is None:
        raise UnknownError("playbook", proposed.playbook if proposed else "", "`aiops playbooks` lists them")
    if proposed.host not in incident.hosts:
        raise UnknownError("host of the incident", proposed.host)
    now = services.clock()
    return Plan(
        id=new_id("plan", now),
        incident=incident.id,
        remediation=remediation.id,
        playbook_digest=remediation.digest,
        hosts=(proposed.host,),
        params=check_params(remediation, proposed.params),
        risk=remediation.risk,
        rationale=f"{remediation.title}, as the agent of {end.session} proposed: {proposed.reason[:600]}",
        verify=tuple(dict.fromkeys((*remediation.verify, *map(_detector, incident.states)))),
        timeout=remediation.timeout,
        created_at=now,
        expires_at=now + timedelta(seconds=services.policy.plan_lifetime),
    )


def _detector(finding: Finding) -> str:
    return finding.detector


def _book(end: SessionEnd, services: IncidentServices) -> None:
    """What the model of a session cost, beside what triage costs."""
    if not end.calls:
        return
    limits = services.sessions
    seconds = (end.finished_at - end.started_at).total_seconds() if end.started_at else 0.0
    attempt = Attempt(
        id=end.session,
        at=end.finished_at,
        provider="session",
        model=end.model,
        outcome="answered",
        seconds=seconds,
        tokens_in=end.tokens_in,
        tokens_out=end.tokens_out,
        cost=limits.cost(end.tokens_in, end.tokens_out) if limits else None,
    )
    services.ledger.book(end.incident, (attempt,))
