"""notify: take a message for the human. Where it goes and when is a table; nothing is asked, nothing is spent."""

from aiops.domain.event import Event
from aiops.domain.notice import Notice, Route
from aiops.domain.talk import Answer, Card
from aiops.ports import NotifyServices
from aiops.steps.cards import CARD


def notify(event: Event, services: NotifyServices) -> None:
    """Put the event into the mailbox, by severity; debug is dropped. The card it brings is kept apart from it.

    :raises LedgerBusyError: it could not be kept; the queue tries again
    """
    now = services.clock()
    if CARD in event.context:
        services.mailbox.put_card(Card.model_validate(event.context[CARD]), now)
        event = event.model_copy(update={"context": {k: v for k, v in event.context.items() if k != CARD}})
    due = services.voice.due(event.severity, now, services.timezone)
    notice = Notice.of(event, due)
    if notice.route is not Route.NOBODY:
        services.mailbox.put(notice)


def take_answer(answer: Answer, services: NotifyServices) -> None:
    """Keep what a human is to be told.

    :raises LedgerBusyError: it could not be kept; the queue tries again
    """
    services.mailbox.put_answer(answer, services.clock())
