"""Backups of our own ledgers, and the way back."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from aiops.bootstrap.for_incidents import incidents
from aiops.ports import IncidentServices
from aiops.ports.copies import Copies
from aiops.settings import Settings

if TYPE_CHECKING:
    from aiops.adapters.execution_ledger import SqliteExecutionLedger


def ledger_copies(settings: Settings) -> Copies:
    """Of both ledgers; a container has one of them."""
    from aiops.adapters.ledger_copies import LedgerCopies  # noqa: PLC0415

    return LedgerCopies({name: settings.state / f"{name}.sqlite" for name in ("incidents", "executions")})


@contextmanager
def incidents_at(settings: Settings, place: Path) -> Iterator[IncidentServices]:
    """The deciding side over a ledger at another place, closed at the end.

    :raises SettingsError: it is no such ledger, or a newer program wrote it
    """
    from aiops.adapters.incident_ledger import SqliteIncidentLedger  # noqa: PLC0415

    with closing(SqliteIncidentLedger(place)) as ledger:
        yield replace(incidents(settings), ledger=ledger)


@contextmanager
def executions_at(place: Path) -> "Iterator[SqliteExecutionLedger]":
    """CT196's record at another place, closed at the end.

    :raises SettingsError: it is no such ledger, or a newer program wrote it
    """
    from aiops.adapters.execution_ledger import SqliteExecutionLedger  # noqa: PLC0415

    with closing(SqliteExecutionLedger(place)) as ledger:
        yield ledger
