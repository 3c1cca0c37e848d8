"""Events that wait until what they tell of is durable: a mirror must not show what was taken back."""

from aiops.domain.event import Event
from aiops.ports import Events


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
