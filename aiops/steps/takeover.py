"""take_over, give_back: a guardian speaks and acts from now on, or only looks again. Both hold at once, and only while moving."""

from typing import Final

from aiops.domain.event import Event
from aiops.domain.handover import Handover
from aiops.domain.incident import Incident, State
from aiops.domain.severity import Severity, worst
from aiops.domain.shadow import NIGHT, Takeover
from aiops.errors import RefusedError, UnknownError
from aiops.ports import IncidentServices
from aiops.steps.authorise import escalate
from aiops.steps.look import detectors
from aiops.steps.outbox import whole
from aiops.steps.record import SOURCE
from aiops.steps.shadow import shade
from aiops.steps.tell import tell

_NAMED: Final = 5
"""Incidents that one message names."""


def may_be_taken() -> list[str]:
    """Every guardian and all night work that is in shadow until it is taken over."""
    return [*sorted(detectors()), *NIGHT]


def take_over(guardian: str, who: str, why: str, services: IncidentServices) -> Handover:
    """From now on it speaks and acts. What it has found so far is told in one message; its repairs wait for a human's word.

    :raises UnknownError: there is no such guardian
    :raises RefusedError: ``shadow`` when guardians are not taken over one by one here, ``taken`` when it was before
    """
    _may_move(guardian, services)
    with whole(services) as inside:
        taken = Takeover(guardian=guardian, who=who, why=why, at=services.clock())
        if not inside.ledger.take_over(taken):
            raise RefusedError("taken", f"{guardian} speaks and acts already")
        open_now = [one for one in inside.ledger.live() if one.state.open and _found_by(guardian, one)]
        event = _moved(
            "guardian.taken", f"{who} took {guardian} over: {_summary(open_now)}", guardian, open_now, inside
        )
        return Handover(notices=tell(event, inside))


def give_back(guardian: str, who: str, why: str, services: IncidentServices) -> Handover:
    """From now on it only looks. Plans that wait for an approval are withdrawn; what runs is not touched.

    :raises UnknownError: there is no such guardian
    :raises RefusedError: ``shadow`` when guardians are not taken over one by one here, ``taken`` when it was not
    """
    _may_move(guardian, services)
    with whole(services) as inside:
        if not inside.ledger.give_back(guardian, who, why, services.clock()):
            raise RefusedError("taken", f"{guardian} was not taken over")
        for one in inside.ledger.live():
            reason = shade(one.findings, inside) if _found_by(guardian, one) else ""
            if reason and one.state is State.AWAITING_APPROVAL:
                escalate(one, "takeover", f"its plan is withdrawn: {reason}", inside)
        text = f"{who} gave {guardian} back to the old system{f': {why}' if why else ''}"
        return Handover(notices=tell(_moved("guardian.given_back", text, guardian, (), inside), inside))


def _may_move(guardian: str, services: IncidentServices) -> None:
    if guardian not in may_be_taken():
        raise UnknownError("guardian", guardian, f"One of {', '.join(may_be_taken())}.")
    if services.shadow == "all":
        raise RefusedError("shadow", 'the whole system is in shadow: set shadow = "untaken" on every container first')
    if services.shadow == "off":
        raise RefusedError("shadow", 'everything speaks and acts: guardians are taken over while shadow is "untaken"')


def _found_by(guardian: str, incident: Incident) -> bool:
    return any(finding.detector == guardian for finding in incident.findings)


def _summary(found: list[Incident]) -> str:
    if not found:
        return "nothing of it is open"
    named = "; ".join(f"{one.id} {one.title}" for one in found[:_NAMED])
    more = f"; and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return f"{len(found)} open, each yours to decide with `aiops plan INCIDENT`: {named}{more}"


def _moved(
    kind: str, text: str, guardian: str, found: "list[Incident] | tuple[()]", services: IncidentServices
) -> Event:
    event = Event(
        source=SOURCE,
        cron=f"guardian-{guardian}",
        severity=worst([Severity.INFO, *(one.severity for one in found)]),
        timestamp=services.clock(),
        host="fleet",
        symptom=text,
        type=kind,
        context={"incidents": [one.id for one in found]},
    )
    services.events.publish(event)
    return event
