"""cards: what is shown about an incident, and the one-time right to press each of its buttons.

A card follows from the ledger alone. A new edition is made when the timeline has a new line and what is shown has changed; it
travels as a kept message that nobody hears, so a lost doorbell loses no edition.
"""

import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from aiops.condense.scrub import scrub, scrub_tree
from aiops.domain.event import Event
from aiops.domain.fact import digest, new_id
from aiops.domain.finding import Finding
from aiops.domain.handover import Handover
from aiops.domain.incident import Incident, State
from aiops.domain.plan import Plan
from aiops.domain.severity import Severity
from aiops.domain.talk import Button, Card, Mark, Nonce, PlanShown, Press
from aiops.ports import IncidentServices
from aiops.steps.abridge import abridge, output_of
from aiops.steps.look import detectors
from aiops.steps.record import SOURCE

CARD: Final = "card"
"""Where a kept message carries the card. Nothing that is published has it: it holds nonces."""
CHANGED: Final = "card.changed"
AT_ONCE: Final = 50
_BUTTON_LIFE: Final = timedelta(days=7)
"""Of a button that is about no plan; one that is about a plan lives as long as the plan may wait."""
_DAY: Final = timedelta(hours=24)
_LINE, _FINDINGS, _OUTPUT, _TIMELINE, _OTHERS, _CHANGES = 180, 5, 6, 3, 2, 8
"""What a phone shows without scrolling far: characters of a line, and lines of each sort."""
_AT_WORK: Final = frozenset({State.REMEDIATING, State.VERIFYING})


def with_card(event: Event, services: IncidentServices) -> Event:
    """The message with the incident's newest card, where somebody may press its buttons."""
    if not services.users or not event.incident.startswith("inc-"):
        return event
    card = issue(event.incident, services)
    return event.model_copy(update={"context": {**event.context, CARD: card.model_dump(mode="json")}})


def refresh_cards(services: IncidentServices) -> Handover:
    """A new edition of every card whose incident has moved on."""
    notices: list[Event] = []
    for mark in services.ledger.outdated(AT_ONCE):
        with services.ledger.together():
            card = issue(mark.incident, services)
            if card.seq == mark.seq:
                continue
            kept = _carrier(card, services)
            services.ledger.keep_notice(kept, services.clock())
            notices.append(kept)
    return Handover(notices=tuple(notices))


def issue(incident: str, services: IncidentServices) -> Card:
    """The newest edition; its ``seq`` grows only when something in it has changed."""
    known = services.ledger.get(incident)
    before = services.ledger.mark_of(incident) or Mark(incident=incident)
    line = services.ledger.last_line(incident)
    card = _card(known, before, services)
    content = digest(card.model_dump(mode="json", exclude={"seq"}))
    seq = before.seq + (content != before.content)
    waiting = card.plan.digest if card.waits and card.plan else ""
    changes: dict[str, object] = {"seq": seq, "line": line, "content": content}
    if waiting != before.digest:
        first = services.clock() + timedelta(minutes=services.voice.remind_minutes)
        changes |= {"digest": waiting, "reminded": 0, "remind_at": first if waiting else None, "snoozed_until": None}
    services.ledger.keep_mark(before.model_copy(update=changes))
    return card.model_copy(update={"seq": seq})


def _card(incident: Incident, mark: Mark, services: IncidentServices) -> Card:
    short = abridge(incident, services)
    plan = services.ledger.plan_of(incident.id)
    now = services.clock()
    return Card(
        incident=incident.id,
        seq=max(mark.seq, 1),
        state=incident.state,
        severity=incident.severity,
        title=_cut(scrub(incident.title)),
        meaning=_meaning(incident.findings[0], services),
        hosts=incident.hosts,
        evidence=tuple(_evidence(short)),
        lately=tuple(_lately(incident, services)),
        plan=_plan(plan, services) if plan else None,
        relapse_of=incident.relapse_of,
        snoozed_until=mark.snoozed_until if mark.snoozed_until and mark.snoozed_until > now else None,
        buttons=tuple(_buttons(incident, plan, now, services)),
    )


def _meaning(finding: Finding, services: IncidentServices) -> str:
    """What such a finding means, where the title, which a detector wrote in English, is not in the human's language."""
    detector = detectors().get(finding.detector)
    kind = detector.kinds.get(finding.kind) if detector else None
    told = services.words.said(kind.sentence) if kind else ""
    return told if kind and told != kind.sentence else ""


