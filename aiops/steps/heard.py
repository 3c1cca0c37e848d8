"""heard: a human pressed a button, replied to a card or wrote a command. Who may do that, and what comes of it, is decided here.

The voice only carries words, and signs what it carries: others may push to this queue too, and must not be able to say that a
human spoke. Whatever it claims, a press counts once, for the plan that was shown, from somebody on the list.
"""

from datetime import timedelta
from typing import Final

from aiops.condense.scrub import scrub
from aiops.domain.event import Event
from aiops.domain.fact import iso
from aiops.domain.handover import Handover
from aiops.domain.incident import Entry
from aiops.domain.severity import Severity
from aiops.domain.talk import Answer, Confirmation, Nonce, Press, Said, SignedSaid
from aiops.errors import PermanentError, RefusedError
from aiops.ports import IncidentServices
from aiops.steps.approve import approve, deny
from aiops.steps.commands import command, reasons, split
from aiops.steps.dispatch import dispatch
from aiops.steps.listen import OLDEST
from aiops.steps.outbox import whole
from aiops.steps.tell import tell
from aiops.steps.undo import undo

TYPING: Final = timedelta(minutes=10)
"""How long the typed name of a host is awaited: long enough to look at the host, short enough to still mean it."""
STALE: Final = timedelta(minutes=15)
"""What was written longer ago, while nobody listened, is not done any more: a /thaw of yesterday is no /thaw."""
TOAST: Final = 200
"""Characters that Telegram shows in answer to a press."""
_OURS: Final = frozenset({"stranger", "unknown", "used", "expired", "edited", "card", "typed", "state", "frozen"})
"""Reasons of a refusal that have a sentence in every language."""
FORGED: Final = "words forged"
_ONCE: Final = timedelta(hours=1)
"""The human is told of forged words so often at most: whoever can forge one can forge a thousand."""


def heard(signed: SignedSaid, services: IncidentServices) -> Handover:
    """Act on it once. Heard again, it gets the same answer and changes nothing.

    :raises LedgerBusyError: nothing was done; the queue tries again
    """
    try:
        said = _believed(signed, services)
    except RefusedError as refusal:
        return _forged(refusal, services)
    known = services.ledger.answered(said.update)
    if known:
        return Handover(answers=(known,))
    with whole(services) as inside:
        answer, handed = _take(said, inside)
        inside.ledger.keep_answer(answer, inside.clock())
    return handed + Handover(answers=(answer,))


def _believed(signed: SignedSaid, services: IncidentServices) -> Said:
    if services.hearing is None:
        raise RefusedError("signature", "no key of the ears is trusted here: set keys.heard")
    return services.hearing.verify_said(signed)


def _forged(refusal: RefusedError, services: IncidentServices) -> Handover:
    """Nothing it says is believed or repeated. An event each time; the audit log and the human, once an hour."""
    now = services.clock()
    event = Event(
        source="hermes",
        cron="guardian-voice",
        severity=Severity.CRITICAL,
        timestamp=now,
        host="hermes",
        symptom=f"somebody claims that a human said something, and it was refused: {refusal.text}",
        type="voice.forged",
        context={"reason": refusal.reason},
    )
    services.events.publish(event)
    with services.ledger.together():
        if any(line.what == FORGED and now - line.at < _ONCE for line in services.ledger.audit()):
            return Handover()
        services.ledger.write_down(now, "unknown", FORGED, outcome=refusal.reason, text=refusal.text)
        return Handover(notices=tell(event, services))


def _take(said: Said, services: IncidentServices) -> tuple[Answer, Handover]:
    try:
        if said.user not in services.users:
            raise RefusedError("stranger", f"{said.user} is not on the list")
        if services.clock() - said.at > OLDEST:
            # What was answered is remembered for longer than this, so an old signature is good for nothing.
            raise RefusedError("expired", f"{said.at + OLDEST:%H:%M}")
        return _act(said, services)
    except PermanentError as error:
        _write_down(said, error, services)
        text = _sentence(said, error, services)
        toast = {"toast": text[:TOAST]} if said.callback else {"text": text}
        return _answer(said, **toast), Handover()


def _act(said: Said, services: IncidentServices) -> tuple[Answer, Handover]:
    if said.callback:
        return _press(said, services)
    if said.sent_at and services.clock() - said.sent_at > STALE:
        raise RefusedError("expired", f"{said.sent_at + STALE:%H:%M}")
    if said.text.startswith("/"):
        text, card, handed = command(said, services)
        return _answer(said, text=text, card=card), handed
    if not said.incident:
        return _answer(said, text=services.words("answer.hint")), Handover()
    awaited = services.ledger.confirmation(said.incident)
    if awaited and awaited.by == said.by and awaited.until > services.clock() and " " not in said.text.strip():
        return _typed(said, awaited, services)
    return _answer(said, text=reasons(said.incident, services)), Handover()


