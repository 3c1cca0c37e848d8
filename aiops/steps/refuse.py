"""What is refused is said: as an event, and to the ledger when the plan was really ours."""

from aiops.domain.event import Event
from aiops.domain.outcome import Outcome
from aiops.domain.plan import ApprovedPlan, SignedPlan
from aiops.domain.severity import Severity
from aiops.errors import RefusedError
from aiops.ports import RemediationServices

_UNTRUSTED = frozenset({"signature", "payload", "nonce"})
"""Refusals that say the plan is not ours: then nothing it says is believed, not even its id."""


def refuse(signed: SignedPlan, refusal: RefusedError, services: RemediationServices) -> Outcome | None:
    """Publish ``plan.refused``; an outcome ``skipped`` when the plan carries our signature."""
    services.events.publish(
        Event(
            source="claude",
            cron="guardian-remediation",
            severity=Severity.CRITICAL if refusal.reason in _UNTRUSTED else Severity.WARNING,
            timestamp=services.clock(),
            host="ct196",
            symptom=f"a plan was refused: {refusal.text}",
            type="plan.refused",
            incident=signed.incident,
            response=bool(signed.incident),
            context={"reason": refusal.reason},
        )
    )
    if refusal.reason in _UNTRUSTED:
        services.executions.write_down(
            services.clock(), "CT196", "plan refused", outcome=refusal.reason, text=refusal.text
        )
        return None
    approved = ApprovedPlan.model_validate_json(signed.payload)
    plan = approved.plan
    services.executions.write_down(
        services.clock(),
        "CT196",
        "plan refused",
        incident=plan.incident,
        plan=plan.id,
        digest=plan.digest,
        outcome=refusal.reason,
        text=refusal.text,
    )
    return Outcome(
        plan=plan.id,
        incident=plan.incident,
        status="skipped",
        reason=f"{refusal.reason}: {refusal.text}",
        finished_at=services.clock(),
    )
