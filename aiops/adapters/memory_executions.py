"""The execution ledger in memory: for tests and for trying things out. It passes the same contract tests."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import Lock

from aiops.domain.fact import utcnow
from aiops.domain.outcome import Outcome
from aiops.domain.plan import ApprovedPlan
from aiops.errors import RefusedError, UnknownError
from aiops.ports import Claim, Clock, Receipt


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
    _lock: Lock = field(default_factory=Lock)

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
            else:
                self._settle(row, outcome)
        return True

    def expired(self, now: datetime) -> Sequence[Claim]:
        """See the port."""
        with self._lock:
            claims = [row.claim for row in self._rows.values() if row.state == "claimed" and row.claim]
        return sorted((claim for claim in claims if claim.lease_until <= now), key=lambda claim: claim.fence)

    def declare_unknown(self, claim: Claim, outcome: Outcome) -> bool:
        """See the port."""
        with self._lock:
            row = self._held(claim)
            if row is None or row.claim != claim:
                return False
            self._settle(row, outcome)
        return True

    def release(self, plan: str) -> None:
        """See the port."""
        with self._lock:
            row = self._rows.get(plan)
            if row and row.state == "done":
                self._free(plan)

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
                self._settle(row, outcomes[-1])
        return outcomes

    def _held(self, claim: Claim) -> _Row | None:
        row = self._rows.get(claim.plan)
        held = row and row.state == "claimed" and row.claim and row.claim.fence == claim.fence
        return row if held else None

    def _settle(self, row: _Row, outcome: Outcome) -> None:
        row.state, row.outcome = "done", outcome
        if outcome.status != "unknown":
            self._free(outcome.plan)

    def _free(self, plan: str) -> None:
        self._hosts = {host: holder for host, holder in self._hosts.items() if holder != plan}