def _press(said: Said, services: IncidentServices) -> tuple[Answer, Handover]:
    nonce = services.ledger.nonce(said.text)
    if nonce is None:
        raise RefusedError("unknown", "no such button was ever shown")
    if said.incident != nonce.incident:
        raise RefusedError("card", f"the button belongs to {nonce.incident}")
    now = services.clock()
    if not services.ledger.use(nonce.nonce, said.by, now):
        if nonce.used_by:
            raise RefusedError("used", nonce.used_by)
        raise RefusedError("expired", f"{nonce.expires_at:%H:%M}")
    services.ledger.note(
        nonce.incident, Entry(at=now, step="telegram", text=f"pressed {nonce.press.value}", who=said.by)
    )
    if nonce.press in {Press.APPROVE, Press.DENY, Press.SNOOZE}:
        _still_the_plan(nonce, services)
    does = {
        Press.APPROVE: _approve,
        Press.DENY: _deny,
        Press.SNOOZE: _snooze,
        Press.WHY: _why,
        Press.UNDO: _undo,
    }
    return does[nonce.press](said, nonce, services)


def _still_the_plan(nonce: Nonce, services: IncidentServices) -> None:
    plan = services.ledger.plan_of(nonce.incident)
    if plan is None or plan.digest != nonce.digest:
        raise RefusedError("edited", "the plan that was shown is not the one that waits")


def _approve(said: Said, nonce: Nonce, services: IncidentServices) -> tuple[Answer, Handover]:
    plan = services.ledger.plan_of(nonce.incident)
    remediation = services.catalogue.get(plan.remediation) if plan else None
    if remediation is not None and remediation.destructive:
        until = services.clock() + TYPING
        services.ledger.confirm(Confirmation(incident=nonce.incident, digest=nonce.digest, by=said.by, until=until))
        minutes = int(TYPING.total_seconds() // 60)
        return _answer(said, toast=services.words("answer.type_host", minutes=minutes)), Handover()
    return _approved(said, nonce.incident, nonce.digest, "", services)


def _typed(said: Said, awaited: Confirmation, services: IncidentServices) -> tuple[Answer, Handover]:
    done = _approved(said, awaited.incident, awaited.digest, said.text.strip(), services)
    services.ledger.confirmed(awaited.incident)
    return done


def _approved(
    said: Said, incident: str, digest: str, typed: str, services: IncidentServices
) -> tuple[Answer, Handover]:
    """The step of `aiops approve`, and no other; then the doorbell."""
    plan = approve(incident, said.by, services, digest=digest, typed=typed)
    hosts = ", ".join(plan.hosts)
    text = services.words("answer.approved", playbook=plan.remediation, hosts=hosts)
    told = {"toast": text[:TOAST]} if said.callback else {"text": text}
    return _answer(said, **told), dispatch(plan.id, services)


def _deny(said: Said, nonce: Nonce, services: IncidentServices) -> tuple[Answer, Handover]:
    handed = deny(nonce.incident, said.by, "", services)
    return _answer(said, toast=services.words("answer.denied")), handed


def _snooze(said: Said, nonce: Nonce, services: IncidentServices) -> tuple[Answer, Handover]:
    until = services.clock() + timedelta(minutes=services.voice.snooze_minutes)
    mark = services.ledger.mark_of(nonce.incident)
    if mark is not None:
        services.ledger.keep_mark(mark.model_copy(update={"snoozed_until": until, "remind_at": until}))
    return _answer(said, toast=services.words("answer.snoozed", until=f"{until:%H:%M}")), Handover()


def _why(said: Said, nonce: Nonce, services: IncidentServices) -> tuple[Answer, Handover]:
    return _answer(said, toast=services.words("answer.why"), text=reasons(nonce.incident, services)), Handover()


def _undo(said: Said, nonce: Nonce, services: IncidentServices) -> tuple[Answer, Handover]:
    plan, handed = undo(nonce.incident, said.by, "", services)
    hosts = ", ".join(plan.hosts)
    text = services.words("answer.undo", playbook=plan.remediation, hosts=hosts, incident=plan.incident)
    return _answer(said, toast=text[:TOAST]), handed


def _answer(said: Said, **told: str) -> Answer:
    return Answer(update=said.update, chat=said.chat, message=said.message, callback=said.callback, **told)


def _sentence(said: Said, error: PermanentError, services: IncidentServices) -> str:
    words = services.words
    if not isinstance(error, RefusedError):
        return words("answer.error", text=scrub(str(error)))
    if error.reason not in _OURS:
        return words("refused.other", reason=error.reason, text=scrub(error.text))
    return words(f"refused.{error.reason}", text=error.text, by=error.text, until=error.text, user=said.user)


def _write_down(said: Said, error: PermanentError, services: IncidentServices) -> None:
    """Into the audit log, and where the incident is known and the human too, into its timeline: the card gets new buttons."""
    now = services.clock()
    reason = error.reason if isinstance(error, RefusedError) else type(error).__name__
    what = "button" if said.callback else split(said.text)[0] if said.text.startswith("/") else "reply"
    text = f"{what} at {iso(said.at)}: {error}"
    services.ledger.write_down(now, said.by, "telegram refused", incident=said.incident, text=text)
    if said.incident.startswith("inc-") and said.user in services.users:
        entry = Entry(at=now, step="telegram", text=f"{what} refused ({reason})", who=said.by)
        services.ledger.note(said.incident, entry)
