"""dispatch: sign an approved plan so that it may cross into remediation. Ringing twice is harmless."""

from datetime import timedelta

from aiops.domain.handover import Handover
from aiops.domain.incident import State
from aiops.domain.plan import ApprovedPlan
from aiops.ports import IncidentServices
from aiops.steps.record import move
from aiops.steps.shadow import shade

_BEFORE = (State.TRIAGED, State.AWAITING_APPROVAL, State.ESCALATED)


def dispatch(plan_id: str, services: IncidentServices) -> Handover:
    """The signed plan, if it is approved and still has no outcome.

    The same approval always gives the same payload, so CT196 recognises a plan that is rung for again. In shadow nothing is
    signed.

    :raises UnknownError: no such plan
    """
    plan = services.ledger.plan(plan_id)
    approval = services.ledger.approval(plan_id)
    if approval is None or services.ledger.outcome(plan_id) is not None:
        return Handover()
    incident = services.ledger.get(plan.incident)
    if shade(incident.findings, services):
        return Handover()
    if incident.state in _BEFORE:
        text = f"{plan.remediation} on {', '.join(plan.hosts)} handed to CT196, approved by {approval.by}"
        if move(incident, _BEFORE, State.REMEDIATING, "dispatch", text, services) is None:
            return Handover()
    elif incident.state is not State.REMEDIATING:
        return Handover()
    not_after = approval.at + timedelta(seconds=services.policy.start_within)
    signed = services.signer.sign(ApprovedPlan(plan=plan, approval=approval, not_after=not_after))
    return Handover(plans=(signed,))