def _evidence(incident: Incident) -> Iterator[str]:
    ordered = sorted(incident.findings, key=lambda finding: (finding.persistence != "state", -finding.severity.rank))
    for finding in ordered[:_FINDINGS]:
        yield _cut(f"{finding.host}: {finding.summary}")
        yield from _quoted(finding)
    left = len(ordered) - _FINDINGS
    if left > 0:
        yield f"+ {left}"


def _quoted(finding: Finding) -> Iterator[str]:
    """The values in one line, then the beginning of what a command printed."""
    short = {key: value for key, value in finding.evidence.items() if not output_of(value) and value not in ("", None)}
    if short:
        yield _cut("  " + ", ".join(f"{key}={value}" for key, value in scrub_tree(short).items()))
    for value in finding.evidence.values():
        for line in output_of(value).splitlines()[:_OUTPUT]:
            yield _cut(f"  {line}")


def _lately(incident: Incident, services: IncidentServices) -> Iterator[str]:
    """What else happened on its first host within a day, then the end of its own timeline."""
    others = services.ledger.search(host=incident.hosts[0], since=incident.opened_at - _DAY, limit=_OTHERS + 1)
    for other in [one for one in others if one.id != incident.id][:_OTHERS]:
        state = services.words(f"state.{other.state.value}")
        yield _cut(f"{other.opened_at:%H:%M} {other.id} {state}: {scrub(other.title)}")
    for entry in list(services.ledger.timeline(incident.id))[-_TIMELINE:]:
        yield _cut(f"{entry.at:%H:%M} {services.words.said(scrub(entry.text))}")


def _plan(plan: Plan, services: IncidentServices) -> PlanShown:
    remediation = services.catalogue.get(plan.remediation)
    approval, outcome = services.ledger.approval(plan.id), services.ledger.outcome(plan.id)
    changes = outcome.changes.splitlines() if outcome else []
    return PlanShown(
        id=plan.id,
        digest=plan.digest,
        remediation=plan.remediation,
        hosts=plan.hosts,
        params=tuple(_cut(f"{name} = {value}") for name, value in scrub_tree(dict(plan.params)).items()),
        risk=plan.risk,
        destructive=remediation is not None and remediation.destructive,
        expires_at=plan.expires_at,
        approved_by=approval.by if approval else "",
        executed=outcome.status if outcome else "",
        reason=_cut(scrub(outcome.reason)) if outcome else "",
        changes=tuple(_cut(scrub(line)) for line in changes[:_CHANGES]),
    )


def _buttons(incident: Incident, plan: Plan | None, now: datetime, services: IncidentServices) -> Iterator[Button]:
    waits = incident.state is State.AWAITING_APPROVAL and plan is not None and plan.expires_at > now
    if plan is not None and waits and services.ledger.approval(plan.id) is None:
        for press in (Press.APPROVE, Press.DENY, Press.SNOOZE):
            yield _button(incident.id, press, plan.digest, plan.expires_at, services)
    later = now + _BUTTON_LIFE
    yield _button(incident.id, Press.WHY, "", later, services)
    done = services.ledger.succeeded(incident.id)
    back = services.catalogue.get(done.remediation) if done else None
    if done and back and back.undo and incident.state not in _AT_WORK:
        yield _button(incident.id, Press.UNDO, done.digest, later, services)


def _button(incident: str, press: Press, plan: str, until: datetime, services: IncidentServices) -> Button:
    """With the nonce that was issued for the same before, as long as nobody has used it."""
    nonce = services.ledger.unused(incident, press, plan, services.clock())
    if nonce is None:
        nonce = Nonce(nonce=secrets.token_urlsafe(24), incident=incident, press=press, digest=plan, expires_at=until)
        services.ledger.issue(nonce)
    return Button(press=press, nonce=nonce.nonce)


def _carrier(card: Card, services: IncidentServices) -> Event:
    """A message for the voice alone: debug is told to nobody."""
    now = services.clock()
    return Event(
        id=new_id("crd", now),
        source=SOURCE,
        cron="guardian-voice",
        severity=Severity.DEBUG,
        timestamp=now,
        host=", ".join(card.hosts),
        symptom=card.title or card.incident,
        type=CHANGED,
        incident=card.incident,
        context={CARD: card.model_dump(mode="json")},
    )


def _cut(text: str) -> str:
    """One printable line of bounded length."""
    line = "".join(character if character.isprintable() else " " for character in text)
    return line if len(line) <= _LINE else line[: _LINE - 4] + " ..."
