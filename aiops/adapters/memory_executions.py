"""The execution ledger in memory: for tests and for trying things out. It passes the same contract tests."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import RLock

from aiops.domain.audit import AuditLine, Break, Head, Kept, breaks, chained
from aiops.domain.fact import utcnow
from aiops.domain.outcome import Outcome
from aiops.domain.plan import ApprovedPlan
from aiops.domain.record import Filed, Pushed
from aiops.errors import RefusedError, UnknownError
from aiops.ports import LONGEST_LEASE, Claim, Clock, Receipt


@dataclass
class _Row:
    approved: ApprovedPlan
    state: str = "received"
    claim: Claim | None = None
    claimed_at: datetime | None = None
    outcome: Outcome | None = None


@dataclass
class MemoryExecutionLedger:
    """What the port promises, but for durability. Threads may share it."""

    clock: Clock = utcnow
    _rows: dict[str, _Row] = field(default_factory=dict)
    _nonces: dict[str, str] = field(default_factory=dict)
    _hosts: dict[str, str] = field(default_factory=dict)
    _fence: int = 0
    _lock: RLock = field(default_factory=RLock)
    _audit: list[Kept] = field(default_factory=list)
    _filed: dict[str, Filed] = field(default_factory=dict)
    _push: tuple[Pushed, datetime | None] = (Pushed(), None)

    def __post_init__(self) -> None:
        self._epoch_at = self.clock()

    def close(self) -> None:
        """Nothing to close."""

    def receive(self, approved: ApprovedPlan, now: datetime) -> Receipt:
        """See the port."""
        plan, digest, nonce = approved.plan.id, approved.plan.digest, approved.approval.nonce
        with self._lock:
            if self._nonces.get(nonce, digest) != digest:
                raise RefusedError("nonce", "this approval was used for another plan")
            row = self._rows.get(plan)
            if row and row.approved.plan.digest != digest:
                raise RefusedError("digest", f"{plan} arrived before with another content")
            if row and row.state != "received":
                return Receipt(row.state, new=False, outcome=row.outcome)
            if now > approved.not_after:
                raise RefusedError("expired", f"{plan} was to be started until {approved.not_after:%F %T} UTC")
            if approved.approval.at < self._epoch_at:
                raise RefusedError("epoch", f"{plan} was approved before this ledger began; approve it again")
            self._nonces[nonce] = digest
            self._rows[plan] = _Row(approved)
            if row is None:
                self._write_plan(now, approved.approval.by, "plan received", approved, text=approved.plan.rationale)
        return Receipt("received", new=row is None)

    def claim(self, plan: str, lease_seconds: float, now: datetime) -> Claim | None:
        """See the port."""
        with self._lock:
            row = self._rows.get(plan)
            if row is None or row.state != "received":
                return None
            hosts = row.approved.plan.hosts
            if any(host in self._hosts for host in hosts):
                return None
            self._hosts.update(dict.fromkeys(hosts, plan))
            self._fence = max(self._fence + 1, int(now.timestamp() * 1000))
            claim = Claim(plan, self._fence, now + timedelta(seconds=lease_seconds), hosts)
            row.state, row.claim, row.claimed_at = "claimed", claim, now
            text = f"{row.approved.plan.remediation} on {', '.join(hosts)}, fence {self._fence}"
            self._write_plan(now, row.approved.approval.by, "plan started", row.approved, text=text)
        return claim

    def extend(self, claim: Claim, lease_seconds: float, now: datetime) -> bool:
        """See the port."""
        with self._lock:
            row = self._held(claim)
            if row is None:
                return False
            row.claim = replace(claim, lease_until=now + timedelta(seconds=lease_seconds))
        return True

    def finish(self, claim: Claim, outcome: Outcome) -> bool:
        """See the port."""
        with self._lock:
            row = self._held(claim)
            if row is None:
                return False
            if outcome.status == "skipped":
                row.state, row.claim, row.claimed_at = "received", None, None
                self._free(claim.plan)
                self._write_end("plan given back", row.approved, outcome)
            else:
                self._settle(row, outcome)
        return True

    def expired(self, now: datetime) -> Sequence[Claim]:
        """See the port."""
        with self._lock:
            claims = [row.claim for row in self._rows.values() if row.state == "claimed" and row.claim]
        ended = [claim for claim in claims if not now < claim.lease_until <= now + LONGEST_LEASE]
        return sorted(ended, key=lambda claim: claim.fence)

    def declare_unknown(self, claim: Claim, outcome: Outcome) -> bool:
        """See the port."""
        with self._lock:
            row = self._held(claim)
            if row is None or row.claim != claim:
                return False
            self._settle(row, outcome)
        return True

    def release(self, plan: str, who: str, now: datetime) -> None:
        """See the port."""
        with self._lock:
            row = self._rows.get(plan)
            if row and row.state == "done" and plan in self._hosts.values():
                self._free(plan)
                self._write_plan(now, who, "hosts released", row.approved, text="its hosts may be repaired again")

    def outcome(self, plan: str) -> Outcome | None:
        """See the port."""
        with self._lock:
            row = self._rows.get(plan)
        return row.outcome if row else None

    def approved(self, plan: str) -> ApprovedPlan:
        """See the port."""
        with self._lock:
            row = self._rows.get(plan)
        if row is None:
            raise UnknownError("plan", plan, "It never arrived here.")
        return row.approved

    def starts_since(self, moment: datetime) -> int:
        """See the port."""
        with self._lock:
            return sum(1 for row in self._rows.values() if row.claimed_at and row.claimed_at >= moment)

    def begin_epoch(self, now: datetime) -> Sequence[Outcome]:
        """See the port."""
        outcomes = []
        with self._lock:
            self._epoch_at = now
            for plan, row in self._rows.items():
                if row.state == "done":
                    continue
                fence = row.claim.fence if row.claim else 0
                reason = "the ledger was restored from a backup, which cannot know how this plan ended"
                outcomes.append(
                    Outcome(
                        plan=plan,
                        incident=row.approved.plan.incident,
                        status="unknown",
                        reason=reason,
                        fence=fence,
                        finished_at=now,
                    )
                )
                for host in row.approved.plan.hosts:
                    self._hosts.setdefault(host, plan)
                row.state, row.outcome = "done", outcomes[-1]
            self.write_down(
                now, "CT196", "epoch begun", text=f"{len(outcomes)} plans without an outcome are unknown from here on"
            )
        return outcomes

    def unfiled(self, limit: int) -> Sequence[tuple[ApprovedPlan, Outcome]]:
        """See the port."""
        with self._lock:
            ended = [
                (row.approved, row.outcome)
                for plan, row in self._rows.items()
                if row.state == "done" and row.outcome and plan not in self._filed
            ]
        return sorted(ended, key=lambda pair: (pair[1].finished_at, pair[1].fence))[:limit]

    def file(self, plan: str, file: str, transcript: str, now: datetime) -> bool:
        """See the port."""
        with self._lock:
            row = self._rows[plan]
            if plan in self._filed or row.outcome is None:
                return False
            self._filed[plan] = Filed(
                plan=plan,
                incident=row.approved.plan.incident,
                status=row.outcome.status,
                file=file,
                transcript=transcript,
                at=now,
            )
            self._write_plan(now, "CT196", "transcript filed", row.approved, transcript=transcript, text=file)
        return True

    def filed(self, limit: int) -> Sequence[Filed]:
        """See the port."""
        with self._lock:
            return sorted(self._filed.values(), key=lambda filed: filed.at, reverse=True)[:limit]

    def note_push(self, pushed: Pushed, now: datetime) -> Pushed:
        """See the port."""
        with self._lock:
            before, since = self._push
            kept = Pushed(waiting=pushed.waiting, reason=pushed.reason)
            self._push = (kept, since if since and bool(before.reason) == bool(pushed.reason) else now)
        return before

    def push_state(self) -> tuple[Pushed, datetime | None]:
        """See the port."""
        with self._lock:
            return self._push

    def write_down(self, at: datetime, who: str, what: str, **fields: str) -> None:
        """See the port."""
        with self._lock:
            head = self.audit_head()
            line = AuditLine.model_validate({"n": head.n + 1, "at": at, "who": who, "what": what, **fields}).written()
            self._audit.append(Kept(head.n + 1, line, chained(head.hash, line)))

    def audit(self, limit: int = 200) -> Sequence[AuditLine]:
        """See the port."""
        with self._lock:
            return [AuditLine.model_validate_json(kept.line) for kept in self._audit[-limit:]]

    def audit_head(self) -> Head:
        """See the port."""
        with self._lock:
            return Head(self._audit[-1].n, self._audit[-1].hash) if self._audit else Head()

    def broken(self, anchors: Sequence[Head] = ()) -> Sequence[Break]:
        """See the port."""
        with self._lock:
            return list(breaks(self._audit, self.audit_head(), anchors))

    def _write_plan(self, at: datetime, who: str, what: str, approved: ApprovedPlan, **fields: str) -> None:
        plan = approved.plan
        self.write_down(at, who, what, incident=plan.incident, plan=plan.id, digest=plan.digest, **fields)

    def _write_end(self, what: str, approved: ApprovedPlan, outcome: Outcome) -> None:
        self._write_plan(outcome.finished_at, "CT196", what, approved, outcome=outcome.status, text=outcome.reason)

    def _held(self, claim: Claim) -> _Row | None:
        row = self._rows.get(claim.plan)
        held = row and row.state == "claimed" and row.claim and row.claim.fence == claim.fence
        return row if held else None

    def _settle(self, row: _Row, outcome: Outcome) -> None:
        row.state, row.outcome = "done", outcome
        self._write_end("plan ended", row.approved, outcome)
        if outcome.status != "unknown":
            self._free(outcome.plan)

    def _free(self, plan: str) -> None:
        self._hosts = {host: holder for host, holder in self._hosts.items() if holder != plan}
