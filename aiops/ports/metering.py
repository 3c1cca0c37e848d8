"""What metrics are read from, and where they are counted."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from aiops.domain.fact import utcnow
from aiops.domain.incident import Incident
from aiops.domain.metric import Sample
from aiops.domain.sweep import Look
from aiops.domain.watch import Watched
from aiops.ports.hosts import Inventory
from aiops.ports.signs import Pulse


class Meter(Protocol):
    """Counts what happens, for whoever asks later."""

    def count(self, samples: Iterable[Sample]) -> None:
        """Add them: a counter grows, a histogram observes, a gauge takes the value. Never raises for what it cannot place."""


class IncidentFigures(Protocol):
    """The part of the incident ledger that gauges are read from. Only read.

    :raises LedgerBusyError: from any method, when the ledger cannot be read now
    """

    def live(self) -> Sequence[Incident]:
        """See ``IncidentLedger``."""

    def recent(self, limit: int) -> Sequence[Incident]:
        """See ``IncidentLedger``."""

    def looks(self) -> Sequence[Look]:
        """See ``IncidentLedger``."""

    def frozen(self) -> str:
        """See ``IncidentLedger``."""


class Queues(Protocol):
    """How much waits in each queue."""

    def lengths(self, names: Sequence[str]) -> Mapping[str, int]:
        """Messages that wait, per queue.

        :raises BusError: Redis does not answer
        """


@dataclass(frozen=True)
class ExecutionCounts:
    """What the execution ledger holds at one moment. ``oldest_start`` is that of a run that still goes on."""

    plans: Mapping[str, int]
    oldest_start: datetime | None = None
    held_hosts: int = 0
    sessions: int = 0
    records: int = 0
    backup_open: bool = False
    backup_succeeded: datetime | None = None


class ExecutionFigures(Protocol):
    """The part of the execution ledger that gauges are read from. Only read."""

    def counts(self) -> ExecutionCounts:
        """:raises LedgerBusyError: the ledger cannot be read now."""


def _nothing_expected() -> Mapping[str, datetime]:
    return {}


@dataclass(frozen=True)
class GaugeServices:
    """What CT190's exporter has: eyes on the ledger, on the signs of life and on the length of queues.

    ``expected`` is per guardian the newest moment whose sweep must be finished by now, ``periods`` how long each may rest.
    """

    ledger: IncidentFigures
    inventory: Inventory
    pulse: Pulse
    queues: Queues
    names: Sequence[str] = ()
    watch: Watched = field(default_factory=Watched)
    periods: Mapping[str, timedelta] = field(default_factory=dict)
    expected: Callable[[], Mapping[str, datetime]] = _nothing_expected
    clock: Callable[[], datetime] = utcnow
