"""The table of the incident ledger about questions that wait for the end of quiet hours."""

from collections.abc import Sequence
from datetime import datetime

from aiops.adapters.sqlite import Database
from aiops.domain.fact import iso
from aiops.domain.held import Held


class HeldTables:
    """Part of port ``IncidentLedger``."""

    @property
    def _db(self) -> Database:
        raise NotImplementedError

    def hold(self, incident: str, until: datetime) -> None:
        with self._db.writing() as cursor:
            cursor.execute("INSERT OR REPLACE INTO held (incident, until) VALUES (?, ?)", (incident, iso(until)))

    def held(self) -> Sequence[Held]:
        with self._db.reading() as cursor:
            rows = cursor.execute(
                "SELECT incident, until, look, looked_at FROM held ORDER BY until, incident"
            ).fetchall()
        return [
            Held.model_validate(dict(zip(("incident", "until", "look", "looked_at"), row, strict=True))) for row in rows
        ]

    def looking(self, incident: str, look: str, at: datetime) -> None:
        with self._db.writing() as cursor:
            cursor.execute("UPDATE held SET look = ?, looked_at = ? WHERE incident = ?", (look, iso(at), incident))

    def unhold(self, incident: str) -> None:
        with self._db.writing() as cursor:
            cursor.execute("DELETE FROM held WHERE incident = ?", (incident,))
