"""The tables of the incident ledger about guardians that were taken over, and about what would have been said or done."""

from collections.abc import Sequence
from datetime import datetime

from aiops.adapters.audit_tables import append
from aiops.adapters.sqlite import Database
from aiops.domain.fact import iso
from aiops.domain.shadow import Shadowed, Takeover

_TAKEOVER = ("guardian", "who", "why", "at")
_SHADOWED = ("at", "what", "severity", "text", "incident")


class ShadowTables:
    """Port ``ShadowBook``. The incident ledger is one of these; both write into the same transaction."""

    @property
    def _db(self) -> Database:
        raise NotImplementedError

    def take_over(self, takeover: Takeover) -> bool:
        with self._db.writing() as cursor:
            cursor.execute(
                "INSERT INTO takeovers VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (takeover.guardian, takeover.who, takeover.why, iso(takeover.at)),
            )
            new = bool(cursor.rowcount == 1)
            if new:
                append(cursor, takeover.at, takeover.who, "take over", text=f"{takeover.guardian}: {takeover.why}")
        return new

    def give_back(self, guardian: str, who: str, why: str, at: datetime) -> bool:
        with self._db.writing() as cursor:
            cursor.execute("DELETE FROM takeovers WHERE guardian = ?", (guardian,))
            there = bool(cursor.rowcount == 1)
            if there:
                append(cursor, at, who, "give back", text=f"{guardian}: {why}")
        return there

    def takeovers(self) -> Sequence[Takeover]:
        with self._db.reading() as cursor:
            rows = cursor.execute("SELECT guardian, who, why, at FROM takeovers ORDER BY guardian").fetchall()
        return [Takeover.model_validate(dict(zip(_TAKEOVER, row, strict=True))) for row in rows]

    def keep_shadowed(self, one: Shadowed) -> None:
        values = (iso(one.at), one.what, one.severity, one.text, one.incident)
        with self._db.writing() as cursor:
            cursor.execute("INSERT INTO shadowed VALUES (?, ?, ?, ?, ?)", values)

    def shadowed(self, since: datetime, limit: int) -> Sequence[Shadowed]:
        with self._db.reading() as cursor:
            rows = cursor.execute(
                "SELECT at, what, severity, text, incident FROM shadowed WHERE at >= ? ORDER BY at DESC, rowid DESC LIMIT ?",
                (iso(since), limit),
            ).fetchall()
        return [Shadowed.model_validate(dict(zip(_SHADOWED, row, strict=True))) for row in reversed(rows)]
