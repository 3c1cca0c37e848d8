"""close: only the detector closes. It looked again after the repair, and says what it saw."""

from aiops.domain.handover import Handover
from aiops.domain.incident import Entry, State
from aiops.domain.sweep import Sweep
from aiops.ports import IncidentServices
from aiops.steps.authorise import escalate
from aiops.steps.autonomy import not_held, proved
from aiops.steps.correlate import close_gone, mark
from aiops.steps.learned import contradict, hint_guard, learn
from aiops.steps.memory import remember
from aiops.steps.record import move


def close(sweep: Sweep, services: IncidentServices) -> Handover:
    """Resolve, escalate, or wait for a better look."""
    services.ledger.record_sweep(sweep)
    services.ledger.take_sweep(sweep.id)
    close_gone(sweep, services)
    incident = services.ledger.get(sweep.patrol.incident)
    if incident.state is not State.VERIFYING:
        return Handover()
    left = mark(incident, sweep, services)
    if left is None or any(not sweep.sees(finding.fingerprint) for finding in left):
        reasons = "; ".join(f"{blind.host}: {blind.reason}" for blind in sweep.blind) or "not every detector looked"
        text = f"nobody could look, so nothing is proved ({reasons}); looking again"
        services.ledger.note(incident.id, Entry(at=services.clock(), step="verify", text=text))
        return Handover()
    if left:
        contradict(incident, incident.id, services)
        seen = "; ".join(finding.summary for finding in left)
        taken_back = not_held(incident.id, incident, services)
        return taken_back + escalate(
            incident, "verify", f"the repair ran, but the detector still sees: {seen}", services
        )
    names = ", ".join(dict.fromkeys(finding.detector for finding in incident.states))
    seconds = (services.clock() - incident.opened_at).total_seconds()
    text = f"{names} looked again and found it gone, {seconds:.1f} s after the incident opened"
    closed = move(incident, (State.VERIFYING,), State.RESOLVED, "close", text, services)
    if closed:
        learn(closed, services)
        hint_guard(closed, services)
        remember(closed, services)
        return proved(closed, services)
    return Handover()
