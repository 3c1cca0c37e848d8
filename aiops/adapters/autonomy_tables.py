"""The tables of the incident ledger about the autonomy ladder."""

from collections.abc import Sequence
from datetime import datetime

from aiops.adapters.audit_tables import append
from aiops.adapters.sqlite import Database
from aiops.domain.autonomy import Standing
from aiops.domain.fact import iso

_TALLY = """
SELECT keys.playbook, keys.role, rung, since, who, why, coalesce(proposed, 0),
  (SELECT count(*) FROM autonomy_evidence e WHERE e.playbook = keys.playbook AND e.role = keys.role AND what = 'closure'
     AND at > coalesce(since, '') AND at > coalesce((SELECT max(at) FROM autonomy_evidence r
       WHERE r.playbook = keys.playbook AND r.role = keys.role AND what = 'relapse'), '')),
  (SELECT count(*) FROM autonomy_evidence e WHERE e.playbook = keys.playbook AND e.role = keys.role AND what = 'closure'),
  (SELECT count(*) FROM autonomy_evidence e WHERE e.playbook = keys.playbook AND e.role = keys.role AND what = 'relapse')
FROM (SELECT playbook, role FROM autonomy UNION SELECT playbook, role FROM autonomy_evidence) keys
LEFT JOIN autonomy USING (playbook, role) WHERE (?1 = '' OR keys.playbook = ?1) AND (?1 = '' OR keys.role = ?2)
ORDER BY keys.playbook, keys.role
"""


class AutonomyTables:
    """Part of port ``IncidentLedger``."""

    @property
    def _db(self) -> Database:
        raise NotImplementedError

    def standings(self) -> Sequence[Standing]:
        return self._standings("", "")

    def standing(self, playbook: str, role: str) -> Standing:
        found = self._standings(playbook, role)
        return found[0] if found else Standing(playbook=playbook, role=role)

    def set_standing(self, standing: Standing, at: datetime) -> None:
        values = (standing.playbook, standing.role, standing.rung, iso(at), standing.who, standing.why)
        with self._db.writing() as cursor:
            cursor.execute("INSERT OR REPLACE INTO autonomy VALUES (?, ?, ?, ?, ?, ?, 0)", values)
            what = f"autonomy {standing.rung}"
            append(cursor, at, standing.who, what, text=f"{standing.playbook} on {standing.role}: {standing.why}")

    def propose(self, playbook: str, role: str, at: datetime) -> bool:
        with self._db.writing() as cursor:
            cursor.execute(
                "INSERT INTO autonomy VALUES (?, ?, 'observe', '', '', '', 1) ON CONFLICT DO UPDATE SET proposed = 1"
                " WHERE proposed = 0",
                (playbook, role),
            )
            new = cursor.rowcount == 1
            if new:
                append(cursor, at, "CT190", "autonomy proposed", text=f"{playbook} on {role}")
        return new

    def prove(self, incident: str, playbook: str, role: str, what: str, at: datetime) -> bool:
        with self._db.writing() as cursor:
            cursor.execute(
                "INSERT INTO autonomy_evidence VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (incident, playbook, role, what, iso(at)),
            )
            return bool(cursor.rowcount == 1)

    def _standings(self, playbook: str, role: str) -> list[Standing]:
        with self._db.reading() as cursor:
            rows = cursor.execute(_TALLY, (playbook, role)).fetchall()
        return [
            Standing(
                playbook=row[0],
                role=row[1],
                rung=row[2] or "observe",
                since=datetime.fromisoformat(row[3]) if row[3] else None,
                who=row[4] or "",
                why=row[5] or "",
                proposed=bool(row[6]),
                closures=row[7],
                proved=row[8],
                relapses=row[9],
            )
            for row in rows
        ]
