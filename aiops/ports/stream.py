"""What happened, on its way to MQTT and to the human."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from aiops.domain.event import Event
from aiops.domain.shipped import Line, Pushed


class Events(Protocol):
    """The record of what happened, for the bridge: a capped log."""

    def publish(self, event: Event) -> None:
        """Append the event. An invalid one goes to quarantine and is counted; nothing is raised for it.

        A bus that does not answer is logged, never raised: a mirror must not stop the work.
        """


@dataclass(frozen=True)
class Mirrored:
    """One entry of the event log: its position, and the event's JSON or the quarantined text."""

    cursor: str
    topic: str
    payload: str
    quarantined: bool = False
    retain: bool = False


class EventLog(Protocol):
    """The reading end of ``Events``: only the bridge has it."""

    def read(self, after: str, count: int, seconds: float) -> Sequence[Mirrored]:
        """Up to ``count`` entries after the cursor; waits at most ``seconds`` for the first one.

        :raises BusError: Redis does not answer
        """

    def cursor(self) -> str:
        """Where the last run stopped; ``0`` at the very beginning."""

    def move(self, cursor: str) -> None:
        """Remember that everything up to the cursor has been acknowledged by the broker."""


class Broker(Protocol):
    """An MQTT broker we publish to."""

    def publish(self, topic: str, payload: str, *, retain: bool = False) -> None:
        """Publish at QoS 1 and return when the broker has acknowledged.

        :raises BusError: not connected, or no acknowledgement in time
        """

    def publish_all(self, entries: Sequence[Mirrored]) -> int:
        """Publish in order at QoS 1 and return how many, counted from the first, the broker has acknowledged.

        What comes after that number may have arrived too and must be published again.

        :raises BusError: not even the first one; or no connection, with nothing to publish too
        """

    def announce(self, state: str, reason: str = "") -> None:
        """Retain on the bridge's own topic how it is (``online``, ``degraded``). Never raises."""

    def close(self) -> None:
        """Say good-bye, so that the last will is not sent."""


@dataclass(frozen=True)
class Spooled:
    """A line that waits; ``number`` is its place."""

    number: int
    line: Line


class Spool(Protocol):
    """What waits for the log store, on our own disk, bounded.

    :raises LedgerBusyError: from any method, when the disk cannot be written or read
    """

    def mark(self, name: str) -> str:
        """What was remembered under that name; empty when nothing was."""

    def keep(self, lines: Sequence[Line], marks: Mapping[str, str]) -> int:
        """Keep lines and marks together, durably; returns how many of the oldest had to go for them.

        No line of a stream gets an older moment than the one before it.
        """

    def oldest(self, lines: int, most: int) -> Sequence[Spooled]:
        """Those that wait longest, in order: at least one, at most so many and so many bytes."""

    def forget(self, upto: int) -> None:
        """Everything up to that place is done with."""

    def waiting(self) -> tuple[int, int]:
        """How many lines wait, and their bytes."""


class LogStore(Protocol):
    """Where lines are kept to be searched."""

    def push(self, batch: Sequence[Spooled]) -> Pushed:
        """Send lines, and say what became of them. Never raises: what does not answer is a reason to try again."""


class LogSource(Protocol):
    """Our own log files."""

    def read(self, mark: Callable[[str], str]) -> tuple[Sequence[dict[str, Any]], dict[str, str]]:
        """The records written since what ``mark`` gives for each file, and the marks after them."""
