"""CT190's incident ledger in SQLite."""

import json
import os
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock

from aiops.adapters.audit_tables import AuditTables, append
from aiops.adapters.autonomy_tables import AutonomyTables
from aiops.adapters.backup_tables import BackupTables
from aiops.adapters.held_tables import HeldTables
from aiops.adapters.notice_tables import NoticeTables
from aiops.adapters.quiet_tables import QuietTables
from aiops.adapters.report_tables import ReportTables
from aiops.adapters.session_book import SessionBookTable
from aiops.adapters.shadow_tables import ShadowTables
from aiops.adapters.sqlite import Database, open_database
from aiops.adapters.talk_tables import TalkTables
from aiops.domain.fact import iso
from aiops.domain.finding import Finding
from aiops.domain.incident import MOVES, Entry, Incident, State
from aiops.domain.outcome import Outcome
from aiops.domain.plan import Approval, Plan
from aiops.domain.severity import Severity, worst
from aiops.domain.skill import Lesson
from aiops.domain.sweep import Look, Sweep
from aiops.domain.verdict import Attempt, Spent, Verdict
from aiops.errors import RefusedError, UnknownError

MOST_SWEEPS = 20_000
"""Shards that are kept at most: four weeks of three shards every five minutes. Whoever sweeps faster keeps fewer days."""


