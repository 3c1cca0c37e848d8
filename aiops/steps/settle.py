"""settle: what came of a plan, and what follows from it. Success is not the end: the detector has to look."""

from datetime import timedelta

from aiops.domain.fact import new_id
from aiops.domain.handover import Handover
from aiops.domain.incident import Entry, Incident, State
from aiops.domain.outcome import Outcome
from aiops.domain.plan import Plan
from aiops.domain.sweep import Patrol
from aiops.errors import UnknownError
from aiops.ports import IncidentServices
from aiops.steps.asked import UNDO, asked_for, finish
from aiops.steps.audit import report_back
from aiops.steps.audits import only_looks
from aiops.steps.authorise import await_approval, escalate
from aiops.steps.record import happened, move
from aiops.steps.undo import undone

WAITS = frozenset({"running", "busy", "rate", "frozen"})
"""Reasons of ``skipped`` that end by themselves: the sweeper rings again, nothing has to be decided. A missing permit is
one of them unless a human really froze everything."""


def settle(outcome: Outcome, services: IncidentServices) -> Handover:
    """Record the outcome of a plan that we made; anything else changes nothing."""
    try:
        plan = services.ledger.plan(outcome.plan)
    except UnknownError:
        return Handover()
    incident = services.ledger.get(plan.incident)
    word = outcome.reason.partition(":")[0]
    waits = word in WAITS and not (word == "frozen" and services.ledger.frozen())
    if outcome.status == "skipped" and waits:
        if services.ledger.first_time(f"{plan.id}:{word}", services.clock()):
            services.ledger.note(
                incident.id, Entry(at=services.clock(), step="settle", text=f"CT196 waits: {outcome.reason}")
            )
        return Handover()
    new = services.ledger.store_outcome(outcome)
    if new:
        _tell(incident, plan, outcome, services)
    if incident.state is not State.REMEDIATING and not (new and incident.state is State.ESCALATED):
        return Handover()
    if outcome.status == "success":
        return _succeeded(incident, plan, outcome, services)
    if outcome.status == "skipped":
        return renew(incident, plan, outcome.reason, services)
    text = f"{plan.remediation} ended {outcome.status}: {outcome.reason}"
    return escalate(incident, "settle", text, services)


def ask_to_verify(incident: Incident, plan: Plan | None, services: IncidentServices) -> Handover:
    """One patrol for the detectors and hosts that have to prove the repair."""
    detectors = plan.verify if plan else tuple(dict.fromkeys(finding.detector for finding in incident.states))
    patrol = Patrol(
        sweep=new_id("verify", services.clock()),
        detectors=detectors,
        hosts=incident.hosts,
        purpose="verify",
        incident=incident.id,
        started_by="settle",
        requested_at=services.clock(),
    )
    return Handover(verify=(patrol,))


def renew(incident: Incident, plan: Plan, reason: str, services: IncidentServices) -> Handover:
    """An approval that was not used is not kept: the same plan under a new id waits for a new one."""
    now = services.clock()
    again = plan.model_copy(
        update={
            "id": new_id("plan", now),
            "created_at": now,
            "expires_at": now + timedelta(seconds=services.policy.plan_lifetime),
        }
    )
    services.ledger.store_plan(again)
    return await_approval(incident, again, reason, services)


def _succeeded(incident: Incident, plan: Plan, outcome: Outcome, services: IncidentServices) -> Handover:
    if not asked_for(incident):
        looked = only_looks(plan, services)
        return report_back(incident, plan, outcome, services) if looked else _verify(incident, plan, services)
    ended = undone if incident.findings[0].kind == UNDO else finish
    return ended(incident, plan, services)


def _verify(incident: Incident, plan: Plan, services: IncidentServices) -> Handover:
    text = f"{plan.remediation} succeeded; {', '.join(plan.verify)} will look"
    verifying = move(incident, (State.REMEDIATING,), State.VERIFYING, "settle", text, services)
    if verifying is None:
        return Handover()
    happened(verifying, "verify.asked", text, services)
    return ask_to_verify(verifying, plan, services)


def _tell(incident: Incident, plan: Plan, outcome: Outcome, services: IncidentServices) -> None:
    seconds = ""
    if outcome.started_at:
        seconds = f" after {(outcome.finished_at - outcome.started_at).total_seconds():.1f} s"
    text = f"{plan.remediation} on {', '.join(plan.hosts)}: {outcome.status}{seconds}"
    if outcome.reason:
        text += f" ({outcome.reason})"
    services.ledger.note(incident.id, Entry(at=services.clock(), step="remediate", text=text, who="CT196"))
    happened(
        incident,
        "outcome.settled",
        text,
        services,
        plan=plan.id,
        status=outcome.status,
        reason=outcome.reason,
        fence=outcome.fence,
        recap=outcome.recap,
    )
