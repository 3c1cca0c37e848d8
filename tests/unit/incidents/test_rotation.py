"""The signing key is changed while a human still thinks, while a plan is on its way, and between two nights: nothing is lost."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aiops import steps
from aiops.adapters.execution_ledger import SqliteExecutionLedger
from aiops.adapters.key_files import SigningPair
from aiops.adapters.signing import KeySigner, KeyVerifier
from aiops.domain.plan import SignedPlan
from aiops.errors import RefusedError
from tests.backup.test_order import Both
from tests.incident_world import World
from tests.unit.incidents.test_lifecycle import opened


class Change:
    """The pair of a world, and how the world's process starts again."""

    def __init__(self, folder: Path, world: World) -> None:
        self.pair, self.folder, self.world = SigningPair(folder / "signing", folder / "trusted"), folder, world

    def deployed(self) -> None:
        self.world.services = replace(self.world.services, signer=KeySigner(self.folder / "signing"))
        self.world.verifier = KeyVerifier(self.folder / "trusted")

    def whole(self) -> None:
        for step in (self.pair.rotate, self.pair.use, self.pair.retire):
            step()
            self.deployed()


def refused_text(world: World, signed: SignedPlan) -> str:
    with pytest.raises(RefusedError) as refused:
        world.verifier.verify(signed)
    return refused.value.text


def test_a_plan_that_waits_for_a_human_is_still_the_one_he_approves(tmp_path: Path) -> None:
    world = World(tmp_path, decision="ask")
    opened(world)
    shown = world.ledger.plan_of(world.only().id)
    Change(tmp_path, world).whole()
    plan = steps.approve(world.only().id, "marie", world.services, digest=shown.digest)
    (signed,) = steps.dispatch(plan.id, world.services).plans
    assert world.verifier.verify(signed).plan == shown


@pytest.mark.parametrize("arrived", [True, False], ids=["it had arrived", "it was on its way"])
def test_a_plan_that_was_approved_before_is_rung_for_again_under_the_new_key_and_starts_once(
    tmp_path: Path, *, arrived: bool
) -> None:
    world, executions = World(tmp_path), SqliteExecutionLedger(tmp_path / "executions.sqlite")
    world.now = datetime.now(UTC)  # a ledger takes nothing from before it began
    (before,) = opened(world).plans
    if arrived:
        executions.receive(world.verifier.verify(before), world.now)
    Change(tmp_path, world).whole()
    assert "was retired" in refused_text(world, before)
    (again,) = steps.dispatch(world.ledger.plan_of(world.only().id).id, world.services).plans
    assert again.payload == before.payload
    assert again.key != before.key
    approved = world.verifier.verify(again)
    executions.receive(approved, world.now)
    assert executions.claim(approved.plan.id, 30, world.now)
    assert executions.claim(approved.plan.id, 30, world.now) is None


def test_a_standing_approval_of_the_nightly_backup_outlives_the_key_it_was_given_under(tmp_path: Path) -> None:
    both = Both(tmp_path)
    steps.approve_backups("operator", 365, both.world.services)
    Change(tmp_path / "a", both.world).whole()
    both.guard.services = replace(both.guard.services, verifier=both.world.verifier)
    assert both.received(both.night()) == "running"