class SqliteIncidentLedger(
    QuietTables,
    NoticeTables,
    TalkTables,
    ReportTables,
    HeldTables,
    AutonomyTables,
    BackupTables,
    SessionBookTable,
    ShadowTables,
    AuditTables,
):
    """Port ``IncidentLedger``. Opened at first use, and again in every process that was forked since."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened: Database | None = None
        self._opening = Lock()

    @property
    def _db(self) -> Database:
        with self._opening:
            if self._opened is None or self._opened.owner != os.getpid():
                self._opened = open_database(self._path, "incidents")
            return self._opened

    def close(self) -> None:
        """Close the file; the next call opens it again."""
        with self._opening:
            if self._opened is not None:
                self._opened.close()
                self._opened = None

    # incidents

    def open(self, incident: Incident, entry: Entry, seen: Sequence[Finding] = ()) -> None:
        with self._db.writing() as cursor:
            cursor.execute(
                "INSERT INTO incidents VALUES (?, ?, ?, ?, ?, ?, ?, NULL, ?)",
                (
                    incident.id,
                    incident.state,
                    incident.severity,
                    incident.title,
                    _hosts(incident),
                    iso(incident.opened_at),
                    iso(incident.changed_at),
                    incident.model_dump_json(),
                ),
            )
            cursor.executemany(_SEEN, _sightings(incident.id, seen or incident.findings, incident.last_seen_at))
            cursor.execute(_NOTE, (incident.id, entry.model_dump_json()))

    def get(self, incident: str) -> Incident:
        with self._db.reading() as cursor:
            row = cursor.execute("SELECT record FROM incidents WHERE id = ?", (incident,)).fetchone()
        if row is None:
            raise UnknownError("incident", incident, "`aiops incidents` lists them")
        return Incident.model_validate_json(row[0])

    def live(self) -> Sequence[Incident]:
        with self._db.reading() as cursor:
            rows = cursor.execute(
                "SELECT record FROM incidents WHERE state <> 'resolved' ORDER BY opened_at"
            ).fetchall()
        return _incidents(rows)

    def by_fingerprint(self, fingerprint: str) -> Incident | None:
        with self._db.reading() as cursor:
            rows = cursor.execute(
                "SELECT record FROM incidents JOIN findings ON incident = id WHERE fingerprint = ? AND state <> 'resolved'"
                " ORDER BY opened_at LIMIT 1",
                (fingerprint,),
            ).fetchall()
        return next(iter(_incidents(rows)), None)

    def last_resolved(self, fingerprint: str, since: datetime) -> Incident | None:
        with self._db.reading() as cursor:
            rows = cursor.execute(
                "SELECT record FROM incidents JOIN findings ON findings.incident = incidents.id"
                " WHERE fingerprint = ? AND state = 'resolved' AND resolved_at >= ? AND EXISTS"
                " (SELECT 1 FROM plans JOIN outcomes ON outcomes.plan = plans.id WHERE plans.incident = incidents.id"
                "  AND status IN ('success', 'failure', 'unknown')"
                "  AND json_extract(plans.plan, '$.risk') <> 'read_only')"  # an audit repairs nothing
                " ORDER BY resolved_at DESC LIMIT 1",
                (fingerprint, iso(since)),
            ).fetchall()
        return next(iter(_incidents(rows)), None)

    def search(
        self,
        *,
        host: str = "",
        since: datetime | None = None,
        text: str = "",
        state: State | None = None,
        limit: int = 200,
    ) -> Sequence[Incident]:
        words = f"%{text.replace('%', '').replace('_', ' ')}%"
        with self._db.reading() as cursor:
            rows = cursor.execute(
                "SELECT record FROM incidents WHERE (?1 = '' OR instr(hosts, '\n' || ?1 || '\n') > 0)"
                " AND opened_at >= ?2 AND (?3 = '' OR state = ?3) AND (?4 = '%%' OR record LIKE ?4 OR EXISTS"
                " (SELECT 1 FROM timeline WHERE timeline.incident = incidents.id AND entry LIKE ?4))"
                " ORDER BY opened_at DESC, id DESC LIMIT ?5",
                (host, iso(since) if since else "", state.value if state else "", words, limit),
            ).fetchall()
        return _incidents(rows)

    def recent(self, limit: int) -> Sequence[Incident]:
        with self._db.reading() as cursor:
            rows = cursor.execute(
                "SELECT record FROM incidents ORDER BY changed_at DESC, id DESC LIMIT ?", (limit,)
            ).fetchall()
        return _incidents(rows)

    def see(self, incident: str, findings: Sequence[Finding], at: datetime) -> Incident:
        with self._db.writing() as cursor:
            known = _read(cursor.execute("SELECT record FROM incidents WHERE id = ?", (incident,)).fetchone(), incident)
            merged = {finding.fingerprint: finding for finding in (*known.findings, *findings)}
            seen = known.model_copy(
                update={
                    "findings": tuple(merged.values()),
                    "last_seen_at": at,
                    "severity": worst([finding.severity for finding in merged.values()]),
                }
            )
            cursor.executemany(_SEEN, _sightings(incident, findings, at))
            _write(cursor, seen)
        return seen

    def move(self, incident: str, expected: Sequence[State], to: State, entry: Entry) -> bool:
        with self._db.writing() as cursor:
            known = _read(cursor.execute("SELECT record FROM incidents WHERE id = ?", (incident,)).fetchone(), incident)
            if known.state not in expected:
                return False
            if to not in MOVES[known.state]:
                raise RefusedError("move", f"an incident cannot go from {known.state.value} to {to.value}")
            _write(
                cursor,
                known.model_copy(
                    update={
                        "state": to,
                        "changed_at": entry.at,
                        "resolved_at": entry.at if to is State.RESOLVED else None,
                    }
                ),
            )
            cursor.execute(_NOTE, (incident, entry.model_copy(update={"state": to}).model_dump_json()))
            append(
                cursor, entry.at, entry.who or entry.step, f"incident {to.value}", incident=incident, text=entry.text
            )
        return True

    def note(self, incident: str, entry: Entry) -> None:
        with self._db.writing() as cursor:
            cursor.execute(_NOTE, (incident, entry.model_dump_json()))

    def timeline(self, incident: str) -> Sequence[Entry]:
        with self._db.reading() as cursor:
            rows = cursor.execute("SELECT entry FROM timeline WHERE incident = ? ORDER BY n", (incident,)).fetchall()
        return [Entry.model_validate_json(row[0]) for row in rows]

    # verdicts

    def store_verdict(self, verdict: Verdict) -> bool:
        with self._db.writing() as cursor:
            cursor.execute(
                "INSERT INTO verdicts VALUES (?, ?) ON CONFLICT DO NOTHING",
                (verdict.incident, verdict.model_dump_json()),
            )
            return bool(cursor.rowcount == 1)

    def verdict(self, incident: str) -> Verdict | None:
        text = self._one("SELECT verdict FROM verdicts WHERE incident = ?", incident)
        return Verdict.model_validate_json(text) if text else None

    def replace_verdict(self, verdict: Verdict) -> bool:
        with self._db.writing() as cursor:
            row = cursor.execute("SELECT verdict FROM verdicts WHERE incident = ?", (verdict.incident,)).fetchone()
            if row is None or not Verdict.model_validate_json(row[0]).unanswered:
                return False
            cursor.execute(
                "UPDATE verdicts SET verdict = ? WHERE incident = ?", (verdict.model_dump_json(), verdict.incident)
            )
        return True

    # what models were asked

    def book(self, incident: str, attempts: Sequence[Attempt]) -> None:
        with self._db.writing() as cursor:
            cursor.executemany(
                "INSERT INTO llm_attempts VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                [(one.id, incident, iso(one.at), one.cost, one.model_dump_json()) for one in attempts],
            )

    def booked(self, since: datetime, incident: str = "") -> Sequence[tuple[str, Attempt]]:
        with self._db.reading() as cursor:
            rows = cursor.execute(
                "SELECT incident, attempt FROM llm_attempts WHERE at >= ?1 AND (?2 = '' OR incident = ?2) ORDER BY at, id",
                (iso(since), incident),
            ).fetchall()
        return [(name, Attempt.model_validate_json(attempt)) for name, attempt in rows]

    def spent(self, since: datetime) -> Spent:
        with self._db.reading() as cursor:
            row = cursor.execute(
                "SELECT coalesce(sum(cost), 0.0), coalesce(sum(cost IS NULL), 0) FROM llm_attempts WHERE at >= ?",
                (iso(since),),
            ).fetchone()
        return Spent(eur=row[0], unpriced=row[1])

    def ask_again(self, incident: str, at: datetime, every: timedelta) -> bool:
        with self._db.writing() as cursor:
            cursor.execute(
                "INSERT INTO llm_questions VALUES (?1, ?2) ON CONFLICT DO UPDATE SET asked_at = ?2 WHERE asked_at <= ?3",
                (incident, iso(at), iso(at - every)),
            )
            return bool(cursor.rowcount == 1)

    # plans, approvals, outcomes

    def store_plan(self, plan: Plan) -> None:
        with self._db.writing() as cursor:
            cursor.execute(
                "INSERT INTO plans (id, incident, digest, created_at, plan) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (plan.id, plan.incident, plan.digest, iso(plan.created_at), plan.model_dump_json()),
            )
            if cursor.rowcount == 1:
                text = f"{plan.remediation} on {', '.join(plan.hosts)}: {plan.rationale}"
                append(cursor, plan.created_at, "CT190", "plan made", **_of(plan), text=text)

    def plan(self, plan: str) -> Plan:
        text = self._one("SELECT plan FROM plans WHERE id = ?", plan)
        if not text:
            raise UnknownError("plan", plan, "`aiops show INCIDENT` names an incident's plan")
        return Plan.model_validate_json(text)

    def plan_of(self, incident: str) -> Plan | None:
        text = self._one("SELECT plan FROM plans WHERE incident = ? ORDER BY n DESC LIMIT 1", incident)
        return Plan.model_validate_json(text) if text else None

    def succeeded(self, incident: str) -> Plan | None:
        text = self._one(
            "SELECT plan FROM plans WHERE incident = ? AND id IN (SELECT plan FROM outcomes WHERE status = 'success')"
            " ORDER BY n DESC LIMIT 1",
            incident,
        )
        return Plan.model_validate_json(text) if text else None

    def approve(self, plan: str, approval: Approval) -> bool:
        known = self.plan(plan)
        if known.digest != approval.plan_digest:
            raise RefusedError("digest", "the approval is for another version of this plan; look at it again")
        if known.expires_at <= approval.at:
            raise RefusedError("expired", f"the plan waited until {iso(known.expires_at)}; look at the incident again")
        with self._db.writing() as cursor:
            cursor.execute(
                "INSERT INTO approvals VALUES (?, ?, ?, ?) ON CONFLICT (plan) DO NOTHING",
                (plan, approval.nonce, iso(approval.at), approval.model_dump_json()),
            )
            new = cursor.rowcount == 1
            if new:
                append(cursor, approval.at, approval.by, "plan approved", **_of(known), text=approval.mode)
        return new

    def approval(self, plan: str) -> Approval | None:
        text = self._one("SELECT approval FROM approvals WHERE plan = ?", plan)
        return Approval.model_validate_json(text) if text else None

    def store_outcome(self, outcome: Outcome) -> bool:
        with self._db.writing() as cursor:
            cursor.execute(
                "INSERT INTO outcomes VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET status = excluded.status,"
                " outcome = excluded.outcome WHERE outcomes.status = 'unknown' AND excluded.status IN ('success', 'failure')",
                (outcome.plan, outcome.status, outcome.model_dump_json()),
            )
            new = cursor.rowcount == 1
            row = cursor.execute("SELECT plan FROM plans WHERE id = ?", (outcome.plan,)).fetchone()
            if new and row:
                known = _of(Plan.model_validate_json(row[0]))
                at, status = outcome.finished_at, outcome.status
                append(cursor, at, "CT196", "outcome settled", **known, outcome=status, text=outcome.reason)
        return new

    def outcome(self, plan: str) -> Outcome | None:
        text = self._one("SELECT outcome FROM outcomes WHERE plan = ?", plan)
        return Outcome.model_validate_json(text) if text else None

    def unsettled(self) -> Sequence[Plan]:
        with self._db.reading() as cursor:
            rows = cursor.execute(
                "SELECT plan FROM plans WHERE id IN (SELECT plan FROM approvals) AND id NOT IN (SELECT plan FROM outcomes)"
                " ORDER BY n"
            ).fetchall()
        return [Plan.model_validate_json(row[0]) for row in rows]

    def starts_since(self, moment: datetime) -> int:
        with self._db.reading() as cursor:
            row = cursor.execute("SELECT count(*) FROM approvals WHERE approved_at >= ?", (iso(moment),)).fetchone()
        return int(row[0])

    # sweeps

    def record_sweep(self, sweep: Sweep) -> int:
        blind = {(entry.host, entry.detector, entry.probe) for entry in sweep.blind}
        with self._db.writing() as cursor:
            cursor.execute(
                "INSERT INTO sweeps (sweep, shard, finished_at, record) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (sweep.id, sweep.patrol.shard, iso(sweep.finished_at), sweep.model_dump_json()),
            )
            if cursor.rowcount == 1:
                for host in sweep.hosts:
                    for detector in sweep.patrol.detectors:
                        probes = [probe for where, whose, probe in blind if (where, whose) == (host, detector)]
                        marks = ", ".join("?" * len(probes))
                        cursor.execute(
                            f"DELETE FROM blindness WHERE host = ? AND detector = ? AND probe NOT IN ({marks})",  # noqa: S608 - only question marks are put in
                            (host, detector, *probes),
                        )
                cursor.executemany(
                    "INSERT INTO blindness VALUES (?, ?, ?, 1) ON CONFLICT DO UPDATE SET streak = streak + 1",
                    sorted(blind),
                )
                cursor.executemany(
                    "INSERT INTO looks VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET at = excluded.at, record = excluded.record",
                    [(look.detector, look.host, iso(look.at), look.model_dump_json()) for look in _looks(sweep)],
                )
                cursor.executemany(
                    "INSERT INTO first_looks VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                    [(host, kind, sweep.id) for host, kinds in sweep.looked_at.items() for kind in kinds],
                )
                cursor.executemany(
                    "INSERT INTO last_sweeps VALUES (?, ?) ON CONFLICT DO UPDATE SET finished_at = excluded.finished_at",
                    [(detector, iso(sweep.finished_at)) for detector in sweep.patrol.detectors],
                )
            row = cursor.execute("SELECT count(*) FROM sweeps WHERE sweep = ?", (sweep.id,)).fetchone()
        return int(row[0])

    def take_sweep(self, sweep: str) -> Sequence[Sweep]:
        with self._db.writing() as cursor:
            rows = cursor.execute(
                "UPDATE sweeps SET correlated = 1 WHERE sweep = ? AND correlated = 0 RETURNING record", (sweep,)
            ).fetchall()
        return [Sweep.model_validate_json(row[0]) for row in rows]

    def sweep(self, sweep: str) -> Sequence[Sweep]:
        with self._db.reading() as cursor:
            rows = cursor.execute("SELECT record FROM sweeps WHERE sweep = ? ORDER BY shard", (sweep,)).fetchall()
        return [Sweep.model_validate_json(row[0]) for row in rows]

    def last_sweeps(self) -> Mapping[str, datetime]:
        with self._db.reading() as cursor:
            rows = cursor.execute("SELECT detector, finished_at FROM last_sweeps").fetchall()
        return {detector: datetime.fromisoformat(at) for detector, at in rows}

    def looks(self) -> Sequence[Look]:
        with self._db.reading() as cursor:
            rows = cursor.execute("SELECT record FROM looks ORDER BY detector, host").fetchall()
        return [Look.model_validate_json(row[0]) for row in rows]

    def first_looks(self, sweep: str) -> frozenset[tuple[str, str]]:
        with self._db.reading() as cursor:
            return frozenset(cursor.execute("SELECT host, kind FROM first_looks WHERE sweep = ?", (sweep,)).fetchall())

    # baseline: what was there before we were

    def keep_baseline(self, incident: str, severity: Severity, at: datetime) -> None:
        with self._db.writing() as cursor:
            cursor.execute(
                "INSERT INTO baseline (incident, severity, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                (incident, severity, iso(at)),
            )

    def baseline(self, *, accepted: bool = False) -> Mapping[str, Severity]:
        with self._db.reading() as cursor:
            rows = cursor.execute(
                "SELECT incident, baseline.severity FROM baseline JOIN incidents ON id = incident"
                " WHERE decided <= ? AND state = 'suppressed' ORDER BY at, incident",
                (int(accepted),),
            ).fetchall()
        return {incident: Severity(severity) for incident, severity in rows}

    def untold_baseline(self, quiet_since: datetime) -> Sequence[str]:
        with self._db.reading() as cursor:
            rows = cursor.execute(
                "SELECT incident, at FROM baseline WHERE told_at IS NULL ORDER BY incident"
            ).fetchall()
        return [] if any(at > iso(quiet_since) for _, at in rows) else [incident for incident, _ in rows]

    def told_baseline(self, incidents: Sequence[str], at: datetime) -> None:
        with self._db.writing() as cursor:
            cursor.executemany(
                "UPDATE baseline SET told_at = ? WHERE incident = ?", [(iso(at), incident) for incident in incidents]
            )

    def decide_baseline(self, incident: str) -> bool:
        with self._db.writing() as cursor:
            cursor.execute("UPDATE baseline SET decided = 1 WHERE incident = ? AND decided = 0", (incident,))
            return bool(cursor.rowcount == 1)

    def blind_streak(self, host: str, detector: str, probe: str) -> int:
        with self._db.reading() as cursor:
            row = cursor.execute(
                "SELECT streak FROM blindness WHERE host = ? AND detector = ? AND probe = ?", (host, detector, probe)
            ).fetchone()
        return int(row[0]) if row else 0

    def first_time(self, fingerprint: str, at: datetime) -> bool:
        with self._db.writing() as cursor:
            known = cursor.execute(
                "UPDATE occurrences SET seen_at = max(seen_at, ?2) WHERE fingerprint = ?1", (fingerprint, iso(at))
            ).rowcount
            if not known:
                cursor.execute("INSERT INTO occurrences VALUES (?, ?)", (fingerprint, iso(at)))
            return not known

    def mark(self, incident: str, *, gone: Sequence[str], back: Sequence[str], at: datetime) -> Sequence[Finding]:
        with self._db.writing() as cursor:
            known = _read(cursor.execute("SELECT record FROM incidents WHERE id = ?", (incident,)).fetchone(), incident)
            cursor.executemany(
                "UPDATE findings SET gone_at = ? WHERE incident = ? AND fingerprint = ? AND gone_at IS NULL",
                [(iso(at), incident, fingerprint) for fingerprint in gone],
            )
            cursor.executemany(
                "UPDATE findings SET gone_at = NULL WHERE incident = ? AND fingerprint = ?",
                [(incident, fingerprint) for fingerprint in back],
            )
            rows = cursor.execute(
                "SELECT fingerprint FROM findings WHERE incident = ? AND gone_at IS NULL", (incident,)
            )
            left = {row[0] for row in rows}
        return [finding for finding in known.states if finding.fingerprint in left]

    def sweeps_since(self, since: datetime) -> Sequence[Sweep]:
        with self._db.reading() as cursor:
            rows = cursor.execute(
                "SELECT record FROM sweeps WHERE finished_at >= ? ORDER BY finished_at", (iso(since),)
            ).fetchall()
        return [Sweep.model_validate_json(row[0]) for row in rows]

    # lessons

    def lesson(self, name: str) -> Lesson | None:
        text = self._one("SELECT record FROM lessons WHERE name = ?", name)
        return Lesson.model_validate_json(text) if text else None

    def lessons(self) -> Sequence[Lesson]:
        with self._db.reading() as cursor:
            rows = cursor.execute("SELECT record FROM lessons ORDER BY name").fetchall()
        return [Lesson.model_validate_json(row[0]) for row in rows]

    def store_lesson(self, lesson: Lesson) -> None:
        with self._db.writing() as cursor:
            cursor.execute(
                "INSERT INTO lessons VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET standing = excluded.standing,"
                " record = excluded.record",
                (lesson.name, lesson.standing, lesson.model_dump_json()),
            )

    # freeze and age

    def frozen(self) -> str:
        with self._db.reading() as cursor:
            row = cursor.execute("SELECT who, why, at FROM freeze").fetchone()
        return f"{row[0]} at {row[2]}: {row[1]}" if row else ""

    def freeze(self, who: str, why: str, at: datetime) -> None:
        with self._db.writing() as cursor:
            cursor.execute("INSERT INTO freeze VALUES (1, ?, ?, ?) ON CONFLICT DO NOTHING", (who, why, iso(at)))
            if cursor.rowcount == 1:
                append(cursor, at, who, "frozen", text=why)

    def thaw(self, who: str, at: datetime) -> None:
        with self._db.writing() as cursor:
            if cursor.execute("DELETE FROM freeze").rowcount:
                append(cursor, at, who, "thawed")

    def prune(self, before: datetime, sweeps_before: datetime) -> int:
        with self._db.writing() as cursor:
            cursor.execute("DELETE FROM sweeps WHERE finished_at < ?", (iso(sweeps_before),))
            cursor.execute(
                "DELETE FROM sweeps WHERE finished_at < (SELECT finished_at FROM sweeps ORDER BY finished_at DESC"
                " LIMIT 1 OFFSET ?)",
                (MOST_SWEEPS,),
            )
            for table, column in (
                ("occurrences", "seen_at"),
                ("muted", "last_seen_at"),
                ("silences", "ends_at"),
                ("shadowed", "at"),
            ):
                cursor.execute(f"DELETE FROM {table} WHERE {column} < ?", (iso(sweeps_before),))  # noqa: S608 - names of ours
            cursor.execute("DELETE FROM llm_attempts WHERE at < ?", (iso(before),))
            cursor.execute("DELETE FROM incidents WHERE state = 'resolved' AND resolved_at < ?", (iso(before),))
            return int(cursor.rowcount)

    def _one(self, query: str, value: str) -> str:
        with self._db.reading() as cursor:
            row = cursor.execute(query, (value,)).fetchone()
        return str(row[0]) if row else ""


def _looks(sweep: Sweep) -> list[Look]:
    """One per detector and host. A host is asleep for all of them."""
    found = Counter((finding.detector, finding.host) for finding in sweep.findings)
    blind: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for entry in sweep.blind:
        blind[entry.detector, entry.host][entry.probe] = entry.reason
    return [
        Look(
            detector=detector,
            host=host,
            at=sweep.finished_at,
            findings=found[detector, host],
            blind=tuple(blind[detector, host]),
            reasons=blind[detector, host],
            asleep=host in sweep.asleep,
        )
        for detector in sweep.patrol.detectors
        for host in sweep.hosts
    ]


_SEEN = (
    "INSERT INTO findings (incident, fingerprint, count, first_seen_at, last_seen_at) VALUES (?1, ?2, ?3, ?4, ?4)"
    " ON CONFLICT DO UPDATE SET gone_at = NULL, count = count + excluded.count, last_seen_at = excluded.last_seen_at"
)
_NOTE = "INSERT INTO timeline (incident, entry) VALUES (?, ?)"


def _sightings(incident: str, findings: Sequence[Finding], at: datetime) -> list[tuple[str, str, int, str]]:
    times = Counter(finding.fingerprint for finding in findings)
    return [(incident, fingerprint, count, iso(at)) for fingerprint, count in times.items()]


def _of(plan: Plan) -> dict[str, str]:
    """What an audit line about a plan always says."""
    return {"incident": plan.incident, "plan": plan.id, "digest": plan.digest}


def _hosts(incident: Incident) -> str:
    """One host per line, with a line end on both sides, so that a search for ``ct1`` does not find ``ct10``."""
    return "\n".join(("", *incident.hosts, ""))


def _incidents(rows: Iterable[tuple[str]]) -> list[Incident]:
    return [Incident.model_validate_json(row[0]) for row in rows]


def _read(row: tuple[str] | None, incident: str) -> Incident:
    if row is None:
        raise UnknownError("incident", incident, "`aiops incidents` lists them")
    return Incident.model_validate(json.loads(row[0]))


def _write(cursor: sqlite3.Cursor, incident: Incident) -> None:
    cursor.execute(
        "UPDATE incidents SET state = ?, severity = ?, title = ?, hosts = ?, changed_at = ?, resolved_at = ?, record = ?"
        " WHERE id = ?",
        (
            incident.state,
            incident.severity,
            incident.title,
            _hosts(incident),
            iso(incident.changed_at),
            iso(incident.resolved_at) if incident.resolved_at else None,
            incident.model_dump_json(),
            incident.id,
        ),
    )
