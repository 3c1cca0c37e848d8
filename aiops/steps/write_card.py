"""write_card: a card as a human reads it, in Telegram's HTML. Whatever came from a host is escaped."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from aiops.domain.severity import Severity
from aiops.domain.talk import Card, PlanShown, Shown
from aiops.words import Words

LONGEST: Final = 3900
"""Characters of the text with its marks and entities. Telegram takes 4096, counted without them."""
_SIGNS: Final = {Severity.DEBUG: "·", Severity.INFO: "ℹ️", Severity.WARNING: "⚠️", Severity.CRITICAL: "🔴"}  # noqa: RUF001 - the sign for information


def write_card(shown: Shown, channel: str, words: Words) -> str:
    """The whole card; what does not fit is counted, evidence first."""
    card = shown.card
    head = list(_head(card, words))
    foot = [*_plan(card, words), *_delivered(shown, channel, words)]
    room = LONGEST - sum(len(line) + 1 for line in (*head, *foot))
    middle = [
        *_section(words("card.lately"), card.lately),
        *_section(words("card.evidence"), card.evidence),
    ]
    return "\n".join([*head, *_fitting(middle, room, words), *foot])


def _head(card: Card, words: Words) -> Iterator[str]:
    state = words(f"state.{card.state.value}")
    yield f"{_SIGNS[card.severity]} <b>{escape(card.title)}</b>"
    if card.meaning:
        yield f"<i>{escape(card.meaning)}</i>"
    yield f"<code>{escape(card.incident)}</code> · <b>{escape(state)}</b>"
    yield f"{words('card.hosts')}: {escape(_some(card.hosts))}"
    if card.relapse_of:
        yield words("card.relapse", incident=escape(card.relapse_of))


def _section(title: str, lines: Sequence[str]) -> list[str]:
    return ["", f"<b>{escape(title)}</b>", *(escape(line) for line in lines)] if lines else []


def _fitting(lines: Sequence[str], room: int, words: Words) -> list[str]:
    kept: list[str] = []
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            shorter = kept[:-1]
            return [*shorter, words("card.more", count=len(lines) - len(shorter))]
        kept.append(line)
    return kept


def _plan(card: Card, words: Words) -> Iterator[str]:
    plan = card.plan
    if plan is None:
        return
    yield ""
    title = f"{words('card.plan')}: {plan.remediation}"
    yield f"<b>{escape(title)}</b> → {escape(_some(plan.hosts))}"
    yield escape(words("card.risk", risk=words.value(plan.risk), until=f"{plan.expires_at:%H:%M}"))
    for param in plan.params[:6]:
        yield f"<code>{escape(param)}</code>"
    if plan.destructive:
        yield f"<b>{escape(words('card.destructive'))}</b>"
    if plan.changes:
        yield escape(words("card.changes"))
        yield f"<pre>{escape(chr(10).join(plan.changes))}</pre>"
    yield escape(_executed(plan, words))
    if card.snoozed_until:
        yield escape(words("card.snoozed", until=f"{card.snoozed_until:%H:%M}"))


def _executed(plan: PlanShown, words: Words) -> str:
    if plan.executed:
        why = f" ({words.said(plan.reason)})" if plan.reason else ""
        return words("card.executed", status=words.value(plan.executed)) + why
    return words("card.approved", by=words.value(plan.approved_by)) if plan.approved_by else words("card.waiting")


def _delivered(shown: Shown, channel: str, words: Words) -> Iterator[str]:
    """Delivered is not executed: the message's number proves the one, the outcome the other."""
    if shown.message and shown.posted_at:
        at = f"{shown.posted_at:%H:%M:%S}"
        yield escape(words("card.delivered", channel=channel, message=shown.message, at=at))


def _some(hosts: Sequence[str], most: int = 12) -> str:
    return ", ".join(hosts[:most]) + (f" + {len(hosts) - most}" if len(hosts) > most else "")
