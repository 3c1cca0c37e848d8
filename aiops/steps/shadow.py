"""Shadow: what a guardian that nobody has taken over would have said and done is written down, and nothing comes of it."""

from collections.abc import Iterable
from typing import Final

from aiops.domain.event import Event
from aiops.domain.finding import Finding
from aiops.domain.incident import Entry
from aiops.domain.notice import REPORT, Bundle, Notice
from aiops.domain.severity import Severity
from aiops.domain.shadow import NIGHT, Shadowed
from aiops.errors import RefusedError
from aiops.ports import IncidentServices
from aiops.steps.look import detectors

STEP: Final = "shadow"
WHOLE: Final = "the whole system is in shadow"


def shade(findings: Iterable[Finding], services: IncidentServices) -> str:
    """Why nothing is said or done about them; empty when a guardian that was taken over has found one of them.

    What no guardian of the crontab finds (the watchers, a human's own request) is always ours to say.
    """
    if services.shadow == "all":
        return WHOLE
    if services.shadow == "off":
        return ""
    found = {finding.detector for finding in findings}
    taken = {one.guardian for one in services.ledger.takeovers()}
    if not found or any(name in taken or name not in detectors() for name in found):
        return ""
    return f"{', '.join(sorted(found))} was not taken over"


def below(findings: Iterable[Finding], services: IncidentServices) -> bool:
    """Whether their events lie below the shadow's level. Of the whole system the prefix already says so."""
    return services.shadow == "untaken" and bool(shade(findings, services))


def shade_of(event: Event, services: IncidentServices) -> str:
    """The same for a message: about an incident, from the night work, or about the fleet."""
    if services.shadow == "off" or not event.incident.startswith("inc-"):
        return WHOLE if services.shadow == "all" else _untaken(event, services)
    return shade(services.ledger.get(event.incident).findings, services)


def _untaken(event: Event, services: IncidentServices) -> str:
    if services.shadow == "off" or event.type != REPORT or event.guardian not in NIGHT:
        return ""
    taken = any(one.guardian == event.guardian for one in services.ledger.takeovers())
    return "" if taken else f"{event.guardian} was not taken over"


def refuse_in_shadow(findings: Iterable[Finding], services: IncidentServices) -> None:
    """A human's own wish is refused too: the old system is at work there.

    :raises RefusedError: ``shadow``
    """
    why = shade(findings, services)
    if why:
        raise RefusedError("shadow", f"{why}: nothing is repaired, `aiops shadow` shows what would have been")


def would_have_said(event: Event, services: IncidentServices) -> None:
    """Keep the message as the human would have read it."""
    now = services.clock()
    text = Bundle(notices=(Notice.of(event, now),)).text
    _keep("said", event.severity, text, event.incident, services)


def would_have_done(incident: str, severity: Severity, text: str, services: IncidentServices) -> None:
    """Keep what was decided and did not happen."""
    services.ledger.note(incident, Entry(at=services.clock(), step=STEP, text=text))
    _keep("done", severity, text, incident, services)


def _keep(what: str, severity: Severity, text: str, incident: str, services: IncidentServices) -> None:
    kept = {"at": services.clock(), "what": what, "severity": severity, "text": text, "incident": incident}
    services.ledger.keep_shadowed(Shadowed.model_validate(kept))
