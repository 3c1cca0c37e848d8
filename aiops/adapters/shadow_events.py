"""Events of a side that cannot know which guardians were taken over: all of them are published below PREFIX/shadow."""

from aiops.domain.event import Event
from aiops.ports import Events


class ShadowEvents:
    """Port ``Events``."""

    def __init__(self, inner: Events) -> None:
        self._inner = inner

    def publish(self, event: Event) -> None:
        """Mark it, and pass it on."""
        self._inner.publish(event.model_copy(update={"shadow": True}))
