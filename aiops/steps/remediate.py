"""Acts, at most once: the only step that changes a host.

A ring of the doorbell may come twice, late, or never. What decides is the ledger here: a plan is started by the one ring that
claims it, and a start whose end nobody saw becomes ``unknown`` and is never repeated.
"""

from collections.abc import Callable
from datetime import timedelta

from aiops.domain.event import Event
from aiops.domain.host import Host
from aiops.domain.outcome import Outcome
from aiops.domain.plan import ApprovedPlan, SignedPlan
from aiops.domain.remediation import Remediation
from aiops.domain.severity import Severity
from aiops.errors import LedgerBusyError, RefusedError, UnknownError
from aiops.ports import Claim, RemediationServices
from aiops.remediations import check_params

_HOUR = timedelta(hours=1)


def remediate(signed: SignedPlan, services: RemediationServices) -> Outcome:
    """Check the plan against our own limits, claim it, run it, and say what came of it.

    ``skipped`` means that this ring started nothing; the reason begins with ``running``, ``busy`` or ``frozen``. A plan that was
    run before gives its recorded outcome again.

    :raises RefusedError: the plan must not run here; ``reason`` is one word
    :raises LedgerBusyError: our ledger cannot be written; nothing was started, or the lease runs out and the end is unknown
    """
    approved = services.verifier.verify(signed)
    _bound(approved)
    receipt = services.executions.receive(approved, services.clock())
    if receipt.outcome is not None:
        return receipt.outcome
    if receipt.state != "received":
        return _skipped(approved, "running: it was started before", services)
    approved, remediation, hosts = _allowed(approved, services)
    if not services.permit.valid():
        return _skipped(approved, "frozen: no permit", services)
    claim = services.executions.claim(approved.plan.id, services.lease_seconds, services.clock())
    if claim is None:
        return _skipped(approved, "busy: another plan has one of its hosts, or another ring was faster", services)
    if not services.permit.valid():
        outcome = _skipped(approved, "frozen: no permit", services, claim)
        services.executions.finish(claim, outcome)
        return outcome
    _tell("session.opened", approved, f"{approved.plan.remediation} on {', '.join(approved.plan.hosts)}", services)
    _tell("remediation.started", approved, f"{approved.plan.remediation} starts", services)
    outcome = services.executor.run(approved, remediation, hosts, claim, _heart(claim, services))
    if not services.executions.finish(claim, outcome):
        reason = f"it ended with {outcome.status} after its claim was lost: {outcome.reason}"
        outcome = outcome.model_copy(update={"status": "unknown", "reason": reason})
    ended = f"{approved.plan.remediation} ended: {outcome.status} {outcome.reason}".rstrip()
    _tell("remediation.finished", approved, ended, services, status=outcome.status, fence=claim.fence)
    _close(approved, outcome, services)
    return outcome


def reap(services: RemediationServices) -> list[Outcome]:
    """End every plan whose lease ran out. Nothing is run: a run that outlived its worker is followed, what is left is unknown."""
    outcomes = []
    for claim in services.executions.expired(services.clock()):
        approved = services.executions.approved(claim.plan)
        traced = _traced(claim, approved, services)
        if traced and traced.status == "skipped":
            continue
        if traced:
            if services.executions.finish(claim, traced):
                outcomes.append(traced)
                _close(approved, traced, services)
            continue
        outcome = Outcome(
            plan=claim.plan,
            incident=approved.plan.incident,
            status="unknown",
            reason="the worker went silent in the middle of the run; it is not started again",
            fence=claim.fence,
            finished_at=services.clock(),
        )
        if services.executions.declare_unknown(claim, outcome):
            outcomes.append(outcome)
            _close(approved, outcome, services)
    return outcomes


