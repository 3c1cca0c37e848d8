"""memory: what is remembered of an incident's hosts and services goes to triage; a repair that was proved is remembered."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from aiops.condense.scrub import scrub
from aiops.domain.incident import Incident
from aiops.domain.memory import Remembered
from aiops.errors import LedgerBusyError
from aiops.ports import IncidentServices
from aiops.rules.suspicion import suspicious

KEEP = timedelta(days=180)
"""How long a proved repair is remembered: as long as a lesson (``known.lesson_days``)."""
_MOST = 20
_NAMED = re.compile(r"^\s*[-*]\s+(?P<text>\S.{2,280})$")
_HEADING = re.compile(r"^#+\s+`?(?P<name>[A-Za-z0-9][A-Za-z0-9@._:-]*)`?\s*$")


def recall(incident: Incident, services: IncidentServices) -> tuple[str, ...]:
    """What holds now about the incident's hosts and services, each with source and age; the newest last.

    A fact that talks to whoever judges is left out: a file can be written by many hands.
    """
    if services.memory is None:
        return ()
    now = services.clock()
    names = {*incident.hosts, *(finding.subject for finding in incident.findings)}
    facts = [fact for fact in services.memory.of(names) if fact.holds(now)]
    return tuple(scrub(fact.told(now)) for fact in facts if not suspicious(fact.text))[-_MOST:]


def remember(incident: Incident, services: IncidentServices) -> None:
    """Keep what a repair did that its detector has just proved. A memory that cannot be written holds up no closing."""
    plan = services.ledger.plan_of(incident.id)
    if services.memory is None or plan is None:
        return
    now = services.clock()
    for finding in incident.states:
        text = f"{plan.remediation} ended {finding.kind} of {finding.subject or 'the host'}; its detector looked again"
        fact = Remembered(about=finding.host, text=text[:300], source=incident.id, at=now, until=now + KEEP)
        try:
            services.memory.keep(fact)
        except LedgerBusyError:
            return


def read_notes(text: str, origin: str, names: frozenset[str], at: datetime, keep: timedelta) -> Iterator[Remembered]:
    """The facts in somebody's notes (a memory file, a CLAUDE.md): list entries below a heading that is a host or service we know.

    Everything else, rules and orders above all, is left where it is: notes are read as facts and never obeyed.
    """
    about = ""
    for number, line in enumerate(text.splitlines(), 1):
        heading = _HEADING.match(line)
        if heading or line.startswith("#"):
            about = heading["name"] if heading and _known(heading["name"], names) else ""
            continue
        entry = _NAMED.match(line)
        if about and entry and not suspicious(entry["text"]):
            source = f"{origin} line {number}"
            yield Remembered(about=about, text=scrub(entry["text"]).strip(), source=source, at=at, until=at + keep)


def _known(name: str, hosts: frozenset[str]) -> bool:
    return name in hosts or name.endswith((".service", ".timer", ".socket", ".mount"))
