"""notify: take a message for the human. Where it goes and when is a table; nothing is asked, nothing is spent."""

from aiops.domain.event import Event
from aiops.domain.notice import REPORT, Notice, Route
from aiops.domain.talk import Answer, Card
from aiops.ports import NotifyServices
from aiops.steps.cards import CARD
from aiops.words import Words


def notify(event: Event, services: NotifyServices) -> None:
    """Put the event into the mailbox, by severity; debug is dropped. The card it brings is kept apart from it.

    :raises LedgerBusyError: it could not be kept; the queue tries again
    """
    now = services.clock()
    if CARD in event.context:
        services.mailbox.put_card(Card.model_validate(event.context[CARD]), now)
        event = event.model_copy(update={"context": {k: v for k, v in event.context.items() if k != CARD}})
    event = _in_words(event, services.words)
    due = services.voice.due(event.severity, now, services.timezone)
    notice = Notice.of(event, due)
    if notice.route is not Route.NOBODY:
        services.mailbox.put(notice)


def _in_words(event: Event, words: Words) -> Event:
    """What our records say, as the human reads it. An event keeps its English everywhere else."""
    if event.type == REPORT:
        lines = [words.reported(str(line)) for line in event.context.get("lines", ())]
        context = {**event.context, "lines": lines}
        return event.model_copy(update={"symptom": words.reported(event.symptom), "context": context})
    about = f"{title}: " if (title := event.context.get("title")) else ""
    if not event.symptom.startswith(about):
        about = ""
    return event.model_copy(update={"symptom": about + words.said(event.symptom.removeprefix(about))})


def take_answer(answer: Answer, services: NotifyServices) -> None:
    """Keep what a human is to be told.

    :raises LedgerBusyError: it could not be kept; the queue tries again
    """
    services.mailbox.put_answer(answer, services.clock())
