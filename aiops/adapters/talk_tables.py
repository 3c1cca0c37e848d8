"""The tables of the incident ledger about cards, their buttons, and what humans were answered."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from aiops.adapters.sqlite import Database
from aiops.domain.fact import iso
from aiops.domain.talk import Answer, Confirmation, Mark, Nonce, Press

KEPT: Final = timedelta(days=7)
"""How long an answer is remembered. Telegram keeps an update for 24 hours."""


class TalkTables:
    """Port ``TalkLedger``. The incident ledger is one of these; both write into the same transaction."""

    @property
    def _db(self) -> Database:
        raise NotImplementedError

    def mark_of(self, incident: str) -> Mark | None:
        with self._db.reading() as cursor:
            row = cursor.execute("SELECT mark FROM cards WHERE incident = ?", (incident,)).fetchone()
        return Mark.model_validate_json(row[0]) if row else None

    def keep_mark(self, mark: Mark) -> None:
        due = iso(mark.remind_at) if mark.remind_at else None
        with self._db.writing() as cursor:
            cursor.execute(
                "INSERT OR REPLACE INTO cards VALUES (?, ?, ?, ?)",
                (mark.incident, mark.line, due, mark.model_dump_json()),
            )

    def outdated(self, limit: int) -> Sequence[Mark]:
        with self._db.reading() as cursor:
            rows = cursor.execute(
                "SELECT mark FROM cards WHERE line <"
                " (SELECT max(n) FROM timeline WHERE timeline.incident = cards.incident) ORDER BY line LIMIT ?",
                (limit,),
            ).fetchall()
        return [Mark.model_validate_json(text) for (text,) in rows]

    def to_remind(self, now: datetime, limit: int) -> Sequence[Mark]:
        with self._db.reading() as cursor:
            rows = cursor.execute(
                "SELECT mark FROM cards WHERE remind_at <= ? ORDER BY remind_at LIMIT ?", (iso(now), limit)
            ).fetchall()
        return [Mark.model_validate_json(text) for (text,) in rows]

    def last_line(self, incident: str) -> int:
        with self._db.reading() as cursor:
            row = cursor.execute("SELECT coalesce(max(n), 0) FROM timeline WHERE incident = ?", (incident,)).fetchone()
        return int(row[0])

    def issue(self, nonce: Nonce) -> None:
        with self._db.writing() as cursor:
            cursor.execute(
                "INSERT INTO nonces (nonce, incident, press, digest, expires_at) VALUES (?, ?, ?, ?, ?)",
                (nonce.nonce, nonce.incident, nonce.press.value, nonce.digest, iso(nonce.expires_at)),
            )

    def unused(self, incident: str, press: Press, digest: str, now: datetime) -> Nonce | None:
        with self._db.reading() as cursor:
            row = cursor.execute(
                f"{_NONCE} WHERE incident = ? AND press = ? AND digest = ? AND used_at IS NULL AND expires_at > ?"
                " ORDER BY expires_at DESC LIMIT 1",
                (incident, press.value, digest, iso(now)),
            ).fetchone()
        return _nonce(row) if row else None

    def nonce(self, nonce: str) -> Nonce | None:
        with self._db.reading() as cursor:
            row = cursor.execute(f"{_NONCE} WHERE nonce = ?", (nonce,)).fetchone()
        return _nonce(row) if row else None

    def use(self, nonce: str, by: str, at: datetime) -> bool:
        with self._db.writing() as cursor:
            cursor.execute(
                "UPDATE nonces SET used_at = ?1, used_by = ?2 WHERE nonce = ?3 AND used_at IS NULL AND expires_at > ?1",
                (iso(at), by, nonce),
            )
            return bool(cursor.rowcount == 1)

    def confirm(self, confirmation: Confirmation) -> None:
        with self._db.writing() as cursor:
            cursor.execute(
                "INSERT OR REPLACE INTO confirmations VALUES (?, ?)",
                (confirmation.incident, confirmation.model_dump_json()),
            )

    def confirmation(self, incident: str) -> Confirmation | None:
        with self._db.reading() as cursor:
            row = cursor.execute("SELECT record FROM confirmations WHERE incident = ?", (incident,)).fetchone()
        return Confirmation.model_validate_json(row[0]) if row else None

    def confirmed(self, incident: str) -> None:
        with self._db.writing() as cursor:
            cursor.execute("DELETE FROM confirmations WHERE incident = ?", (incident,))

    def keep_code(self, code: str, by: str, until: datetime) -> None:
        with self._db.writing() as cursor:
            cursor.execute("DELETE FROM codes WHERE by = ?", (by,))
            cursor.execute("INSERT INTO codes VALUES (?, ?, ?)", (code, by, iso(until)))

    def take_code(self, code: str, by: str, at: datetime) -> bool:
        with self._db.writing() as cursor:
            cursor.execute("DELETE FROM codes WHERE code = ? AND by = ? AND until > ?", (code, by, iso(at)))
            return bool(cursor.rowcount == 1)

    def answered(self, update: int) -> Answer | None:
        with self._db.reading() as cursor:
            row = cursor.execute("SELECT answer FROM answers WHERE update_id = ?", (update,)).fetchone()
        return Answer.model_validate_json(row[0]) if row else None

    def keep_answer(self, answer: Answer, at: datetime) -> None:
        with self._db.writing() as cursor:
            cursor.execute(
                "INSERT OR IGNORE INTO answers VALUES (?, ?, ?)", (answer.update, iso(at), answer.model_dump_json())
            )
            cursor.execute("DELETE FROM answers WHERE at < ?", (iso(at - KEPT),))
            cursor.execute("DELETE FROM nonces WHERE expires_at < ?", (iso(at - KEPT),))


_NONCE = "SELECT nonce, incident, press, digest, expires_at, used_by FROM nonces"


def _nonce(row: tuple[str, ...]) -> Nonce:
    return Nonce.model_validate(
        dict(zip(("nonce", "incident", "press", "digest", "expires_at", "used_by"), row, strict=True))
    )
