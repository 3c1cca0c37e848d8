"""remind: a plan that waits is said again, ever more rarely, and in quiet hours only where it is critical."""

from datetime import datetime, timedelta
from typing import Final

from aiops.domain.handover import Handover
from aiops.domain.hours import end_of, within
from aiops.domain.incident import Incident, State
from aiops.domain.plan import Plan
from aiops.domain.severity import Severity
from aiops.domain.talk import Mark
from aiops.ports import IncidentServices
from aiops.steps.outbox import whole
from aiops.steps.quiet import hushed
from aiops.steps.record import happened
from aiops.steps.tell import tell

REMINDER: Final = "plan.waiting"
AT_ONCE: Final = 10
LONGEST: Final = timedelta(hours=8)
"""Between two reminders, however often they have doubled."""
_LATER: Final = timedelta(minutes=10)
"""A storm or a silence is looked at again so often."""


def remind(services: IncidentServices) -> Handover:
    """One round over every reminder that is due."""
    return sum((_remind(mark, services) for mark in services.ledger.to_remind(services.clock(), AT_ONCE)), Handover())


def _remind(mark: Mark, services: IncidentServices) -> Handover:
    incident, plan, now = services.ledger.get(mark.incident), services.ledger.plan_of(mark.incident), services.clock()
    waits = incident.state is State.AWAITING_APPROVAL and plan is not None and plan.expires_at > now
    if plan is None or not waits or services.ledger.approval(plan.id):
        services.ledger.keep_mark(mark.model_copy(update={"remind_at": None}))
        return Handover()
    later = _put_off(incident, services)
    if later:
        services.ledger.keep_mark(mark.model_copy(update={"remind_at": later}))
        return Handover()
    return _say(incident, plan, mark, services)


def _put_off(incident: Incident, services: IncidentServices) -> datetime | None:
    """Until when it is quiet; None when it may be said now."""
    now, hours = services.clock(), services.voice.quiet_hours
    loud = incident.severity is Severity.CRITICAL
    if not loud and hours and within(hours, now, services.timezone):
        return end_of(hours, now, services.timezone)
    return now + _LATER if services.ledger.storm() or hushed(incident, services) else None


def _say(incident: Incident, plan: Plan, mark: Mark, services: IncidentServices) -> Handover:
    now = services.clock()
    count = mark.reminded + 1
    pause = min(LONGEST, timedelta(minutes=services.voice.remind_minutes) * 2**count)
    text = (
        f"still waiting for approval until {plan.expires_at:%H:%M} UTC: {plan.remediation} on {', '.join(plan.hosts)}"
    )
    with whole(services) as inside:
        inside.ledger.keep_mark(mark.model_copy(update={"reminded": count, "remind_at": now + pause}))
        event = happened(incident, REMINDER, text, inside, plan=plan.id, reminder=count)
        return Handover(notices=tell(event, inside))
