"""executed: what became of an incident's newest plan, in a few words. That a message was delivered says nothing about it."""

from aiops.errors import UnknownError
from aiops.ports import IncidentServices


def executed(incident: str, services: IncidentServices) -> str:
    """Empty when there is no such incident any more, or it has no plan."""
    try:
        services.ledger.get(incident)
    except UnknownError:
        return ""
    plan = services.ledger.plan_of(incident)
    if plan is None:
        return ""
    outcome, approval = services.ledger.outcome(plan.id), services.ledger.approval(plan.id)
    if outcome:
        return outcome.status
    return f"not yet, approved by {approval.by}" if approval else "no, it waits for approval"
