"""CT196's tables about the nightly backup: the run that is open, its steps, and the hosts it has."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from sqlite3 import Cursor

from aiops.adapters.audit_tables import append
from aiops.adapters.sqlite import Database
from aiops.domain.backup import BackupResult, Night, Order, Scope, StepRecord
from aiops.errors import RefusedError, UnknownError
from aiops.ports import Filing

_NIGHT = "SELECT run, ordered, scope, approved_by, started_at, stop, fence, owner, lease_until FROM backups"


class BackupRunTables:
    """Port ``BackupRuns``."""

    @property
    def _db(self) -> Database:
        raise NotImplementedError

    def receive_backup(self, order: Order, approved_by: str, scope: Scope, now: datetime) -> bool:
        with self._db.writing() as cursor:
            if cursor.execute("SELECT 1 FROM backups WHERE run = ?", (order.run,)).fetchone():
                return False
            if now > order.not_after:
                raise RefusedError("expired", f"{order.run} was to be started until {order.not_after:%F %T} UTC")
            (epoch_at,) = cursor.execute("SELECT epoch_at FROM fences").fetchone()
            if _ms(order.at) < epoch_at:
                raise RefusedError("epoch", f"{order.run} was ordered before this ledger began; order it again")
            open_one = cursor.execute("SELECT run FROM backups WHERE result IS NULL").fetchone()
            if open_one:
                raise RefusedError("running", f"{open_one[0]} is not over")
            marks = ", ".join("?" * len(scope.hosts))
            at_work = cursor.execute(
                # A repair that ended unknown keeps its hosts for a human, but a backup only reads them.
                "SELECT host, plan FROM claimed_hosts JOIN plans USING (plan)"  # noqa: S608 - question marks
                f" WHERE state = 'claimed' AND host IN ({marks})",
                scope.hosts,
            ).fetchone()
            if at_work:
                raise RefusedError("busy", f"{at_work[1]} repairs {at_work[0]}")
            cursor.execute(
                "INSERT INTO backups (run, ordered, scope, approved_by, started_at) VALUES (?, ?, ?, ?, ?)",
                (order.run, order.model_dump_json(), scope.model_dump_json(), approved_by, _ms(now)),
            )
            cursor.executemany("INSERT INTO backup_hosts VALUES (?, ?)", [(host, order.run) for host in scope.hosts])
            append(cursor, now, order.asked_by, "backup started", plan=order.run, digest=order.scope_digest)
        return True

    def take_backup(self, owner: str, lease_seconds: float, now: datetime) -> Night | None:
        if self.open_backup() is None:
            return None
        with self._db.writing() as cursor:
            row = cursor.execute(f"{_NIGHT} WHERE result IS NULL").fetchone()
            if row is None or (row[7] != owner and row[8] > _ms(now)):
                return None
            if row[7] != owner:
                (fence,) = cursor.execute(
                    "UPDATE fences SET fence = max(fence + 1, ?) RETURNING fence", (_ms(now),)
                ).fetchone()
                cursor.execute("UPDATE backups SET owner = ?, fence = ? WHERE run = ?", (owner, fence, row[0]))
            lease_until = _ms(now + timedelta(seconds=lease_seconds))
            cursor.execute("UPDATE backups SET lease_until = ? WHERE run = ?", (lease_until, row[0]))
            return _night(cursor)

    def open_backup(self) -> Night | None:
        with self._db.reading() as cursor:
            return _night(cursor)

    def put_step(self, run: str, fence: int, step: StepRecord) -> bool:
        with self._db.writing() as cursor:
            if not _ours(cursor, run, fence):
                return False
            cursor.execute(
                "INSERT INTO backup_steps VALUES (?1, ?2, (SELECT count(*) FROM backup_steps WHERE run = ?1), ?3)"
                " ON CONFLICT (run, key) DO UPDATE SET step = excluded.step",
                (run, step.key, step.model_dump_json()),
            )
        return True

    def stop_backup(self, who: str, now: datetime) -> str:
        with self._db.writing() as cursor:
            row = cursor.execute("SELECT run, stop FROM backups WHERE result IS NULL").fetchone()
            if row is None:
                raise UnknownError("open run", "backup", "no backup is running")
            if not row[1]:
                cursor.execute("UPDATE backups SET stop = ? WHERE run = ?", (who, row[0]))
                append(cursor, now, who, "backup stopped", plan=row[0])
        return str(row[0])

    def end_backup(self, fence: int, result: BackupResult) -> bool:
        with self._db.writing() as cursor:
            if not _ours(cursor, result.run, fence):
                return False
            cursor.execute("UPDATE backups SET result = ? WHERE run = ?", (result.model_dump_json(), result.run))
            cursor.execute("DELETE FROM backup_hosts WHERE run = ?", (result.run,))
            said = {"outcome": result.status, "text": result.reason}
            append(cursor, result.finished_at, "CT196", "backup ended", plan=result.run, **said)
        return True

    def backup_result(self, run: str) -> BackupResult | None:
        with self._db.reading() as cursor:
            row = cursor.execute("SELECT result FROM backups WHERE run = ?", (run,)).fetchone()
        return BackupResult.model_validate_json(row[0]) if row and row[0] else None

    def backup_steps(self, run: str) -> Sequence[StepRecord]:
        with self._db.reading() as cursor:
            return _steps(cursor, run)

    def past_backups(self, limit: int) -> Sequence[BackupResult]:
        with self._db.reading() as cursor:
            rows = cursor.execute(
                "SELECT result FROM backups WHERE result IS NOT NULL ORDER BY started_at DESC LIMIT ?", (limit,)
            ).fetchall()
        return [BackupResult.model_validate_json(row[0]) for row in rows]

    def unsaid_backups(self) -> Sequence[BackupResult]:
        with self._db.reading() as cursor:
            rows = cursor.execute("SELECT result FROM backups WHERE result IS NOT NULL AND NOT said").fetchall()
        return [BackupResult.model_validate_json(row[0]) for row in rows]

    def said_backup(self, run: str) -> None:
        with self._db.writing() as cursor:
            cursor.execute("UPDATE backups SET said = 1 WHERE run = ?", (run,))

    def unfiled_backups(self, limit: int) -> Sequence[Filing]:
        with self._db.reading() as cursor:
            rows = cursor.execute(
                "SELECT run, ordered, approved_by, result FROM backups WHERE result IS NOT NULL AND file IS NULL"
                " ORDER BY started_at LIMIT ?",
                (limit,),
            ).fetchall()
            return [
                Filing(
                    Order.model_validate_json(row[1]),
                    row[2],
                    BackupResult.model_validate_json(row[3]),
                    tuple(_steps(cursor, row[0])),
                )
                for row in rows
            ]

    def file_backup(self, run: str, file: str, transcript: str, now: datetime) -> None:
        with self._db.writing() as cursor:
            cursor.execute("UPDATE backups SET file = ? WHERE run = ? AND file IS NULL", (file, run))
            if cursor.rowcount:
                append(cursor, now, "CT196", "transcript filed", plan=run, transcript=transcript, text=file)


def _ours(cursor: Cursor, run: str, fence: int) -> bool:
    found = cursor.execute("SELECT 1 FROM backups WHERE run = ? AND fence = ? AND result IS NULL", (run, fence))
    return found.fetchone() is not None


def _night(cursor: Cursor) -> Night | None:
    row = cursor.execute(f"{_NIGHT} WHERE result IS NULL").fetchone()
    if row is None:
        return None
    return Night(
        run=row[0],
        order=Order.model_validate_json(row[1]),
        scope=Scope.model_validate_json(row[2]),
        approved_by=row[3],
        started_at=_moment(row[4]),
        stop=row[5],
        fence=row[6],
        steps=tuple(_steps(cursor, row[0])),
    )


def _steps(cursor: Cursor, run: str) -> Sequence[StepRecord]:
    rows = cursor.execute("SELECT step FROM backup_steps WHERE run = ? ORDER BY n", (run,)).fetchall()
    return [StepRecord.model_validate_json(row[0]) for row in rows]


def _ms(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def _moment(ms: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
