"""Approved plans for tests: whole ones, with one field changed where a test is about that field."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from aiops.domain.outcome import Outcome, Status
from aiops.domain.plan import Approval, ApprovedPlan, Plan

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def plan(**changes: Any) -> Plan:
    fields: dict[str, Any] = {
        "id": "pln-20261123-abc234",
        "incident": "inc-20261123-k3f9qd",
        "remediation": "restart_service",
        "playbook_digest": "0" * 64,
        "hosts": ("web1",),
        "params": {"unit": "nginx.service"},
        "risk": "low",
        "rationale": "nginx is dead",
        "verify": ("health",),
        "timeout": 60,
        "created_at": NOON,
        "expires_at": NOON + timedelta(hours=1),
    }
    return Plan(**fields | changes)


def approved(at: datetime = NOON, nonce: str = "", mode: str = "human", **changes: Any) -> ApprovedPlan:
    made = plan(**changes)
    return ApprovedPlan(
        plan=made,
        approval=Approval.model_validate(
            {
                "plan_digest": made.digest,
                "by": "operator",
                "mode": mode,
                "at": at,
                "nonce": nonce or secrets.token_hex(16),
            }
        ),
        not_after=at + timedelta(minutes=10),
    )


def approved_now(**changes: Any) -> ApprovedPlan:
    """A plan made and approved at this moment: for processes that read the real clock."""
    now = datetime.now(UTC)
    return approved(at=now, **{"created_at": now, "expires_at": now + timedelta(hours=1)} | changes)


def outcome(status: Status = "success", plan_id: str = "pln-20261123-abc234", fence: int = 0) -> Outcome:
    return Outcome(plan=plan_id, incident="inc-20261123-k3f9qd", status=status, fence=fence, finished_at=NOON)
