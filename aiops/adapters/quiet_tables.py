"""The tables of the incident ledger about what is counted, muted, silenced and acknowledged."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime

from aiops.adapters.sqlite import Database
from aiops.domain.fact import iso
from aiops.domain.finding import Finding
from aiops.domain.incident import Incident
from aiops.domain.silence import Muted, Sightings, Silence
from aiops.errors import RefusedError


class QuietTables:
    """Port ``QuietLedger``. The incident ledger is one of these; both write into the same transaction."""

    @property
    def _db(self) -> Database:
        raise NotImplementedError

    def together(self) -> AbstractContextManager[object]:
        return self._db.writing()

    def counts(self, incident: str) -> Mapping[str, Sightings]:
        with self._db.reading() as cursor:
            rows = cursor.execute(
                "SELECT fingerprint, count, first_seen_at, last_seen_at FROM findings"
                " WHERE incident = ? AND first_seen_at <> ''",
                (incident,),
            ).fetchall()
        return {
            fingerprint: Sightings.model_validate({"count": count, "first_seen_at": first, "last_seen_at": last})
            for fingerprint, count, first, last in rows
        }

    def opened_since(self, moment: datetime) -> int:
        with self._db.reading() as cursor:
            row = cursor.execute(
                # What was there before us is no storm.
                "SELECT count(*) FROM incidents WHERE opened_at >= ? AND id NOT IN (SELECT incident FROM baseline)",
                (iso(moment),),
            ).fetchone()
        return int(row[0])

    def resolved_times(self, fingerprint: str, since: datetime) -> int:
        with self._db.reading() as cursor:
            row = cursor.execute(
                "SELECT count(*) FROM incidents JOIN findings ON incident = id"
                " WHERE fingerprint = ? AND state = 'resolved' AND resolved_at >= ?",
                (fingerprint, iso(since)),
            ).fetchone()
        return int(row[0])

    def gone_since(self, incident: str) -> datetime | None:
        with self._db.reading() as cursor:
            row = cursor.execute("SELECT max(gone_at) FROM findings WHERE incident = ?", (incident,)).fetchone()
        return datetime.fromisoformat(row[0]) if row[0] else None

    def repaired_since(self, moment: datetime) -> Sequence[Incident]:
        with self._db.reading() as cursor:
            rows = cursor.execute(
                "SELECT record FROM incidents WHERE state IN ('resolved', 'escalated') AND changed_at >= ? AND EXISTS"
                " (SELECT 1 FROM plans JOIN outcomes ON outcomes.plan = plans.id WHERE plans.incident = incidents.id"
                "  AND status IN ('success', 'failure', 'unknown'))",
                (iso(moment),),
            ).fetchall()
        return [Incident.model_validate_json(row[0]) for row in rows]

    def mute(self, by: str, reason: str, findings: Sequence[Finding], at: datetime) -> Sequence[str]:
        times = Counter(finding.fingerprint for finding in findings)
        newest = {finding.fingerprint: finding for finding in findings}
        new: list[str] = []
        with self._db.writing() as cursor:
            for fingerprint, finding in newest.items():
                row = cursor.execute(
                    "INSERT INTO muted VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6) ON CONFLICT DO UPDATE SET"
                    " reason = excluded.reason, finding = excluded.finding, count = count + excluded.count,"
                    " last_seen_at = excluded.last_seen_at RETURNING count",
                    (by, fingerprint, reason, finding.model_dump_json(), times[fingerprint], iso(at)),
                ).fetchone()
                if row[0] == times[fingerprint]:
                    new.append(fingerprint)
        return new

    def muted(self, *, by: str = "", fingerprint: str = "") -> Sequence[Muted]:
        with self._db.reading() as cursor:
            rows = cursor.execute(
                "SELECT by, reason, finding, count, first_seen_at, last_seen_at FROM muted"
                " WHERE (?1 = '' OR by = ?1) AND (?2 = '' OR fingerprint = ?2) ORDER BY last_seen_at DESC, fingerprint",
                (by, fingerprint),
            ).fetchall()
        return [
            Muted(
                by=row[0],
                reason=row[1],
                finding=Finding.model_validate_json(row[2]),
                count=row[3],
                first_seen_at=datetime.fromisoformat(row[4]),
                last_seen_at=datetime.fromisoformat(row[5]),
            )
            for row in rows
        ]

    def silence(self, silence: Silence) -> None:
        with self._db.writing() as cursor:
            cursor.execute(
                "INSERT INTO silences VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                (silence.id, iso(silence.ends_at), silence.model_dump_json()),
            )

    def silences(self, at: datetime) -> Sequence[Silence]:
        with self._db.reading() as cursor:
            rows = cursor.execute(
                "SELECT silence FROM silences WHERE ends_at > ? ORDER BY ends_at, id", (iso(at),)
            ).fetchall()
        return [Silence.model_validate_json(row[0]) for row in rows]

    def end_silence(self, silence: str) -> bool:
        with self._db.writing() as cursor:
            return bool(cursor.execute("DELETE FROM silences WHERE id = ?", (silence,)).rowcount == 1)

    def acknowledge(self, incident: str, who: str, why: str, at: datetime) -> bool:
        with self._db.writing() as cursor:
            row = cursor.execute("SELECT state FROM incidents WHERE id = ?", (incident,)).fetchone()
            if row is None or row[0] == "resolved":
                raise RefusedError(
                    "state", f"{incident} is {row[0] if row else 'unknown'}; only what is open can be acknowledged"
                )
            cursor.execute("INSERT INTO acks VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", (incident, who, why, iso(at)))
            return bool(cursor.rowcount == 1)

    def acknowledged(self, incident: str) -> str:
        with self._db.reading() as cursor:
            row = cursor.execute(
                "SELECT who, why FROM acks JOIN incidents ON id = incident WHERE incident = ? AND state <> 'resolved'",
                (incident,),
            ).fetchone()
        return f"{row[0]}: {row[1]}" if row else ""

    def storm(self) -> datetime | None:
        with self._db.reading() as cursor:
            row = cursor.execute("SELECT at FROM storm").fetchone()
        return datetime.fromisoformat(row[0]) if row else None

    def begin_storm(self, at: datetime) -> bool:
        with self._db.writing() as cursor:
            cursor.execute("INSERT INTO storm VALUES (1, ?) ON CONFLICT DO NOTHING", (iso(at),))
            return bool(cursor.rowcount == 1)

    def end_storm(self) -> bool:
        with self._db.writing() as cursor:
            return bool(cursor.execute("DELETE FROM storm").rowcount == 1)