def _traced(claim: Claim, approved: ApprovedPlan, services: RemediationServices) -> Outcome | None:
    """What has become of it, where somebody else runs it; None when nobody knows, or when it should long be over."""
    plan = approved.plan
    remediation = services.catalogue.get(plan.remediation)
    if services.tracer is None or remediation is None:
        return None
    try:
        hosts = [services.inventory.find(name) for name in plan.hosts]
    except UnknownError:
        return None
    outcome = services.tracer.trace(approved, remediation, hosts, claim)
    if outcome and outcome.status == "skipped":
        late = services.clock() > approved.not_after + timedelta(seconds=plan.timeout)
        return None if late else outcome
    return outcome


def _bound(approved: ApprovedPlan) -> None:
    """The approval is for this plan, and was given in time."""
    plan, approval = approved.plan, approved.approval
    if approval.plan_digest != plan.digest:
        raise RefusedError("digest", f"the approval is for another plan than {plan.id}")
    if approval.at > plan.expires_at:
        raise RefusedError("expired", f"{plan.id} was approved after it had expired")


def _allowed(approved: ApprovedPlan, services: RemediationServices) -> tuple[ApprovedPlan, Remediation, list[Host]]:
    """Our own limits, whatever was decided elsewhere; returns the plan with every parameter filled in."""
    plan = approved.plan
    remediation = services.catalogue.get(plan.remediation)
    if remediation is None:
        raise RefusedError("playbook", f"there is no playbook {plan.remediation} here")
    hosts = [_known(name, services) for name in plan.hosts]
    objection = services.floor.objection(approved, remediation, hosts)
    if objection:
        raise RefusedError(*objection)
    if plan.timeout > remediation.timeout:
        raise RefusedError("timeout", f"{plan.timeout} s are more than {remediation.id} may take")
    params = check_params(remediation, plan.params)
    if services.executions.starts_since(services.clock() - _HOUR) >= services.floor.starts_per_hour:
        raise RefusedError("rate", f"{services.floor.starts_per_hour} plans were started within an hour")
    whole = approved.model_copy(update={"plan": plan.model_copy(update={"params": params})})
    return whole, remediation, hosts


def _known(name: str, services: RemediationServices) -> Host:
    try:
        host = services.inventory.find(name)
    except UnknownError:
        raise RefusedError("hosts", f"there is no host {name!r} in the inventory here") from None
    if host.name != name:
        raise RefusedError("hosts", f"{name!r} is {host.name} in the inventory here")
    return host


def _heart(claim: Claim, services: RemediationServices) -> Callable[[], bool]:
    """Extends the lease. A ledger that is busy for a moment does not end a run as long as the last lease holds."""
    until = claim.lease_until

    def beat() -> bool:
        nonlocal until
        now = services.clock()
        try:
            ours = services.executions.extend(claim, services.lease_seconds, now)
        except LedgerBusyError:
            return now < until
        until = now + timedelta(seconds=services.lease_seconds)
        return ours

    return beat


def _tell(kind: str, approved: ApprovedPlan, text: str, services: RemediationServices, **context: object) -> None:
    plan = approved.plan
    services.events.publish(
        Event(
            source="claude",
            cron="guardian-remediation",
            severity=Severity.INFO,
            timestamp=services.clock(),
            host=", ".join(plan.hosts),
            symptom=text,
            type=kind,
            incident=plan.incident,
            response=True,
            context={"plan": plan.id, "playbook": plan.remediation, **context},
        )
    )


def _close(approved: ApprovedPlan, outcome: Outcome, services: RemediationServices) -> None:
    text = f"{approved.plan.remediation} is over: {outcome.status} {outcome.reason}".rstrip()
    _tell("session.closed", approved, text, services, status=outcome.status, reason=outcome.reason)


def _skipped(approved: ApprovedPlan, reason: str, services: RemediationServices, claim: Claim | None = None) -> Outcome:
    return Outcome(
        plan=approved.plan.id,
        incident=approved.plan.incident,
        status="skipped",
        reason=reason,
        fence=claim.fence if claim else 0,
        finished_at=services.clock(),
    )
