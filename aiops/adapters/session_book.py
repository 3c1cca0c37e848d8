"""The table of the incident ledger about sessions."""

from collections.abc import Sequence
from datetime import datetime

from aiops.adapters.audit_tables import append
from aiops.adapters.sqlite import Database
from aiops.domain.fact import iso
from aiops.domain.session import Grant, SessionEnd


class SessionBookTable:
    """Port ``SessionBook``."""

    @property
    def _db(self) -> Database:
        raise NotImplementedError

    def store_grant(self, grant: Grant) -> None:
        with self._db.writing() as cursor:
            cursor.execute(
                "INSERT OR IGNORE INTO sessions (session, incident, at, granted) VALUES (?, ?, ?, ?)",
                (grant.id, grant.incident, iso(grant.at), grant.model_dump_json()),
            )
            if cursor.rowcount:
                given = (
                    f"{grant.budget.seconds} s, {grant.budget.calls} turns, {grant.budget.tokens} tokens: {grant.why}"
                )
                append(
                    cursor,
                    grant.at,
                    grant.by,
                    "session granted",
                    incident=grant.incident,
                    plan=grant.id,
                    digest=grant.digest,
                    text=given,
                )

    def under_way(self, incident: str) -> Grant | None:
        with self._db.reading() as cursor:
            row = cursor.execute(
                "SELECT granted FROM sessions WHERE incident = ? AND ended IS NULL ORDER BY at DESC LIMIT 1",
                (incident,),
            ).fetchone()
        return Grant.model_validate_json(row[0]) if row else None

    def granted_since(self, moment: datetime) -> int:
        with self._db.reading() as cursor:
            (count,) = cursor.execute("SELECT count(*) FROM sessions WHERE at >= ?", (iso(moment),)).fetchone()
        return int(count)

    def conclude(self, end: SessionEnd) -> bool:
        with self._db.writing() as cursor:
            cursor.execute(
                "UPDATE sessions SET ended = ? WHERE session = ? AND incident = ? AND ended IS NULL",
                (end.told.model_dump_json(), end.session, end.incident),
            )
            concluded = cursor.rowcount == 1
            if concluded:
                append(
                    cursor,
                    end.finished_at,
                    "CT196",
                    "session ended",
                    incident=end.incident,
                    plan=end.session,
                    outcome=end.ending,
                    text=end.reason,
                )
        return concluded

    def concluded(self, incident: str) -> Sequence[SessionEnd]:
        with self._db.reading() as cursor:
            rows = cursor.execute(
                "SELECT ended FROM sessions WHERE incident = ? AND ended IS NOT NULL ORDER BY at", (incident,)
            ).fetchall()
        return [SessionEnd.model_validate_json(row[0]) for row in rows]
