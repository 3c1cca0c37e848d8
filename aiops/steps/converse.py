"""converse: answers and cards on their way to the human. Cards show the last state, however long nobody could be reached."""

from datetime import timedelta
from typing import Final

from aiops.domain.notice import Bundle, Route
from aiops.domain.pace import ANSWERS, EDITS
from aiops.domain.severity import Severity
from aiops.domain.talk import Answer, Shown
from aiops.errors import ChannelError, SettingsError
from aiops.ports import NotifyServices, Talker
from aiops.steps.remind import REMINDER
from aiops.steps.write_card import write_card

LONGEST_PAUSE: Final = 60.0
"""Seconds between two tries, as for messages."""
_GIVE_UP: Final = 20
"""Tries after which an answer that can never be sent is let go: about a quarter of an hour."""


def say_answers(services: NotifyServices, down: set[str]) -> None:
    """What humans asked, answered; presses first, because a phone waits for them."""
    talker = services.talker
    if talker is None:
        return
    due = services.mailbox.answers_due(services.clock())
    for answer, toasted in sorted(due, key=lambda one: not one[0].callback):
        if talker.name in down:
            return
        try:
            _say(answer, toasted, talker, services)
        except ChannelError as error:
            failed(talker, error, services, down)
            services.mailbox.answer_failed(answer.update, services.clock() + timedelta(seconds=max(1.0, error.rest)))
        except SettingsError:
            tries = services.mailbox.answer_failed(answer.update, services.clock() + timedelta(seconds=LONGEST_PAUSE))
            if tries >= _GIVE_UP:
                services.mailbox.answer_done(answer.update, services.clock())


def _say(answer: Answer, toasted: bool, talker: Talker, services: NotifyServices) -> None:  # noqa: FBT001 - as it is kept
    now = services.clock()
    if answer.callback and not toasted:
        talker.answer(answer.callback, answer.toast)
        services.mailbox.toasted(answer.update)
    if answer.text:
        if not services.pace.room(answer.chat, now, ANSWERS):
            return
        services.pace.sent(answer.chat, now)
        message = talker.say(answer.chat, answer.text, answer.message)
        if answer.card:
            services.mailbox.about(answer.chat, message, answer.card, now)
    if answer.card:
        services.mailbox.owe(answer.card)
    services.mailbox.answer_done(answer.update, now)


def speak(bundle: Bundle, talker: Talker, shown: Shown | None, services: NotifyServices) -> str | None:
    """A single message about an incident: as its card, or in reply to its card. None: it has none, send it as it is."""
    (notice, *more) = bundle.notices
    if more or shown is None:
        return None
    chat, now = talker.chat(direct=bundle.route is Route.DIRECT), services.clock()
    silent = bundle.route is Route.GROUP_SILENTLY
    if not shown.message:
        html = write_card(shown, talker.name, services.words)
        message = talker.post(chat, shown.card, html, silent=silent)
        services.mailbox.card_shown(shown.card.incident, shown.card.seq, chat, message, now)
        return str(message)
    reply_to = shown.message if chat == shown.chat else 0
    message = talker.say(chat, bundle.text, reply_to, silent=silent)
    services.mailbox.about(chat, message, notice.event.incident, now)
    return str(message)


def pointless(bundle: Bundle, shown: Shown | None) -> bool:
    """A reminder of what was decided while it was on its way."""
    (notice, *more) = bundle.notices
    return not more and notice.event.type == REMINDER and shown is not None and not shown.card.waits


def show_cards(services: NotifyServices, down: set[str]) -> None:
    """Edit in the last state of every card that shows an older one, and post those that are owed."""
    talker = services.talker
    if talker is None:
        return
    for shown in services.mailbox.cards_due(services.clock()):
        if talker.name in down:
            return
        chat = shown.chat or talker.chat(direct=shown.card.severity is Severity.CRITICAL)
        now = services.clock()
        if not services.pace.room(chat, now, EDITS):
            continue
        services.pace.sent(chat, now)
        pause = min(LONGEST_PAUSE, 2.0**shown.attempts)
        try:
            _show(shown, chat, talker, services)
        except ChannelError as error:
            failed(talker, error, services, down)
            services.mailbox.card_failed(shown.card.incident, now + timedelta(seconds=max(pause, error.rest)))
        except SettingsError:
            services.mailbox.card_failed(shown.card.incident, now + timedelta(seconds=LONGEST_PAUSE))


def _show(shown: Shown, chat: int, talker: Talker, services: NotifyServices) -> None:
    card, now = shown.card, services.clock()
    html = write_card(shown, talker.name, services.words)
    if not shown.message:
        message = talker.post(chat, card, html, silent=True)
        services.mailbox.card_shown(card.incident, card.seq, chat, message, now)
    elif talker.edit(shown.chat, shown.message, card, html):
        services.mailbox.card_shown(card.incident, card.seq, shown.chat, shown.message, now)
    else:
        services.mailbox.card_gone(card.incident)


def failed(talker: Talker, error: ChannelError, services: NotifyServices, down: set[str]) -> None:
    """Leave it alone for the rest of the round; everything waits for as long as it asks."""
    down.add(talker.name)
    if error.rest:
        services.pace.rest(services.clock() + timedelta(seconds=error.rest))
