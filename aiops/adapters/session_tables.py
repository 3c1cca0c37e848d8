"""The tables of the execution ledger about sessions: each started at most once, one at a time."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from sqlite3 import Cursor, IntegrityError

from aiops.adapters.audit_tables import append
from aiops.adapters.moments import from_ms, ms
from aiops.adapters.sqlite import Database
from aiops.domain.fact import canonical
from aiops.domain.session import Grant, SessionEnd
from aiops.errors import RefusedError
from aiops.ports.sessions import SessionClaim


class SessionTables:
    """Port ``SessionLedger`` but for the audit log."""

    @property
    def _db(self) -> Database:
        raise NotImplementedError

    def receive_grant(self, grant: Grant, now: datetime) -> SessionEnd | None:
        with self._db.writing() as cursor:
            burnt = cursor.execute("SELECT digest FROM nonces WHERE nonce = ?", (grant.nonce,)).fetchone()
            if burnt and burnt[0] != grant.digest:
                raise RefusedError("nonce", "this grant's nonce was used for something else")
            known = cursor.execute(
                "SELECT digest, state, ended FROM sessions WHERE session = ?", (grant.id,)
            ).fetchone()
            if known and known[0] != grant.digest:
                raise RefusedError("digest", f"{grant.id} arrived before with another content")
            if known and known[1] != "received":
                return SessionEnd.model_validate_json(known[2]) if known[2] else None
            if now > grant.not_after:
                raise RefusedError("expired", f"{grant.id} was to be started until {grant.not_after:%F %T} UTC")
            (epoch_at,) = cursor.execute("SELECT epoch_at FROM fences").fetchone()
            if ms(grant.at) < epoch_at:
                raise RefusedError("epoch", f"{grant.id} was given before this ledger began")
            if known is None:
                cursor.execute(
                    "INSERT OR IGNORE INTO nonces (nonce, digest) VALUES (?, ?)", (grant.nonce, grant.digest)
                )
                text = canonical(grant.model_dump(mode="json"))
                cursor.execute(
                    "INSERT INTO sessions (session, incident, digest, granted, state, received_at)"
                    " VALUES (?, ?, ?, ?, 'received', ?)",
                    (grant.id, grant.incident, grant.digest, text, ms(now)),
                )
                append(cursor, now, grant.by, "session received", **_of(grant), text=grant.why)
        return None

    def claim_session(self, session: str, lease_seconds: float, now: datetime) -> SessionClaim | None:
        until = ms(now + timedelta(seconds=lease_seconds))
        with self._db.writing() as cursor:
            try:
                row = cursor.execute(
                    "UPDATE sessions SET state = 'claimed', claimed_at = ?, lease_until = ?"
                    " WHERE session = ? AND state = 'received' RETURNING granted",
                    (ms(now), until, session),
                ).fetchone()
            except IntegrityError:  # another session is claimed
                return None
            if row is None:
                return None
            grant = Grant.model_validate_json(row[0])
            append(cursor, now, grant.by, "session started", **_of(grant))
        return SessionClaim(session, from_ms(until))

    def extend_session(self, claim: SessionClaim, lease_seconds: float, now: datetime) -> bool:
        with self._db.writing() as cursor:
            cursor.execute(
                "UPDATE sessions SET lease_until = ? WHERE session = ? AND state = 'claimed'",
                (ms(now + timedelta(seconds=lease_seconds)), claim.session),
            )
            return cursor.rowcount == 1

    def finish_session(self, end: SessionEnd) -> bool:
        with self._db.writing() as cursor:
            row = cursor.execute(
                "UPDATE sessions SET state = 'done', ended = ? WHERE session = ? AND state = 'claimed' RETURNING granted",
                (end.model_dump_json(), end.session),
            ).fetchone()
            if row:
                known = _of(Grant.model_validate_json(row[0]))
                append(cursor, end.finished_at, "CT196", "session ended", **known, outcome=end.ending, text=end.reason)
        return row is not None

    def expired_sessions(self, now: datetime) -> Sequence[Grant]:
        with self._db.reading() as cursor:
            rows = cursor.execute(
                "SELECT granted FROM sessions WHERE state = 'claimed' AND lease_until <= ?", (ms(now),)
            ).fetchall()
        return [Grant.model_validate_json(row[0]) for row in rows]

    def running_session(self) -> str:
        with self._db.reading() as cursor:
            row = cursor.execute("SELECT session FROM sessions WHERE state = 'claimed'").fetchone()
        return str(row[0]) if row else ""

    def session_of(self, incident: str, since: datetime) -> tuple[Grant, SessionEnd | None] | None:
        with self._db.reading() as cursor:
            row = cursor.execute(
                "SELECT granted, ended FROM sessions WHERE incident = ? AND received_at >= ?"
                " ORDER BY received_at DESC LIMIT 1",
                (incident, ms(since)),
            ).fetchone()
        return _both(row) if row else None

    def sessions_since(self, moment: datetime) -> int:
        with self._db.reading() as cursor:
            (count,) = cursor.execute("SELECT count(*) FROM sessions WHERE claimed_at >= ?", (ms(moment),)).fetchone()
        return int(count)

    def unfiled_sessions(self, limit: int) -> Sequence[tuple[Grant, SessionEnd]]:
        with self._db.reading() as cursor:
            rows = cursor.execute(
                "SELECT granted, ended FROM sessions WHERE state = 'done'"
                " AND session NOT IN (SELECT session FROM session_records)"
                " ORDER BY json_extract(ended, '$.finished_at'), session LIMIT ?",
                (limit,),
            ).fetchall()
        return [(Grant.model_validate_json(row[0]), SessionEnd.model_validate_json(row[1])) for row in rows]

    def file_session(self, session: str, file: str, transcript: str, now: datetime) -> bool:
        with self._db.writing() as cursor:
            cursor.execute(
                "INSERT INTO session_records VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (session, file, transcript, ms(now)),
            )
            filed = cursor.rowcount == 1
            if filed:
                append(
                    cursor,
                    now,
                    "CT196",
                    "transcript filed",
                    **_named(cursor, session),
                    transcript=transcript,
                    text=file,
                )
        return filed


def _named(cursor: Cursor, session: str) -> dict[str, str]:
    (text,) = cursor.execute("SELECT granted FROM sessions WHERE session = ?", (session,)).fetchone()
    return _of(Grant.model_validate_json(text))


def _of(grant: Grant) -> dict[str, str]:
    return {"incident": grant.incident, "plan": grant.id, "digest": grant.digest}


def _both(row: tuple[str, str | None]) -> tuple[Grant, SessionEnd | None]:
    return Grant.model_validate_json(row[0]), SessionEnd.model_validate_json(row[1]) if row[1] else None
