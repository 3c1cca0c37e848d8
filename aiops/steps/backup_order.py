"""CT190's part of the nightly backup: a human allows it once, the clock orders it, and what came of it is kept."""

from datetime import timedelta
from typing import Final
from zoneinfo import ZoneInfo

from aiops.domain.backup import BackupResult, KeptApproval, Order, OrderedRun, Sealed, StandingApproval
from aiops.domain.event import Event
from aiops.domain.fact import canonical, new_id
from aiops.domain.handover import Handover
from aiops.domain.severity import Severity
from aiops.errors import RefusedError
from aiops.ports import IncidentServices
from aiops.steps.record import SOURCE

APPROVAL: Final = "aiops standing approval of the nightly backup"
ORDER: Final = "aiops backup order"
"""What the signatures are for: an approval can never pass for an order."""

GUARDIAN: Final = "backup"
START_WITHIN = timedelta(minutes=30)
"""A repair that is at work on a node is waited for so long; a night that could not begin is told, not begun at noon."""
SAY_WITHIN = timedelta(minutes=5)
"""Beyond that, CT196 is taken to be gone."""


def approve_backups(who: str, days: int, services: IncidentServices) -> KeptApproval:
    """Allow every nightly run of the scope in force, for so many days. It takes the place of the one before.

    :raises RefusedError: ``scope`` when no backup is set up
    """
    if not services.backup.store:
        raise RefusedError("scope", "no backup is set up: the table [backup] names no store")
    for host in services.backup.hosts:
        services.inventory.find(host)
    now = services.clock()
    given = StandingApproval(
        id=new_id("sta", now),
        scope_digest=services.backup.digest,
        by=who,
        at=now,
        until=now + timedelta(days=days),
    )
    kept = KeptApproval(approval=given, sealed=_seal(APPROVAL, canonical(given.model_dump(mode="json")), services))
    services.ledger.keep_approval(kept)
    _tell("backup.approved", Severity.INFO, f"{who} allowed the nightly backup until {given.until:%Y-%m-%d}", services)
    return kept


def revoke_backups(who: str, services: IncidentServices) -> None:
    """Take the approval back: nothing is ordered any more. A run that is under way goes on; ``aiops backup stop`` ends it.

    :raises RefusedError: ``approval`` when there is none in force
    """
    if not services.ledger.revoke_approval(who, services.clock()):
        raise RefusedError("approval", "there is no standing approval to take back")
    _tell("backup.revoked", Severity.WARNING, f"{who} took the approval of the nightly backup back", services)


def obstacle(services: IncidentServices) -> str:
    """Why no run would be ordered now; empty when one would."""
    kept = services.ledger.standing_approval()
    if kept is None:
        return "nobody has approved it: `aiops backup approve`"
    if kept.revoked_at is not None:
        return f"{kept.revoked_by} revoked its approval at {kept.revoked_at:%Y-%m-%d %H:%M} UTC: `aiops backup approve`"
    if kept.approval.until < services.clock():
        return f"its approval ended at {kept.approval.until:%Y-%m-%d}: `aiops backup approve`"
    if kept.approval.scope_digest != services.backup.digest:
        return "[backup] was changed since it was approved: `aiops backup approve`"
    return ""


def order_backup(asked_by: str, services: IncidentServices, *, by_hand: bool = False) -> Handover:
    """Order tonight's run, once a night; another one when a human asks for it.

    Without a store nothing is to be done, and without an approval nothing is done.

    :raises RefusedError: only for a human: ``scope``, ``approval``, ``frozen``
    """
    if not services.backup.store and not by_hand:
        return Handover()
    why = "no backup is set up: the table [backup] names no store" if not services.backup.store else obstacle(services)
    if services.shadow != "off" and all(one.guardian != GUARDIAN for one in services.ledger.takeovers()):
        why = f"{GUARDIAN} was not taken over from the old system: `aiops migrate take {GUARDIAN}`"
    frozen = services.ledger.backups_frozen()
    if why or frozen:
        reason, text = ("frozen", f"backups are frozen by {frozen}") if not why else ("approval", why)
        if by_hand:
            raise RefusedError(reason, text)
        _tell("backup.refused", Severity.WARNING, f"no backup tonight: {text}", services, reason=reason)
        return Handover()
    kept, now = services.ledger.standing_approval(), services.clock()
    if kept is None:
        raise RefusedError("approval", "it was taken back just now")
    night = f"night-{now.astimezone(ZoneInfo(services.timezone)):%Y-%m-%d}"
    order = Order(
        run=new_id("backup", now) if by_hand else night,
        approval=_current(APPROVAL, kept.sealed, services),
        scope_digest=services.backup.digest,
        asked_by=asked_by,
        at=now,
        not_after=now + START_WITHIN,
    )
    sealed = _seal(ORDER, canonical(order.model_dump(mode="json")), services)
    ordered = OrderedRun(run=order.run, sealed=sealed, asked_by=asked_by, at=now, not_after=order.not_after)
    if not services.ledger.order_backup(ordered):
        return Handover()
    _tell("backup.ordered", Severity.INFO, f"{asked_by} ordered the backup {order.run}", services, run=order.run)
    return Handover(backups=(sealed,))


def ring_backups(services: IncidentServices) -> Handover:
    """Ring again for an order that CT196 has said nothing to; one that came to nothing in its time is settled as that."""
    now, handed = services.clock(), Handover()
    for ordered in services.ledger.ordered_backups(1):
        if ordered.result is not None:
            continue
        if now <= ordered.not_after:
            handed += Handover(backups=(ordered.sealed,))
        elif now > ordered.not_after + SAY_WITHIN:
            reason = "CT196 did not start it in time: a repair was at work there, backups were frozen, or it is gone"
            lost = BackupResult(run=ordered.run, status="refused", reason=reason, finished_at=now)
            settle_backup(lost, services)
    return handed


def settle_backup(result: BackupResult, services: IncidentServices) -> None:
    """Keep what came of an order."""
    if services.ledger.settle_backup(result) and result.status == "refused":
        text = f"the backup {result.run} was not run: {result.reason}"
        _tell("backup.refused", Severity.WARNING, text, services, run=result.run)


def _current(purpose: str, sealed: Sealed, services: IncidentServices) -> Sealed:
    """An approval of weeks ago, under the key of today: the one it was given under may have been retired since."""
    return sealed if sealed.key == services.signer.key else _seal(purpose, sealed.payload, services)


def _seal(purpose: str, text: str, services: IncidentServices) -> Sealed:
    signer = services.signer
    return Sealed(payload=text, signature=signer.sign_text(purpose, text), key=signer.key)


def _tell(
    kind: str, severity: Severity, text: str, services: IncidentServices, *, run: str = "", **context: str
) -> None:
    services.events.publish(
        Event(
            source=SOURCE,
            cron="guardian-backup",
            severity=severity,
            timestamp=services.clock(),
            host=services.backup.store or "fleet",
            symptom=text,
            type=kind,
            incident=run,
            context=context,
        )
    )
