"""A message to the human is kept with what it tells of, until the voice has taken it."""

from pathlib import Path

import pytest

from aiops import steps
from aiops.domain.handover import Handover
from aiops.domain.incident import State
from aiops.errors import LedgerBusyError
from tests.incident_world import World, a_finding


def asked(world: World) -> Handover:
    """A finding, and the question to the human that comes of it."""
    (verdict,) = steps.correlate(world.sweep(a_finding()), world.services).verdicts
    return steps.authorise(verdict, world.services)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, decision="ask")


def test_a_message_that_was_not_taken_is_handed_over_again_and_is_the_same(world: World) -> None:
    (first,) = asked(world).notices
    assert first.id
    world.later(voice=False, seconds=30)
    assert steps.sweep_up(world.services).notices == ()
    world.later(voice=False, seconds=40)
    assert steps.sweep_up(world.services).notices == (first,)
    world.later(voice=False, seconds=15)
    assert steps.sweep_up(world.services).notices == (first,)


def test_a_message_that_was_taken_is_forgotten(world: World) -> None:
    (first,) = asked(world).notices
    steps.taken(first.id, world.services)
    steps.taken(first.id, world.services)
    world.later(voice=False, seconds=90)
    assert steps.sweep_up(world.services).notices == ()


def test_the_message_and_what_it_tells_of_are_durable_together(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise LedgerBusyError("incidents.sqlite", "disk is full", "Free space.")

    with monkeypatch.context() as broken:
        broken.setattr(world.ledger, "keep_notice", full)
        with pytest.raises(LedgerBusyError):
            asked(world)
    (incident,) = world.ledger.live()
    assert incident.state is not State.AWAITING_APPROVAL
    assert not [event for event in world.events.events if event.type == "plan.made"]
    world.later(seconds=130)
    assert steps.sweep_up(world.services).notices
