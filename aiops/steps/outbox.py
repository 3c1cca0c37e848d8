"""Events that wait until what they tell of is durable: a mirror must not show what was taken back."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from aiops.domain.event import Event
from aiops.ports import Events, IncidentServices


class Outbox:
    """Port ``Events`` inside a transaction; ``deliver`` when it has ended."""

    def __init__(self) -> None:
        self._held: list[Event] = []

    def publish(self, event: Event) -> None:
        """Hold it."""
        self._held.append(event)

    def deliver(self, events: Events) -> None:
        """Publish everything, in order."""
        held, self._held = self._held, []
        for event in held:
            events.publish(event)


@contextmanager
def whole(services: IncidentServices) -> Iterator[IncidentServices]:
    """One transaction of the ledger: all that happens inside is durable together, and its events leave when it is."""
    outbox = Outbox()
    with services.ledger.together():
        yield replace(services, events=outbox)
    outbox.deliver(services.events)
