"""Granting a session on CT190: what an agent may know and use, signed. Ringing for a grant twice starts nothing twice."""

import secrets
from collections.abc import Iterator
from datetime import timedelta

from aiops.domain.fact import new_id
from aiops.domain.handover import Handover
from aiops.domain.host import Host
from aiops.domain.incident import Entry, Incident, State
from aiops.domain.session import Grant, SessionLimits
from aiops.domain.verdict import Question
from aiops.errors import RefusedError, UnknownError
from aiops.ports import IncidentServices
from aiops.steps.brief import brief
from aiops.steps.record import happened, move

_DAY = timedelta(days=1)
MOST_EVIDENCE = 4_000
"""Characters of one text of evidence that travel with a grant."""
MOST_FINDINGS = 60


def begin_session(incident: Incident, by: str, why: str, services: IncidentServices) -> Handover:
    """Grant a session about an incident that is triaged.

    :raises RefusedError: sessions are not set up, or what they may use is used up
    """
    limits = _allowed(services)
    now = services.clock()
    grant = Grant(
        id=new_id("session", now),
        incident=incident.id,
        by=by,
        why=why[:500],
        question=brief(Question(incident=_short(incident), history=_history(incident, services)), services),
        hosts=tuple(_hosts(incident, services)),
        looks=tuple(_looks(incident, services)),
        budget=limits.budget,
        at=now,
        not_after=now + timedelta(seconds=limits.start_within),
        nonce=secrets.token_hex(16),
    )
    budget = f"{grant.budget.seconds} s, {grant.budget.calls} turns, {grant.budget.tokens} tokens"
    text = f"{grant.id} granted to an agent on CT196, asked for by {by}: {budget}"
    with services.ledger.together():
        services.ledger.store_grant(grant)
        services.ledger.note(incident.id, Entry(at=now, step="session", text=text))
    happened(incident, "session.granted", text, services, session=grant.id, by=by, budget=grant.budget.model_dump())
    return Handover(grants=(services.signer.sign_grant(grant),))


def request_session(incident: str, who: str, why: str, services: IncidentServices) -> Handover:
    """A human wants an agent to look at an incident that is his.

    :raises UnknownError: no such incident
    :raises RefusedError: it is not with a human, sessions are not set up, or what they may use is used up
    """
    known = services.ledger.get(incident)
    if services.ledger.under_way(incident):
        raise RefusedError("running", f"a session about {incident} is under way")
    if known.state is not State.ESCALATED:
        raise RefusedError("state", f"{incident} is {known.state.value}; an agent looks at what waits for a human")
    _allowed(services)
    text = f"{who} wants an agent to look{f': {why}' if why else ''}"
    triaged = move(known, (State.ESCALATED,), State.TRIAGED, "session", text, services, who=who)
    if triaged is None:
        raise RefusedError("state", f"{incident} has just moved on")
    return begin_session(triaged, who, why or "a human asked for it", services)


def ring_session(grant: Grant, services: IncidentServices) -> Handover:
    """The same grant again, as long as it may be started: CT196 starts it once, however often it is rung for."""
    if services.clock() > grant.not_after:
        return Handover()
    return Handover(grants=(services.signer.sign_grant(grant),))


def _allowed(services: IncidentServices) -> SessionLimits:
    limits = services.sessions
    if limits is None:
        raise RefusedError("session", "no agent is set up for sessions: see [session] in the settings")
    now = services.clock()
    if services.ledger.granted_since(now - _DAY) >= limits.per_day:
        raise RefusedError("session", f"{limits.per_day} sessions were granted within a day")
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    day, month = services.ledger.spent(midnight), services.ledger.spent(midnight.replace(day=1))
    left = services.llm_budget.minus(day, month)
    dearest = limits.dearest
    if dearest is None and left.unpriced < 1:
        raise RefusedError("budget", "today's answers from models without a known price are used up")
    if dearest is not None and dearest > min(left.day, left.month):
        raise RefusedError(
            "budget", f"a session may cost {dearest:.2f} EUR, and {min(left.day, left.month):.2f} are left"
        )
    return limits


def _short(incident: Incident) -> Incident:
    """The incident with evidence that fits into a message."""
    findings = tuple(
        finding.model_copy(
            update={
                "evidence": {
                    key: value[:MOST_EVIDENCE] if isinstance(value, str) else value
                    for key, value in finding.evidence.items()
                }
            }
        )
        for finding in incident.findings[:MOST_FINDINGS]
    )
    return incident.model_copy(update={"findings": findings})


def _history(incident: Incident, services: IncidentServices) -> tuple[str, ...]:
    found = [other for host in incident.hosts[:1] for other in services.ledger.search(host=host, limit=6)]
    return tuple(
        f"{other.opened_at:%Y-%m-%d %H:%M} {other.state.value}: {other.title}"
        for other in found
        if other.id != incident.id
    )


def _hosts(incident: Incident, services: IncidentServices) -> Iterator[Host]:
    for name in incident.hosts:
        try:
            yield services.inventory.find(name)
        except UnknownError:
            continue


def _looks(incident: Incident, services: IncidentServices) -> Iterator[str]:
    for look in services.ledger.looks():
        if look.host in incident.hosts:
            blind = f", blind: {', '.join(look.blind)}" if look.blind else ""
            yield f"{look.at:%Y-%m-%d %H:%M} {look.host}: {look.detector} found {look.findings}{blind}"
