"""CT196's part of an order: checked like a plan, stored once, and from then on the ledger's (``backup_night``)."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from aiops.domain.backup import BackupResult, Order, Sealed, StandingApproval
from aiops.domain.event import Event
from aiops.domain.fact import canonical
from aiops.domain.severity import Severity
from aiops.errors import RefusedError, UnknownError
from aiops.ports import BackupServices
from aiops.steps.backup_order import APPROVAL, ORDER

Model = TypeVar("Model", bound=BaseModel)

_LATER = frozenset({"busy", "frozen", "running"})
"""CT190 rings again until the order has expired."""


def receive_backup(sealed: Sealed, services: BackupServices) -> BackupResult | None:
    """Check the order and store it; what is to be told to CT190, or nothing when it should ring again.

    The same order again starts nothing and tells what is known of the run.

    :raises RefusedError: ``signature`` or ``payload``: it is no order of ours, and nobody can be told
    """
    order = _opened(sealed, ORDER, Order, services)
    try:
        return _received(order, services)
    except RefusedError as refusal:
        if refusal.reason in _LATER:
            return None
        _tell("backup.refused", Severity.WARNING, order, str(refusal), services)
        now = services.clock()
        return BackupResult(run=order.run, status="refused", reason=str(refusal), finished_at=now)


def _received(order: Order, services: BackupServices) -> BackupResult:
    known = services.runs.backup_result(order.run)
    if known is not None:
        return known
    approval = _allowed(order, services)
    if services.runs.receive_backup(order, approval.by, services.scope, services.clock()):
        _tell("backup.started", Severity.INFO, order, f"the backup {order.run} begins", services)
    now = services.clock()
    return BackupResult(run=order.run, status="running", started_at=now, finished_at=now)


def _allowed(order: Order, services: BackupServices) -> StandingApproval:
    """Our own limits, whatever was decided elsewhere."""
    approval = _opened(order.approval, APPROVAL, StandingApproval, services)
    scope = services.scope
    if not scope.store:
        raise RefusedError("scope", "no backup is set up here: the table [backup] names no store")
    if not order.scope_digest == approval.scope_digest == scope.digest:
        raise RefusedError("scope", "what was approved is not what [backup] says here")
    if not approval.at <= order.at <= approval.until:
        raise RefusedError("approval", f"the approval holds from {approval.at:%F %T} to {approval.until:%F %T} UTC")
    for name in scope.hosts:
        try:
            host = services.inventory.find(name)
        except UnknownError:
            raise RefusedError("hosts", f"there is no host {name!r} in the inventory here") from None
        if host.name != name or host.local:
            raise RefusedError("hosts", f"{name!r} is {host.name} in the inventory here, or this very machine")
    if not services.permit.valid():
        raise RefusedError("frozen", "no permit for backups")
    return approval


def _opened(sealed: Sealed, purpose: str, model: type[Model], services: BackupServices) -> Model:
    """The text's content, after its signature."""
    if not services.verifier.holds(purpose, sealed.payload, sealed.signature, sealed.key):
        what = "approval" if purpose == APPROVAL else "order"
        raise RefusedError("signature", services.verifier.why_not(what, sealed.key))
    try:
        found = model.model_validate_json(sealed.payload)
    except ValidationError as error:
        raise RefusedError("payload", f"the signed text is no order: {error.error_count()} errors") from None
    if canonical(found.model_dump(mode="json")) != sealed.payload:
        raise RefusedError("payload", "the signed text says more, or says it differently, than this version reads")
    return found


def _tell(kind: str, severity: Severity, order: Order, text: str, services: BackupServices) -> None:
    services.events.publish(
        Event(
            source="claude",
            cron="guardian-backup",
            severity=severity,
            timestamp=services.clock(),
            host=services.scope.store or "fleet",
            symptom=text,
            type=kind,
            incident=order.run,
            response=True,
        )
    )
