"""approve, deny: a human's (or policy's) word on a plan, bound to its digest and good for one start."""

import secrets

from aiops.domain.handover import Handover
from aiops.domain.incident import Entry, State
from aiops.domain.plan import Approval, Plan
from aiops.errors import RefusedError, UnknownError
from aiops.ports import IncidentServices
from aiops.steps.asked import asked_for
from aiops.steps.record import happened, move
from aiops.steps.shadow import refuse_in_shadow


def approve(incident: str, who: str, services: IncidentServices, *, digest: str = "", typed: str = "") -> Plan:
    """A human approves the incident's waiting plan.

    :param digest: the plan digest the human looked at; another one is refused
    :param typed: the host's name, which a destructive playbook needs
    :raises UnknownError: no such incident, or it has no plan
    :raises RefusedError: nothing waits, the plan expired, it changed, everything is in shadow or frozen
    """
    known = services.ledger.get(incident)
    plan = services.ledger.plan_of(incident)
    if plan is None:
        raise UnknownError("plan for", incident, "`aiops show` tells why it has none")
    if known.state is not State.AWAITING_APPROVAL:
        raise RefusedError("state", f"{incident} is {known.state.value}, nothing waits for an approval")
    if digest and not plan.digest.startswith(digest):
        raise RefusedError("digest", "the plan is not the one that was looked at; look at it again")
    refuse_in_shadow(known.findings, services)
    frozen = services.ledger.frozen()
    if frozen:
        raise RefusedError("frozen", f"frozen by {frozen}; `aiops thaw` first")
    remediation = services.catalogue.get(plan.remediation)
    if remediation is not None and remediation.destructive and (typed,) != plan.hosts:
        raise RefusedError("typed", f"{plan.remediation} is destructive: type the name of its host, with --host NAME")
    approval = _approval(plan, who, "human", services).model_copy(update={"typed": typed})
    if not services.ledger.approve(plan.id, approval):
        raise RefusedError("approved", f"{plan.id} is approved already")
    services.ledger.note(incident, Entry(at=services.clock(), step="approve", text=f"approved {plan.id}", who=who))
    happened(
        known,
        "plan.approved",
        f"{who} approved {plan.remediation} on {', '.join(plan.hosts)}",
        services,
        plan=plan.id,
        by=who,
    )
    return plan


def deny(incident: str, who: str, why: str, services: IncidentServices) -> Handover:
    """A human says no: the incident is the human's from now on. What was only asked for is over.

    :raises RefusedError: nothing waits for an approval
    """
    known = services.ledger.get(incident)
    text = f"denied: {why}" if why else "denied"
    if asked_for(known):
        waits = (State.AWAITING_APPROVAL, State.ESCALATED)
        if move(known, waits, State.RESOLVED, "approve", f"{text}; it was only asked for", services, who=who) is None:
            raise RefusedError("state", f"{incident} is {known.state.value}, nothing waits for an approval")
        return Handover()
    moved = move(known, (State.AWAITING_APPROVAL,), State.ESCALATED, "approve", text, services, who=who)
    if moved is None:
        raise RefusedError("state", f"{incident} is {known.state.value}, nothing waits for an approval")
    happened(moved, "plan.denied", f"{who} said no to the plan for {moved.title}", services, why=why)
    return Handover()


def approve_automatically(plan: Plan, services: IncidentServices) -> None:
    """Policy's own approval."""
    services.ledger.approve(plan.id, _approval(plan, "policy", "auto", services))


def _approval(plan: Plan, by: str, mode: str, services: IncidentServices) -> Approval:
    return Approval.model_validate(
        {
            "plan_digest": plan.digest,
            "by": by,
            "mode": mode,
            "at": services.clock(),
            "nonce": secrets.token_hex(16),
        }
    )
