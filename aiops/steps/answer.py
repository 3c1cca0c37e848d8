"""answer: what another agent asked, from the record. It can ask for nothing else: there is no word for a change."""

from typing import Any

from pydantic import ValidationError

from aiops.condense.scrub import scrub_tree
from aiops.domain.brief import QUESTION, AskHost, AskIncident, AskIncidents, BriefQuestion
from aiops.domain.fact import iso
from aiops.domain.incident import Incident
from aiops.errors import AiopsError
from aiops.ports import BriefServices

LINES = 20
"""Of an incident's story, the newest."""


def answer(text: bytes, services: BriefServices) -> dict[str, Any]:
    """The reply, ready to be sent. Never raises for what was asked."""
    try:
        question = QUESTION.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"]))[:60]
        return {
            "id": "",
            "ok": False,
            "error": f"this is no question that is answered here: {where} {first['msg'][:160]}",
        }
    try:
        found = _found(question, services)
    except AiopsError as error:
        return {"id": question.id, "ok": False, "error": str(scrub_tree(str(error)))}
    return {"id": question.id, "ok": True, "at": iso(services.clock()), "answer": scrub_tree(found)}


def _found(question: BriefQuestion, services: BriefServices) -> dict[str, Any]:
    if isinstance(question, AskIncidents):
        return _incidents(question, services)
    if isinstance(question, AskIncident):
        incident = services.views.get(question.incident)
        story = services.views.timeline(incident.id)[-LINES:]
        return {**_short(incident), "story": [f"{iso(entry.at)} {entry.text[:300]}" for entry in story]}
    if isinstance(question, AskHost):
        return _host(question, services)
    return {"next": {name: iso(moment) for name, moment in services.schedule(services.clock()).items()}}


def _incidents(question: AskIncidents, services: BriefServices) -> dict[str, Any]:
    found = services.views.live() if question.open else services.views.search(host=question.host)
    rows = [one for one in found if one.state.open or not question.open]
    rows = [one for one in rows if not question.host or question.host in one.hosts]
    rows.sort(key=lambda one: (-one.severity.rank, one.opened_at))
    return {"count": len(rows), "incidents": [_short(one) for one in rows[: question.limit]]}


def _host(question: AskHost, services: BriefServices) -> dict[str, Any]:
    host = services.inventory.find(question.host)
    looks = [look for look in services.views.looks() if look.host == host.name]
    return {
        "host": host.name,
        "role": host.role,
        "expected_state": host.expected_state,
        "looks": {
            look.detector: {
                "at": iso(look.at),
                "findings": look.findings,
                "blind": list(look.blind),
                "asleep": look.asleep,
            }
            for look in looks
        },
        "incidents": [_short(one) for one in services.views.live() if host.name in one.hosts and one.state.open],
    }


def _short(incident: Incident) -> dict[str, Any]:
    return {
        "id": incident.id,
        "title": incident.title[:200],
        "severity": incident.severity.value,
        "state": incident.state.value,
        "hosts": list(incident.hosts[:50]),
        "opened_at": iso(incident.opened_at),
    }
