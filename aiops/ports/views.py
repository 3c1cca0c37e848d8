"""The ledger as those see it who may only look, and what answers with it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from aiops.domain.fact import utcnow
from aiops.domain.incident import Entry, Incident, State
from aiops.domain.sweep import Look
from aiops.ports.hosts import Inventory


class Views(Protocol):
    """The part of ``IncidentLedger`` that answers questions. There is nothing in it that writes.

    :raises LedgerBusyError: from any method, when the ledger cannot be read now
    """

    def search(
        self,
        *,
        host: str = "",
        since: datetime | None = None,
        text: str = "",
        state: State | None = None,
        limit: int = 200,
    ) -> Sequence[Incident]:
        """See ``IncidentLedger``."""

    def live(self) -> Sequence[Incident]:
        """See ``IncidentLedger``."""

    def get(self, incident: str) -> Incident:
        """See ``IncidentLedger``."""

    def timeline(self, incident: str) -> Sequence[Entry]:
        """See ``IncidentLedger``."""

    def looks(self) -> Sequence[Look]:
        """See ``IncidentLedger``."""


@dataclass(frozen=True)
class BriefServices:
    """What answers other agents: eyes on the record. ``schedule`` says when each line of the crontab is due next."""

    views: Views
    inventory: Inventory
    schedule: Callable[[datetime], Mapping[str, datetime]]
    clock: Callable[[], datetime] = utcnow
