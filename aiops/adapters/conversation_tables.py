"""The tables of the voice's mailbox about cards, what humans said, and what they are answered."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from aiops.adapters.moments import from_ms, ms
from aiops.adapters.sqlite import Database
from aiops.domain.talk import Answer, Card, Said, Shown

KEPT: Final = timedelta(days=30)
"""How long a reply to an old message is still understood, and who a stranger is."""
MOST_STRANGERS: Final = 200
"""Each stranger is answered once: more of them than this are no people."""
_RANKS = "CASE json_extract(card, '$.severity') WHEN 'critical' THEN 0 WHEN 'warning' THEN 1 ELSE 2 END"
_CARD = "SELECT card, shown, chat, message, posted_at, owed, attempts FROM cards"


class ConversationTables:
    """Ports ``CardBox`` and ``Inbox``. The mailbox is one of these."""

    @property
    def _db(self) -> Database:
        raise NotImplementedError

    # cards

    def put_card(self, card: Card, now: datetime) -> None:
        with self._db.writing() as cursor:
            cursor.execute(
                "INSERT INTO cards (incident, seq, card, changed_at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE"
                " SET seq = ?2, card = ?3, changed_at = CASE WHEN shown < seq THEN changed_at ELSE ?4 END WHERE seq < ?2",
                (card.incident, card.seq, card.model_dump_json(), ms(now)),
            )
            cursor.execute("DELETE FROM cards WHERE changed_at < ?", (ms(now - KEPT),))

    def card(self, incident: str) -> Shown | None:
        with self._db.reading() as cursor:
            row = cursor.execute(f"{_CARD} WHERE incident = ?", (incident,)).fetchone()
        return _shown(row) if row else None

    def owe(self, incident: str) -> None:
        with self._db.writing() as cursor:
            cursor.execute("UPDATE cards SET owed = 1 WHERE incident = ? AND message = 0", (incident,))

    def cards_due(self, now: datetime) -> Sequence[Shown]:
        with self._db.reading() as cursor:
            rows = cursor.execute(
                f"{_CARD} WHERE due_at <= ? AND (owed = 1 OR (shown < seq AND message <> 0))"
                f" ORDER BY {_RANKS}, changed_at",
                (ms(now),),
            ).fetchall()
        return [_shown(row) for row in rows]

    def card_shown(self, incident: str, seq: int, chat: int, message: int, now: datetime) -> None:
        with self._db.writing() as cursor:
            cursor.execute(
                "UPDATE cards SET shown = ?2, chat = ?3, message = ?4, owed = 0, attempts = 0, due_at = 0,"
                " posted_at = CASE WHEN message = ?4 AND chat = ?3 THEN posted_at ELSE ?5 END WHERE incident = ?1",
                (incident, seq, chat, message, ms(now)),
            )
        self.about(chat, message, incident, now)

    def card_failed(self, incident: str, again_at: datetime) -> None:
        with self._db.writing() as cursor:
            cursor.execute(
                "UPDATE cards SET attempts = attempts + 1, due_at = ? WHERE incident = ?", (ms(again_at), incident)
            )

    def card_gone(self, incident: str) -> None:
        with self._db.writing() as cursor:
            cursor.execute(
                "UPDATE cards SET shown = 0, chat = 0, message = 0, posted_at = NULL, owed = 1 WHERE incident = ?",
                (incident,),
            )

    def about(self, chat: int, message: int, incident: str, now: datetime) -> None:
        with self._db.writing() as cursor:
            cursor.execute("INSERT OR REPLACE INTO said_about VALUES (?, ?, ?, ?)", (chat, message, incident, ms(now)))
            cursor.execute("DELETE FROM said_about WHERE at < ?", (ms(now - KEPT),))

    def incident_of(self, chat: int, message: int) -> str:
        with self._db.reading() as cursor:
            row = cursor.execute(
                "SELECT incident FROM said_about WHERE chat = ? AND message = ?", (chat, message)
            ).fetchone()
        return str(row[0]) if row else ""

    # answers

    def put_answer(self, answer: Answer, now: datetime) -> None:
        with self._db.writing() as cursor:
            cursor.execute(
                "INSERT OR IGNORE INTO answers (update_id, answer, at, due_at) VALUES (?, ?, ?, ?)",
                (answer.update, answer.model_dump_json(), ms(now), ms(now)),
            )
            cursor.execute("UPDATE heard SET answered_at = ? WHERE update_id = ?", (ms(now), answer.update))
            cursor.execute("DELETE FROM answers WHERE at < ?", (ms(now - KEPT),))

    def answers_due(self, now: datetime) -> Sequence[tuple[Answer, bool]]:
        with self._db.reading() as cursor:
            rows = cursor.execute(
                "SELECT answer, toasted FROM answers WHERE done_at IS NULL AND due_at <= ? ORDER BY update_id",
                (ms(now),),
            ).fetchall()
        return [(Answer.model_validate_json(text), bool(toasted)) for text, toasted in rows]

    def toasted(self, update: int) -> None:
        with self._db.writing() as cursor:
            cursor.execute("UPDATE answers SET toasted = 1 WHERE update_id = ?", (update,))

    def answer_done(self, update: int, now: datetime) -> None:
        with self._db.writing() as cursor:
            cursor.execute("UPDATE answers SET done_at = ? WHERE update_id = ?", (ms(now), update))

    def answer_failed(self, update: int, again_at: datetime) -> int:
        with self._db.writing() as cursor:
            row = cursor.execute(
                "UPDATE answers SET attempts = attempts + 1, due_at = ? WHERE update_id = ? RETURNING attempts",
                (ms(again_at), update),
            ).fetchone()
        return int(row[0]) if row else 0

    # what was heard

    def offset(self) -> int:
        with self._db.reading() as cursor:
            return int(cursor.execute("SELECT offset FROM polling").fetchone()[0])

    def take(self, offset: int, heard: Sequence[Said], unread: int = 0) -> int:
        with self._db.writing() as cursor:
            cursor.executemany(
                "INSERT OR IGNORE INTO heard (update_id, said, at) VALUES (?, ?, ?)",
                [(said.update, said.model_dump_json(), ms(said.at)) for said in heard],
            )
            cursor.execute("UPDATE polling SET offset = max(offset, ?), unread = unread + ?", (offset, unread))
            if heard:
                cursor.execute("DELETE FROM heard WHERE at < ?", (ms(heard[-1].at - KEPT),))
            return int(cursor.execute("SELECT unread FROM polling").fetchone()[0])

    def unhanded(self, again: datetime, oldest: datetime) -> Sequence[Said]:
        with self._db.reading() as cursor:
            rows = cursor.execute(
                "SELECT said FROM heard WHERE answered_at IS NULL AND at >= ? AND (handed_at IS NULL OR handed_at < ?)"
                " ORDER BY update_id",
                (ms(oldest), ms(again)),
            ).fetchall()
        return [Said.model_validate_json(text) for (text,) in rows]

    def handed(self, update: int, now: datetime) -> None:
        with self._db.writing() as cursor:
            cursor.execute("UPDATE heard SET handed_at = ? WHERE update_id = ?", (ms(now), update))

    def stranger(self, user: int, now: datetime) -> bool:
        with self._db.writing() as cursor:
            cursor.execute("DELETE FROM strangers WHERE at < ?", (ms(now - KEPT),))
            (known,) = cursor.execute("SELECT count(*) FROM strangers").fetchone()
            if known >= MOST_STRANGERS:
                return False
            cursor.execute("INSERT OR IGNORE INTO strangers VALUES (?, ?)", (user, ms(now)))
            return bool(cursor.rowcount == 1)


def _shown(row: tuple[Any, ...]) -> Shown:
    card, shown, chat, message, posted, owed, attempts = row
    return Shown(
        card=Card.model_validate_json(card),
        shown=shown,
        chat=chat,
        message=message,
        posted_at=None if posted is None else from_ms(posted),
        owed=bool(owed),
        attempts=attempts,
    )
