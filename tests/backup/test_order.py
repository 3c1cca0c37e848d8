"""A human allows the nightly backup once; each night is signed, checked on the other side, and run once."""

from pathlib import Path
from typing import Any

import pytest

from aiops import steps
from aiops.domain.backup import Order, Sealed
from aiops.domain.fact import canonical
from aiops.domain.host import Host
from aiops.errors import RefusedError
from aiops.steps.backup_order import ORDER, ring_backups
from aiops.steps.backup_records import write_up_backup
from aiops.steps.backup_watch import backup_troubles
from tests.backup.town import MIDNIGHT, SCOPE, Guard
from tests.incident_world import Hosts, Office, World
from tests.plans import approved, outcome

NODES = Hosts(*[Host(name=name, role="node") for name in ("pve1", "pve2", "pve3")])


class Both:
    """CT190 and CT196 with one clock, real keys and real ledgers."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        (folder / "a").mkdir()
        self.permits = Office()
        self.world = World(
            folder / "a", inventory=NODES, backup=SCOPE, backup_permits=self.permits, timezone="Europe/Paris"
        )
        self.world.now = MIDNIGHT
        self.guard = Guard(folder, verifier=self.world.verifier, **changes)
        self.book = self.world.services.ledger

    def night(self) -> Sealed:
        (sealed,) = steps.order_backup("clock", self.world.services).backups
        return sealed

    def received(self, sealed: Sealed) -> str:
        """What CT196 says to it, told to CT190."""
        result = steps.receive_backup(sealed, self.guard.services)
        if result:
            steps.settle_backup(result, self.world.services)
        return f"{result.status} {result.reason}".strip() if result else "later"

    def troubles(self) -> list[str]:
        return [f"{subject}: {text}" for subject, _, text in backup_troubles(self.world.services)]


@pytest.fixture
def both(tmp_path: Path) -> Both:
    made = Both(tmp_path)
    steps.approve_backups("operator", 365, made.world.services)
    return made


def test_an_approved_night_is_ordered_run_and_settled(both: Both) -> None:
    sealed = both.night()
    assert both.received(sealed) == "running"
    result = both.guard.finish()
    steps.settle_backup(result, both.world.services)

    (ordered,) = both.book.ordered_backups(5)
    assert ordered.run == "night-2026-11-23"  # the operator's date: it is 00:08 in Paris
    assert ordered.result == result
    assert both.troubles() == []
    assert not both.book.broken()
    assert not both.guard.ledger.broken()
    assert [line.what for line in both.book.audit() if "backup" in line.what] == [
        "backup approved", "backup ordered", "backup started", "backup ended",
    ]  # fmt: skip


def test_a_night_is_ordered_once_and_an_order_that_comes_twice_starts_nothing(both: Both) -> None:
    sealed = both.night()
    assert steps.order_backup("clock", both.world.services).backups == ()
    assert both.received(sealed) == "running"
    both.guard.finish()
    begun = len(both.guard.town.done)
    assert both.received(sealed).startswith("success")
    assert both.guard.ledger.open_backup() is None
    assert len(both.guard.town.done) == begun


def test_an_order_nobody_answered_is_rung_again_until_its_time_is_over_and_then_told(both: Both) -> None:
    sealed = both.night()
    assert ring_backups(both.world.services).backups == (sealed,)
    both.world.later(minutes=31)
    assert ring_backups(both.world.services).backups == ()
    both.world.later(minutes=5)
    ring_backups(both.world.services)
    (trouble,) = both.troubles()
    assert "refused" in trouble

    both.guard.now = both.world.now
    assert both.received(sealed).startswith("refused refused (expired)")


def test_without_an_approval_nothing_is_ordered_and_a_human_is_told(tmp_path: Path) -> None:
    both = Both(tmp_path)
    assert steps.order_backup("clock", both.world.services).backups == ()
    assert both.world.events.types() == ["backup.refused"]
    assert "nobody has approved it" in both.troubles()[0]
    with pytest.raises(RefusedError, match="nobody has approved it"):
        steps.order_backup("operator", both.world.services, by_hand=True)


def test_an_approval_that_was_taken_back_orders_nothing_more(both: Both) -> None:
    steps.revoke_backups("operator", both.world.services)
    assert steps.order_backup("clock", both.world.services).backups == ()
    with pytest.raises(RefusedError, match="no standing approval"):
        steps.revoke_backups("operator", both.world.services)


def test_an_approval_ends_and_a_changed_scope_needs_a_new_one(both: Both, tmp_path: Path) -> None:
    both.world.later(days=366)
    assert "its approval ended" in steps.backup_obstacle(both.world.services)

    (tmp_path / "other").mkdir()
    other = Both(tmp_path / "other")
    steps.approve_backups("operator", 365, other.world.services)
    wider = SCOPE.model_copy(update={"nodes": ("pve1", "pve2", "pve4")})
    object.__setattr__(other.world.services, "backup", wider)
    assert "was changed since" in steps.backup_obstacle(other.world.services)


def test_the_other_side_runs_only_what_its_own_settings_say(tmp_path: Path) -> None:
    both = Both(tmp_path, scope=SCOPE.model_copy(update={"keep_daily": 1}))
    steps.approve_backups("operator", 365, both.world.services)
    assert both.received(both.night()).startswith("refused refused (scope)")
    assert "what was approved is not" in both.troubles()[0]


def test_only_what_is_signed_for_this_purpose_is_an_order(both: Both) -> None:
    sealed = both.night()
    plan = both.world.services.signer.sign(approved())
    kept = both.book.standing_approval()
    assert kept
    forged = sealed.payload.replace("night-2026-11-23", "night-2026-11-24")
    for wrong in (
        sealed.model_copy(update={"payload": forged}),
        sealed.model_copy(update={"signature": "0" * 128}),
        Sealed(payload=plan.payload, signature=plan.signature, key=plan.key),
        kept.sealed,
    ):
        with pytest.raises(RefusedError, match="signed"):
            steps.receive_backup(wrong, both.guard.services)


def test_an_order_whose_approval_was_written_into_the_ledger_by_hand_is_refused(both: Both) -> None:
    sealed = both.night()
    order = Order.model_validate_json(sealed.payload)
    text = order.approval.payload.replace("operator", "intruder")
    changed = order.model_copy(update={"run": "x1", "approval": order.approval.model_copy(update={"payload": text})})
    payload = canonical(changed.model_dump(mode="json"))
    signer = both.world.services.signer
    result = steps.receive_backup(
        Sealed(payload=payload, signature=signer.sign_text(ORDER, payload), key=signer.key), both.guard.services
    )
    assert result
    assert "not signed by a key" in result.reason


def test_a_freeze_stops_repairs_and_not_backups_unless_asked(both: Both) -> None:
    steps.freeze("operator", "moving", both.world.services)
    steps.renew_permit(both.world.services)
    assert (both.permits.renewed, both.permits.revoked) == (1, 0)
    assert both.received(both.night()) == "running"
    steps.thaw("operator", both.world.services)

    both.world.later(days=1)
    steps.freeze("operator", "moving", both.world.services, backups=True)
    steps.renew_permit(both.world.services)
    assert (both.permits.renewed, both.permits.revoked) == (1, 2)
    assert steps.order_backup("clock", both.world.services).backups == ()
    steps.thaw("operator", both.world.services)
    assert both.book.backups_frozen() == ""


def test_a_repair_on_a_node_is_waited_for_and_a_backup_keeps_repairs_away(both: Both) -> None:
    ledger, now = both.guard.ledger, both.guard.now
    ledger.receive(approved(at=now, hosts=("pve1",)), now)
    claim = ledger.claim("pln-20261123-abc234", 30, now)
    assert claim
    sealed = both.night()
    assert both.received(sealed) == "later"
    ledger.finish(claim, outcome(plan_id=claim.plan, fence=claim.fence))
    assert both.received(sealed) == "running"

    ledger.receive(approved(at=now, id="pln-2", hosts=("pve2",)), now)
    assert ledger.claim("pln-2", 30, now) is None
    both.guard.finish()
    assert ledger.claim("pln-2", 30, now)


def test_a_night_that_did_not_happen_or_never_ended_is_seen(both: Both) -> None:
    assert both.troubles() == []
    both.world.later(hours=25)
    assert both.troubles() == []
    both.world.later(hours=2)
    assert "no backup was run last night; none was ever ordered" in both.troubles()[0]

    both.guard.now = both.world.now
    assert both.received(both.night()) == "running"
    assert both.troubles() == []
    both.world.later(hours=11)
    assert "nobody has said how it ended" in both.troubles()[0]


def test_a_failed_night_is_a_finding_until_a_night_succeeds(both: Both) -> None:
    both.guard.town.wrong["dump-101"] = (255, "ERROR: Backup of VM 101 failed - no space left on device")
    both.received(both.night())
    steps.settle_backup(both.guard.finish(), both.world.services)
    (trouble,) = both.troubles()
    assert "no space left" in trouble

    both.world.later(days=1)
    both.guard.now = both.world.now
    both.guard.town.wrong.clear()
    both.guard.town.steps.clear()
    both.received(both.night())
    steps.settle_backup(both.guard.finish(), both.world.services)
    assert both.troubles() == []


def test_the_paper_trail_says_who_allowed_it_and_what_was_done(both: Both) -> None:

    both.received(both.night())
    both.guard.finish()
    (filing,) = both.guard.ledger.unfiled_backups(5)
    record = write_up_backup(filing, "Europe/Paris")
    assert "ordered by clock, allowed by operator" in record.markdown
    assert "| dump-101 | pve1 | done |" in record.markdown
    assert "4 of 4 guests" in record.entry
    assert filing.order.approval.signature not in record.lines
    both.guard.ledger.file_backup(record.plan, "2026/x.md", "0" * 64, both.guard.now)
    assert both.guard.ledger.unfiled_backups(5) == []


def test_what_a_backup_stirs_up_on_its_hosts_opens_nothing_while_it_runs(both: Both) -> None:
    world = both.world
    spike = world.finding(host="pve1", kind="soc.log_spike", subject="pvestatd")
    both.received(both.night())
    steps.correlate(world.sweep(spike, hosts=("pve1", "pve3"), kinds=("soc.log_spike",)), world.services)
    assert world.ledger.live() == []
    world.later(minutes=5)
    steps.correlate(world.sweep(world.finding(host="pve1"), hosts=("pve1",)), world.services)
    assert [incident.findings[0].kind for incident in world.ledger.live()] == ["service.dead"]

    steps.settle_backup(both.guard.finish(), world.services)
    world.later(minutes=5)
    steps.correlate(world.sweep(spike, hosts=("pve1",), kinds=("soc.log_spike",)), world.services)
    assert {incident.findings[0].kind for incident in world.ledger.live()} == {"service.dead", "soc.log_spike"}
