"""CT196's own record in SQLite. Several processes may use it at once; every method is durable when it returns."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from sqlite3 import Cursor, IntegrityError
from typing import Any

from aiops.adapters.audit_tables import AuditTables, append
from aiops.adapters.backup_runs import BackupRunTables
from aiops.adapters.moments import from_ms as _moment
from aiops.adapters.moments import ms as _ms
from aiops.adapters.session_tables import SessionTables
from aiops.adapters.sqlite import Database, open_database
from aiops.domain.fact import canonical, utcnow
from aiops.domain.outcome import Outcome
from aiops.domain.plan import ApprovedPlan
from aiops.domain.record import Filed, Pushed
from aiops.errors import RefusedError, UnknownError
from aiops.ports import LONGEST_LEASE, Claim, Clock, Receipt


class SqliteExecutionLedger(BackupRunTables, SessionTables, AuditTables):
    """The execution ledger.

    A fence is never smaller than the milliseconds since 1970 at its claim. So a database restored from yesterday's backup cannot
    hand out a fence that a host has seen already, even when nobody calls ``begin_epoch``.
    """

    def __init__(self, path: Path, clock: Clock = utcnow) -> None:
        """Open or create it. A new ledger begins its first epoch now: it knows nothing of what was approved before.

        :raises LedgerBusyError: it cannot be written now
        :raises SettingsError: it is no database of this version
        """
        self._database = open_database(path, "executions")
        with self._database.writing() as cursor:
            cursor.execute("UPDATE fences SET epoch_at = ? WHERE epoch_at IS NULL", (_ms(clock()),))

    @property
    def _db(self) -> Database:
        return self._database

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def receive(self, approved: ApprovedPlan, now: datetime) -> Receipt:
        """See the port."""
        plan, digest, nonce = approved.plan.id, approved.plan.digest, approved.approval.nonce
        with self._database.writing() as cursor:
            burnt = cursor.execute("SELECT digest FROM nonces WHERE nonce = ?", (nonce,)).fetchone()
            if burnt and burnt[0] != digest:
                raise RefusedError("nonce", "this approval was used for another plan")
            known = cursor.execute("SELECT digest, state, outcome FROM plans WHERE plan = ?", (plan,)).fetchone()
            if known and known[0] != digest:
                raise RefusedError("digest", f"{plan} arrived before with another content")
            if known and known[1] != "received":
                return Receipt(known[1], new=False, outcome=_outcome(known[2]))
            if now > approved.not_after:
                raise RefusedError("expired", f"{plan} was to be started until {approved.not_after:%F %T} UTC")
            (epoch_at,) = cursor.execute("SELECT epoch_at FROM fences").fetchone()
            if _ms(approved.approval.at) < epoch_at:
                raise RefusedError("epoch", f"{plan} was approved before this ledger began; approve it again")
            cursor.execute("INSERT OR IGNORE INTO nonces (nonce, digest) VALUES (?, ?)", (nonce, digest))
            text = canonical(approved.model_dump(mode="json"))
            cursor.execute(
                "INSERT INTO plans (plan, incident, digest, approved, state, received_at)"
                " VALUES (?, ?, ?, ?, 'received', ?) ON CONFLICT (plan) DO UPDATE SET approved = excluded.approved",
                (plan, approved.plan.incident, digest, text, _ms(now)),
            )
            if known is None:
                append(
                    cursor, now, approved.approval.by, "plan received", **_of(approved), text=approved.plan.rationale
                )
        return Receipt("received", new=known is None)

    def claim(self, plan: str, lease_seconds: float, now: datetime) -> Claim | None:
        """See the port."""
        with self._database.writing() as cursor:
            row = cursor.execute("SELECT approved FROM plans WHERE plan = ? AND state = 'received'", (plan,)).fetchone()
            if row is None:
                return None
            approved = ApprovedPlan.model_validate_json(row[0])
            hosts = approved.plan.hosts
            if not _take(cursor, plan, hosts):
                return None
            (fence,) = cursor.execute(
                "UPDATE fences SET fence = max(fence + 1, ?) RETURNING fence", (_ms(now),)
            ).fetchone()
            lease_until = _ms(now + timedelta(seconds=lease_seconds))
            cursor.execute(
                "UPDATE plans SET state = 'claimed', fence = ?, claimed_at = ?, lease_until = ? WHERE plan = ?",
                (fence, _ms(now), lease_until, plan),
            )
            text = f"{approved.plan.remediation} on {', '.join(hosts)}, fence {fence}"
            append(cursor, now, approved.approval.by, "plan started", **_of(approved), text=text)
        return Claim(plan, fence, _moment(lease_until), hosts)

    def extend(self, claim: Claim, lease_seconds: float, now: datetime) -> bool:
        """See the port."""
        return self._compare_and_set(
            "UPDATE plans SET lease_until = ? WHERE plan = ? AND fence = ? AND state = 'claimed'",
            (_ms(now + timedelta(seconds=lease_seconds)), claim.plan, claim.fence),
        )

    def finish(self, claim: Claim, outcome: Outcome) -> bool:
        """See the port."""
        if outcome.status == "skipped":
            return self._give_back(claim, outcome)
        return self._settle(claim, outcome, "")

    def expired(self, now: datetime) -> Sequence[Claim]:
        """See the port."""
        with self._database.reading() as cursor:
            rows = cursor.execute(
                "SELECT plan, fence, lease_until, approved FROM plans"
                " WHERE state = 'claimed' AND lease_until NOT BETWEEN ? AND ? ORDER BY fence",
                (_ms(now) + 1, _ms(now + LONGEST_LEASE)),
            ).fetchall()
        return [_claim(row) for row in rows]

    def declare_unknown(self, claim: Claim, outcome: Outcome) -> bool:
        """See the port. A heartbeat that came in meanwhile has moved the lease, and then nothing happens."""
        return self._settle(claim, outcome, f" AND lease_until = {_ms(claim.lease_until):d}")

    def release(self, plan: str, who: str, now: datetime) -> None:
        """See the port."""
        with self._database.writing() as cursor:
            cursor.execute(
                "DELETE FROM claimed_hosts WHERE plan = (SELECT plan FROM plans WHERE plan = ? AND state = 'done')",
                (plan,),
            )
            if cursor.rowcount:
                text = "its hosts may be repaired again"
                append(cursor, now, who, "hosts released", **_of(_approved(cursor, plan)), text=text)

    def outcome(self, plan: str) -> Outcome | None:
        """See the port."""
        with self._database.reading() as cursor:
            row = cursor.execute("SELECT outcome FROM plans WHERE plan = ?", (plan,)).fetchone()
        return _outcome(row[0]) if row else None

    def approved(self, plan: str) -> ApprovedPlan:
        """See the port."""
        with self._database.reading() as cursor:
            row = cursor.execute("SELECT approved FROM plans WHERE plan = ?", (plan,)).fetchone()
        if row is None:
            raise UnknownError("plan", plan, "It never arrived here.")
        return ApprovedPlan.model_validate_json(row[0])

    def starts_since(self, moment: datetime) -> int:
        """See the port."""
        with self._database.reading() as cursor:
            (count,) = cursor.execute("SELECT count(*) FROM plans WHERE claimed_at >= ?", (_ms(moment),)).fetchone()
        return int(count)

    def begin_epoch(self, now: datetime) -> Sequence[Outcome]:
        """See the port."""
        outcomes = []
        with self._database.writing() as cursor:
            cursor.execute(
                "UPDATE fences SET epoch = epoch + 1, epoch_at = ?, fence = max(fence + 1, ?)", (_ms(now), _ms(now))
            )
            for plan, incident, fence, approved in cursor.execute(
                "SELECT plan, incident, fence, approved FROM plans WHERE state != 'done'"
            ).fetchall():
                outcome = _restored(plan, incident, fence or 0, now)
                hosts = ApprovedPlan.model_validate_json(approved).plan.hosts
                cursor.executemany(
                    "INSERT OR IGNORE INTO claimed_hosts (host, plan) VALUES (?, ?)", [(host, plan) for host in hosts]
                )
                cursor.execute(
                    "UPDATE plans SET state = 'done', outcome = ?, fence = coalesce(fence, 0),"
                    " claimed_at = coalesce(claimed_at, 0) WHERE plan = ?",
                    (outcome.model_dump_json(), plan),
                )
                outcomes.append(outcome)
            text = f"{len(outcomes)} plans without an outcome are unknown from here on"
            append(cursor, now, "CT196", "epoch begun", text=text)
        return outcomes

    def unfiled(self, limit: int) -> Sequence[tuple[ApprovedPlan, Outcome]]:
        """See the port."""
        with self._database.reading() as cursor:
            rows = cursor.execute(
                "SELECT approved, outcome FROM plans WHERE state = 'done' AND plan NOT IN (SELECT plan FROM records)"
                " ORDER BY json_extract(outcome, '$.finished_at'), fence LIMIT ?",
                (limit,),
            ).fetchall()
        return [(ApprovedPlan.model_validate_json(row[0]), Outcome.model_validate_json(row[1])) for row in rows]

    def file(self, plan: str, file: str, transcript: str, now: datetime) -> bool:
        """See the port."""
        with self._database.writing() as cursor:
            cursor.execute(
                "INSERT INTO records VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", (plan, file, transcript, _ms(now))
            )
            filed = cursor.rowcount == 1
            if filed:
                approved = _approved(cursor, plan)
                append(cursor, now, "CT196", "transcript filed", **_of(approved), transcript=transcript, text=file)
        return filed

    def filed(self, limit: int) -> Sequence[Filed]:
        """See the port."""
        with self._database.reading() as cursor:
            rows = cursor.execute(
                "SELECT plan, incident, file, transcript, filed_at, json_extract(outcome, '$.status')"
                " FROM records JOIN plans USING (plan) UNION ALL"
                " SELECT session, incident, file, transcript, filed_at, json_extract(ended, '$.ending')"
                " FROM session_records JOIN sessions USING (session) ORDER BY filed_at DESC, plan LIMIT ?",
                (limit,),
            ).fetchall()
        return [
            Filed(plan=row[0], incident=row[1], file=row[2], transcript=row[3], at=_moment(row[4]), status=row[5])
            for row in rows
        ]

    def note_push(self, pushed: Pushed, now: datetime) -> Pushed:
        """See the port."""
        with self._database.writing() as cursor:
            row = cursor.execute("SELECT waiting, reason FROM pushes").fetchone()
            if row is None or bool(row[1]) != bool(pushed.reason):
                values = (pushed.waiting, pushed.reason, _ms(now))
                cursor.execute("INSERT OR REPLACE INTO pushes VALUES (1, ?, ?, ?)", values)
            else:
                cursor.execute("UPDATE pushes SET waiting = ?, reason = ?", (pushed.waiting, pushed.reason))
        return Pushed(waiting=row[0], reason=row[1]) if row else Pushed()

    def push_state(self) -> tuple[Pushed, datetime | None]:
        """See the port."""
        with self._database.reading() as cursor:
            row = cursor.execute("SELECT waiting, reason, since FROM pushes").fetchone()
        return (Pushed(waiting=row[0], reason=row[1]), _moment(row[2])) if row else (Pushed(), None)

    def _settle(self, claim: Claim, outcome: Outcome, condition: str) -> bool:
        """An ``unknown`` keeps its hosts claimed: nobody can say what runs there."""
        with self._database.writing() as cursor:
            cursor.execute(
                "UPDATE plans SET state = 'done', outcome = ?"  # noqa: S608 - the condition is ours, and a number
                f" WHERE plan = ? AND fence = ? AND state = 'claimed'{condition}",
                (outcome.model_dump_json(), claim.plan, claim.fence),
            )
            settled = cursor.rowcount == 1
            if settled and outcome.status != "unknown":
                cursor.execute("DELETE FROM claimed_hosts WHERE plan = ?", (claim.plan,))
            if settled:
                _end(cursor, "plan ended", outcome)
        return settled

    def _give_back(self, claim: Claim, outcome: Outcome) -> bool:
        with self._database.writing() as cursor:
            cursor.execute(
                "UPDATE plans SET state = 'received', fence = NULL, claimed_at = NULL, lease_until = NULL"
                " WHERE plan = ? AND fence = ? AND state = 'claimed'",
                (claim.plan, claim.fence),
            )
            given = cursor.rowcount == 1
            if given:
                cursor.execute("DELETE FROM claimed_hosts WHERE plan = ?", (claim.plan,))
                _end(cursor, "plan given back", outcome)
        return given

    def _compare_and_set(self, statement: str, values: tuple[Any, ...]) -> bool:
        with self._database.writing() as cursor:
            cursor.execute(statement, values)
            return cursor.rowcount == 1


def _take(cursor: Cursor, plan: str, hosts: Sequence[str]) -> bool:
    """All of the plan's hosts or none: the caller writes nothing when this is False. A host may be a backup's for a while."""
    marks = ", ".join("?" * len(hosts))
    if cursor.execute(f"SELECT 1 FROM backup_hosts WHERE host IN ({marks})", tuple(hosts)).fetchone():  # noqa: S608 - question marks
        return False
    cursor.execute("SAVEPOINT hosts")
    try:
        cursor.executemany("INSERT INTO claimed_hosts (host, plan) VALUES (?, ?)", [(host, plan) for host in hosts])
    except IntegrityError:
        cursor.execute("ROLLBACK TO hosts")
        return False
    finally:
        cursor.execute("RELEASE hosts")
    return True


def _approved(cursor: Cursor, plan: str) -> ApprovedPlan:
    (text,) = cursor.execute("SELECT approved FROM plans WHERE plan = ?", (plan,)).fetchone()
    return ApprovedPlan.model_validate_json(text)


def _of(approved: ApprovedPlan) -> dict[str, str]:
    """What an audit line about a plan always says."""
    return {"incident": approved.plan.incident, "plan": approved.plan.id, "digest": approved.plan.digest}


def _end(cursor: Cursor, what: str, outcome: Outcome) -> None:
    known = _of(_approved(cursor, outcome.plan))
    append(cursor, outcome.finished_at, "CT196", what, **known, outcome=outcome.status, text=outcome.reason)


def _restored(plan: str, incident: str, fence: int, now: datetime) -> Outcome:
    reason = "the ledger was restored from a backup, which cannot know how this plan ended"
    return Outcome(plan=plan, incident=incident, status="unknown", reason=reason, fence=fence, finished_at=now)


def _claim(row: tuple[str, int, int, str]) -> Claim:
    plan, fence, lease_until, approved = row
    return Claim(plan, fence, _moment(lease_until), ApprovedPlan.model_validate_json(approved).plan.hosts)


def _outcome(text: str | None) -> Outcome | None:
    return None if text is None else Outcome.model_validate_json(text)
