"""The event log and a broker in memory: for tests, replay and a dry run."""

import threading
from collections.abc import Sequence

from aiops.adapters.event_entry import LogEntry, Raw, entries_of, entries_of_raw
from aiops.domain.event import TYPES, Event
from aiops.errors import BusError, UnknownError
from aiops.ports import Mirrored


class MemoryEvents:
    """Port ``Events``, stricter than the real one: a type that ``TYPES`` does not name is our own mistake."""

    def __init__(self, prefix: str = "pixelium") -> None:
        self.events: list[Event] = []
        self.entries: list[LogEntry] = []
        self._prefix = prefix
        self._new = threading.Condition()

    def publish(self, event: Event) -> None:
        """:raises UnknownError: nobody has written down what this type means."""
        if event.type not in TYPES:
            raise UnknownError("event type", event.type, "Add it to TYPES in aiops/domain/event.py with a sentence.")
        self.events.append(event)
        self._append(entries_of(event, self._prefix))

    def publish_raw(self, raw: Raw) -> None:
        """Keep what a foreign publisher sent, as an event or as its quarantine."""
        self._append(entries_of_raw(raw, self._prefix))

    def counters(self) -> dict[str, int]:
        """As ``RedisEvents.counters``."""
        quarantined = sum(entry.quarantined for entry in self.entries)
        return {"quarantined": quarantined} if quarantined else {}

    def types(self) -> list[str]:
        """What was published, in order."""
        return [event.type for event in self.events]

    def after(self, position: int, count: int, seconds: float) -> list[LogEntry]:
        """Up to ``count`` entries from that position on, waiting at most ``seconds`` for the first."""
        with self._new:
            self._new.wait_for(lambda: len(self.entries) > position, seconds)
            return self.entries[position : position + count]

    def _append(self, entries: tuple[LogEntry, ...]) -> None:
        with self._new:
            self.entries.extend(entries)
            self._new.notify_all()


class MemoryEventLog:
    """Port ``EventLog`` over a ``MemoryEvents``; the cursor is the number of entries that are done with."""

    def __init__(self, events: MemoryEvents) -> None:
        self._events = events
        self._cursor = "0"
        self.down = False

    def read(self, after: str, count: int, seconds: float) -> Sequence[Mirrored]:
        """:raises BusError: while ``down``."""
        if self.down:
            raise BusError("memory", "down")
        return [
            Mirrored(str(number), entry.topic, entry.payload, entry.quarantined, entry.retain)
            for number, entry in enumerate(self._events.after(int(after), count, seconds), int(after) + 1)
        ]

    def cursor(self) -> str:
        """See the port."""
        return self._cursor

    def move(self, cursor: str) -> None:
        """See the port."""
        self._cursor = cursor


class MemoryBroker:
    """Port ``Broker``. ``accept`` is how many more messages it acknowledges, 0 is a broker that is gone; None for all."""

    def __init__(self) -> None:
        self.published: list[Mirrored] = []
        self.states: list[tuple[str, str]] = []
        self.accept: int | None = None
        self.closed = False

    def publish(self, topic: str, payload: str, *, retain: bool = False) -> None:
        """See the port."""
        self.publish_all([Mirrored("", topic, payload, retain=retain)])

    def publish_all(self, entries: Sequence[Mirrored]) -> int:
        """See the port."""
        if self.closed:
            raise BusError("memory", "closed")
        done = len(entries) if self.accept is None else min(self.accept, len(entries))
        if not done and (entries or self.accept == 0):
            raise BusError("memory", "no acknowledgement")
        if self.accept is not None:
            self.accept -= done
        self.published.extend(entries[:done])
        return done

    def announce(self, state: str, reason: str = "") -> None:
        """See the port."""
        self.states.append((state, reason))

    def close(self) -> None:
        """See the port."""
        self.closed = True
