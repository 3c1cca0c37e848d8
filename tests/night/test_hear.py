"""What others tell us becomes findings: opened once, closed by whoever said it, and no proof of a repair."""

from pathlib import Path
from typing import Any

import pytest

from aiops import steps
from aiops.domain.heard import Alert, Heard
from aiops.domain.incident import State
from aiops.domain.severity import Severity
from aiops.domain.verdict import Verdict
from tests.incident_world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def alert(**more: Any) -> Alert:
    given = {"name": "DiskFull", "identity": "ab12", "host": "ct201", "severity": Severity.CRITICAL, "summary": "99 %"}
    return Alert(**{**given, "firing": True, **more})


def tell(world: World, *alerts: Alert, name: str = "") -> Any:
    heard = Heard(id=name or f"heard-{world.now}", source="am", form="alertmanager", at=world.now, alerts=alerts)
    return steps.hear(heard, world.services)


def test_an_alert_becomes_an_incident_that_a_human_is_told_of(world: World) -> None:
    handed = tell(world, alert())
    incident = world.only()
    assert (incident.title, incident.severity) == ("ct201: am says DiskFull: 99 %", Severity.CRITICAL)
    (verdict,) = handed.verdicts
    assert (verdict.action, verdict.playbook) == ("alert_human", "")


def test_the_same_again_and_the_same_message_twice_are_one_incident(world: World) -> None:
    tell(world, alert(), name="one")
    tell(world, alert(), name="one")
    world.later(minutes=5)
    tell(world, alert(summary="100 %"), name="two")
    (finding,) = world.only().findings
    assert world.ledger.counts(world.only().id)[finding.fingerprint].count == 2


def test_resolved_closes_its_finding_and_the_incident_with_the_last_of_them(world: World) -> None:
    tell(world, alert())
    tell(world, alert(firing=False, identity="other"), name="another")
    assert world.only().state is State.NEW
    world.later(minutes=1)
    tell(world, alert(firing=False), name="over")
    assert world.only().state is State.RESOLVED


def test_one_of_many_resolved_leaves_the_others_open(world: World) -> None:
    tell(world, alert(), alert(host="ct202", identity="cd34"))
    tell(world, alert(firing=False), name="over")
    states = {incident.hosts[0]: incident.state for incident in world.ledger.search()}
    assert states == {"ct201": State.RESOLVED, "ct202": State.NEW}


def test_resolved_never_proves_a_repair(world: World) -> None:
    tell(world, alert())
    incident = world.only()
    restart = Verdict(incident=incident.id, action="alert_human", reason="r", source="fallback")
    steps.authorise(restart, world.services)
    plan, _ = steps.request("restart_service", ["ct201"], {"unit": "cron.service"}, "me", world.services)
    for state, to in ((State.ESCALATED, State.REMEDIATING), (State.REMEDIATING, State.VERIFYING)):
        moved = world.ledger.move(incident.id, (state,), to, world.ledger.timeline(incident.id)[0])
        assert moved
    tell(world, alert(firing=False), name="over")
    assert world.ledger.get(incident.id).state is State.VERIFYING
    assert "proves nothing about the repair" in world.ledger.timeline(incident.id)[-1].text
    assert plan.incident != incident.id


def test_resolved_closes_nothing_that_our_own_detectors_saw(world: World) -> None:
    steps.correlate(world.sweep(world.finding()), world.services)
    tell(world, alert(firing=False))
    assert world.only().state is State.NEW


def test_a_sweep_of_ours_does_not_close_what_others_say(world: World) -> None:
    tell(world, alert())
    world.later(minutes=5)
    steps.correlate(world.sweep(name="ours"), world.services)
    assert world.only().state is State.NEW


def test_a_host_that_is_not_in_the_inventory_is_refused_here_too(world: World) -> None:
    handed = tell(world, alert(host="stranger"), alert())
    assert [incident.hosts for incident in world.ledger.search()] == [("ct201",)]
    assert len(handed.verdicts) == 1
    assert world.events.types().count("ingest.refused") == 1


def test_a_stranger_s_words_match_no_rule_of_ours(world: World) -> None:
    """Read as a unit's own line this would be benign, or a fault with a known fix."""
    handed = tell(
        world, alert(summary="cron.service is dead; systemd-networkd-wait-online.service failed in a container")
    )
    assert handed.verdicts[0].source == "fallback"


def test_nobody_of_ours_is_sent_to_look_for_it(world: World) -> None:
    tell(world, alert())
    world.later(minutes=15)
    assert steps.look_again(world.services).looks == ()
