"""The part of the incident ledger that reports are computed from. Only read."""

from collections.abc import Sequence
from datetime import datetime

from aiops.adapters.sqlite import Database
from aiops.domain.fact import iso
from aiops.domain.incident import Incident
from aiops.domain.outcome import Outcome
from aiops.domain.plan import Plan


class ReportTables:
    """Port ``ReportBook``."""

    @property
    def _db(self) -> Database:
        raise NotImplementedError

    def touched(self, since: datetime, until: datetime) -> Sequence[Incident]:
        with self._db.reading() as cursor:
            rows = cursor.execute(
                "SELECT record FROM incidents WHERE (opened_at >= ?1 AND opened_at < ?2)"
                " OR (resolved_at >= ?1 AND resolved_at < ?2) ORDER BY opened_at, id",
                (iso(since), iso(until)),
            ).fetchall()
        return [Incident.model_validate_json(row[0]) for row in rows]

    def repairs(self, incident: str) -> Sequence[tuple[Plan, Outcome]]:
        with self._db.reading() as cursor:
            rows = cursor.execute(
                "SELECT plans.plan, outcome FROM plans JOIN outcomes ON outcomes.plan = plans.id"
                " WHERE plans.incident = ? AND json_extract(plans.plan, '$.risk') <> 'read_only' ORDER BY n",
                (incident,),
            ).fetchall()
        return [(Plan.model_validate_json(plan), Outcome.model_validate_json(outcome)) for plan, outcome in rows]

    def ended(self, since: datetime, until: datetime) -> Sequence[tuple[Plan, Outcome]]:
        with self._db.reading() as cursor:
            rows = cursor.execute(
                "SELECT plans.plan, outcome FROM plans JOIN outcomes ON outcomes.plan = plans.id"
                " WHERE json_extract(outcome, '$.finished_at') >= ? AND json_extract(outcome, '$.finished_at') < ?"
                " AND json_extract(plans.plan, '$.risk') <> 'read_only' ORDER BY n",
                (iso(since), iso(until)),
            ).fetchall()
        return [(Plan.model_validate_json(plan), Outcome.model_validate_json(outcome)) for plan, outcome in rows]

    def looked_before(self, host: str, kind: str, before: datetime, since: datetime) -> datetime | None:
        with self._db.reading() as cursor:
            row = cursor.execute(
                "SELECT finished_at FROM sweeps WHERE finished_at < ?3 AND finished_at >= ?4 AND EXISTS"
                " (SELECT 1 FROM json_each(record, '$.looked_at') AS one, json_each(one.value) AS kind"
                "  WHERE one.key = ?1 AND kind.value = ?2) ORDER BY finished_at DESC LIMIT 1",
                (host, kind, iso(before), iso(since)),
            ).fetchone()
        return datetime.fromisoformat(row[0]) if row else None

    def finished(self, since: datetime, until: datetime) -> Sequence[tuple[str, datetime]]:
        with self._db.reading() as cursor:
            rows = cursor.execute(
                "SELECT one.value, max(finished_at) AS ended FROM sweeps, json_each(record, '$.patrol.detectors') AS one"
                " WHERE finished_at >= ? AND finished_at < ? AND json_extract(record, '$.patrol.purpose') = 'patrol'"
                " GROUP BY sweep, one.value ORDER BY ended",
                (iso(since), iso(until)),
            ).fetchall()
        return [(name, datetime.fromisoformat(ended)) for name, ended in rows]
