"""CT190's tables about the nightly backup. Every word of a human, every order and every end is a line of the audit log."""

from collections.abc import Sequence
from datetime import datetime

from aiops.adapters.audit_tables import append
from aiops.adapters.sqlite import Database
from aiops.domain.backup import BackupResult, KeptApproval, OrderedRun
from aiops.domain.fact import iso


class BackupTables:
    """Port ``BackupBook``."""

    @property
    def _db(self) -> Database:
        raise NotImplementedError

    def keep_approval(self, kept: KeptApproval) -> None:
        given = kept.approval
        with self._db.writing() as cursor:
            cursor.execute(
                "INSERT INTO standing_approvals VALUES (?, ?, ?)", (given.id, iso(given.at), kept.model_dump_json())
            )
            text = f"until {iso(given.until)}"
            append(cursor, given.at, given.by, "backup approved", plan=given.id, digest=given.scope_digest, text=text)

    def standing_approval(self) -> KeptApproval | None:
        with self._db.reading() as cursor:
            row = cursor.execute("SELECT kept FROM standing_approvals ORDER BY at DESC, id DESC LIMIT 1").fetchone()
        return KeptApproval.model_validate_json(row[0]) if row else None

    def revoke_approval(self, who: str, at: datetime) -> bool:
        with self._db.writing() as cursor:
            row = cursor.execute("SELECT kept FROM standing_approvals ORDER BY at DESC, id DESC LIMIT 1").fetchone()
            kept = KeptApproval.model_validate_json(row[0]) if row else None
            if kept is None or kept.revoked_at is not None:
                return False
            gone = kept.model_copy(update={"revoked_by": who, "revoked_at": at})
            values = (gone.model_dump_json(), kept.approval.id)
            cursor.execute("UPDATE standing_approvals SET kept = ? WHERE id = ?", values)
            append(cursor, at, who, "backup approval revoked", plan=kept.approval.id)
        return True

    def order_backup(self, ordered: OrderedRun) -> bool:
        with self._db.writing() as cursor:
            cursor.execute(
                "INSERT INTO ordered_backups VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                (ordered.run, iso(ordered.at), ordered.model_dump_json()),
            )
            new = cursor.rowcount == 1
            if new:
                append(cursor, ordered.at, ordered.asked_by, "backup ordered", plan=ordered.run)
        return new

    def ordered_backups(self, limit: int) -> Sequence[OrderedRun]:
        with self._db.reading() as cursor:
            rows = cursor.execute(
                "SELECT ordered FROM ordered_backups ORDER BY at DESC, run DESC LIMIT ?", (limit,)
            ).fetchall()
        return [OrderedRun.model_validate_json(row[0]) for row in rows]

    def settle_backup(self, result: BackupResult) -> bool:
        with self._db.writing() as cursor:
            row = cursor.execute("SELECT ordered FROM ordered_backups WHERE run = ?", (result.run,)).fetchone()
            ordered = OrderedRun.model_validate_json(row[0]) if row else None
            known = ordered.result.status if ordered and ordered.result else ""
            if ordered is None or known not in ("", "running") or known == result.status:
                return False
            ended = ordered.model_copy(update={"result": result})
            cursor.execute(
                "UPDATE ordered_backups SET ordered = ? WHERE run = ?", (ended.model_dump_json(), result.run)
            )
            at, said = result.finished_at, {"outcome": result.status, "text": result.reason}
            what = "backup started" if result.status == "running" else "backup ended"
            append(cursor, at, "CT196", what, plan=result.run, **said)
        return True

    def backups_frozen(self) -> str:
        with self._db.reading() as cursor:
            row = cursor.execute("SELECT who, why, at FROM freeze_backups").fetchone()
        return f"{row[0]} at {row[2]}: {row[1]}" if row else ""

    def freeze_backups(self, who: str, why: str, at: datetime) -> None:
        with self._db.writing() as cursor:
            cursor.execute("INSERT INTO freeze_backups VALUES (1, ?, ?, ?) ON CONFLICT DO NOTHING", (who, why, iso(at)))
            if cursor.rowcount == 1:
                append(cursor, at, who, "backups frozen", text=why)

    def thaw_backups(self, who: str, at: datetime) -> None:
        with self._db.writing() as cursor:
            if cursor.execute("DELETE FROM freeze_backups").rowcount:
                append(cursor, at, who, "backups thawed")
