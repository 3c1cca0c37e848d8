"""silence, unsilence, acknowledge: a human asks for quiet; and what that means for messages and repairs."""

from datetime import timedelta

from aiops.domain.event import Event
from aiops.domain.fact import new_id
from aiops.domain.incident import Entry, Incident
from aiops.domain.severity import Severity
from aiops.domain.silence import Pattern, Silence
from aiops.errors import RefusedError, UnknownError
from aiops.ports import IncidentServices
from aiops.steps.record import SOURCE, happened
from aiops.steps.tell import tell

LONGEST = timedelta(days=90)
"""What should be quiet for longer is benign, and stands in the settings with its reason."""


def silence(pattern: Pattern, span: timedelta, who: str, why: str, services: IncidentServices) -> Silence:
    """Keep findings that match from opening anything until the time is up.

    :raises RefusedError: longer than ``LONGEST``, or no time at all
    """
    if not timedelta() < span <= LONGEST:
        raise RefusedError(
            "span", f"between a second and {LONGEST.days} days; what is harmless for ever goes into [[benign]]"
        )
    now = services.clock()
    made = Silence(id=new_id("sil", now), pattern=pattern, why=why, who=who, created_at=now, ends_at=now + span)
    services.ledger.silence(made)
    for incident in services.ledger.live():
        if any(pattern.matches(finding) for finding in incident.findings):
            text = f"{made.id} silences {pattern} until {made.ends_at:%Y-%m-%d %H:%M} UTC: {why}"
            services.ledger.note(incident.id, Entry(at=now, step="silence", text=text, who=who))
    _tell("silence.set", f"{who} silenced {pattern} until {made.ends_at:%Y-%m-%d %H:%M} UTC: {why}", services)
    return made


def unsilence(name: str, who: str, services: IncidentServices) -> None:
    """End a silence before its time.

    :raises UnknownError: no such silence
    """
    if not services.ledger.end_silence(name):
        raise UnknownError("silence", name, "`aiops silences` lists them")
    _tell("silence.ended", f"{who} ended {name}", services)


def acknowledge(incident: str, who: str, why: str, services: IncidentServices) -> str:
    """A human has it in hand: no more messages and no repair by itself, until it is resolved. Returns who has it.

    :raises UnknownError: no such incident
    :raises RefusedError: it is resolved
    """
    known = services.ledger.get(incident)
    if services.ledger.acknowledge(incident, who, why or "no reason given", services.clock()):
        text = f"acknowledged by {who}: {why or 'no reason given'}"
        services.ledger.note(incident, Entry(at=services.clock(), step="ack", text=text, who=who))
        happened(known, "incident.acknowledged", f"{known.title}: {text}", services, severity=Severity.INFO, who=who)
    return services.ledger.acknowledged(incident)


def notices(incident: Incident, event: Event, services: IncidentServices) -> tuple[Event, ...]:
    """The message about one incident, unless a storm's message stands for it or somebody asked for quiet."""
    if services.ledger.storm() or hushed(incident, services):
        return ()
    return tell(event, services)


def caution(incident: Incident, services: IncidentServices) -> str:
    """Why nothing may be repaired by itself here and now; empty when nothing speaks against it."""
    since = services.ledger.storm()
    if since:
        return f"there is a storm since {since:%H:%M} UTC"
    if incident.flapping:
        return "it is flapping"
    return hushed(incident, services)


def hushed(incident: Incident, services: IncidentServices) -> str:
    """Who asked for quiet about the whole incident, and why; empty when nobody did."""
    who = services.ledger.acknowledged(incident.id)
    if who:
        return f"acknowledged by {who}"
    silences = services.ledger.silences(services.clock())
    covers = [next((one for one in silences if one.pattern.matches(finding)), None) for finding in incident.states]
    first = covers[0] if covers else None
    return f"silenced by {first.who}: {first.why}" if first and all(covers) else ""


def _tell(kind: str, text: str, services: IncidentServices) -> None:
    services.events.publish(
        Event(
            source=SOURCE,
            cron="guardian-silence",
            severity=Severity.INFO,
            timestamp=services.clock(),
            host="fleet",
            symptom=text,
            type=kind,
        )
    )
