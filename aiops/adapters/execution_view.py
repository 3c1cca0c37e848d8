"""The execution ledger for those who may only look: SQLite itself refuses every write."""

import json
import os
from pathlib import Path
from threading import Lock

from aiops.adapters.ledger_view import open_read_only
from aiops.adapters.moments import from_ms
from aiops.adapters.sqlite import Database
from aiops.domain.backup import BackupResult
from aiops.ports.metering import ExecutionCounts


class ExecutionView:
    """Port ``ExecutionFigures``. Opened at first use; its owner has to have opened it once, and makes no file for us."""

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, Lock()
        self._opened: Database | None = None

    def counts(self) -> ExecutionCounts:
        with self._db.reading() as cursor:
            plans = dict(cursor.execute("SELECT state, count(*) FROM plans GROUP BY state").fetchall())
            (oldest,) = cursor.execute("SELECT min(claimed_at) FROM plans WHERE state = 'claimed'").fetchone()
            (held,) = cursor.execute(
                "SELECT count(*) FROM claimed_hosts JOIN plans USING (plan) WHERE state = 'done'"
            ).fetchone()
            (sessions,) = cursor.execute("SELECT count(*) FROM sessions WHERE state = 'claimed'").fetchone()
            waiting = cursor.execute("SELECT waiting FROM pushes").fetchone()
            (backing_up,) = cursor.execute("SELECT count(*) FROM backups WHERE result IS NULL").fetchone()
            good = cursor.execute(
                "SELECT result FROM backups WHERE json_extract(result, '$.status') = 'success'"
                " ORDER BY started_at DESC LIMIT 1"
            ).fetchone()
        return ExecutionCounts(
            plans=plans,
            oldest_start=from_ms(oldest) if oldest is not None else None,
            held_hosts=held,
            sessions=sessions,
            records=waiting[0] if waiting else 0,
            backup_open=bool(backing_up),
            backup_succeeded=BackupResult.model_validate(json.loads(good[0])).finished_at if good else None,
        )

    @property
    def _db(self) -> Database:
        with self._lock:
            if self._opened is None or self._opened.owner != os.getpid():
                self._opened = open_read_only(self._path, "plans", "remediation")
            return self._opened
