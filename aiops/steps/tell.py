"""tell, taken, tell_again: a message to the human is kept with what it tells of, until the voice has taken it."""

from datetime import timedelta
from typing import Final

from aiops.domain.event import Event
from aiops.domain.fact import new_id
from aiops.domain.handover import Handover
from aiops.ports import IncidentServices
from aiops.steps.cards import with_card
from aiops.steps.shadow import shade_of, would_have_said

PATIENCE: Final = timedelta(seconds=60)
"""The voice takes a message within a second or two; after so long the doorbell was lost."""
AT_ONCE: Final = 100


def tell(event: Event, services: IncidentServices) -> tuple[Event, ...]:
    """Keep the event as a message to the human, in the transaction that is open, and return what to hand over.

    It brings the incident's card, with the right to press its buttons. In shadow it is written down, and nobody is told.
    """
    if shade_of(event, services):
        would_have_said(event, services)
        return ()
    now = services.clock()
    kept = event if event.id else event.model_copy(update={"id": new_id("ntc", now)})
    kept = with_card(kept, services)
    services.ledger.keep_notice(kept, now)
    return (kept,)


def taken(notice: str, services: IncidentServices) -> None:
    """The voice has it in its mailbox."""
    services.ledger.notice_taken(notice)


def tell_again(services: IncidentServices) -> Handover:
    """Hand over again whatever was not taken. The voice knows a message by its id, so none is told twice for that."""
    return Handover(notices=tuple(services.ledger.untaken(services.clock() - PATIENCE, AT_ONCE)))
