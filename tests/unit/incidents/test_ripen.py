"""A finding that lasts grows more severe, and is told once for each step."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from aiops import steps
from aiops.domain.event import Event
from aiops.domain.finding import Finding
from aiops.domain.severity import Severity
from tests.incident_world import World, a_finding

KIND = "upgrade.security"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def fixes(world: World, **more: Any) -> Finding:
    given: dict[str, Any] = {
        "kind": KIND,
        "detector": "upgrade-check",
        "subject": "apt",
        "severity": Severity.INFO,
        "summary": "1 security fixes wait: openssl",
        "shared": True,
        "cause": "upgrades:pending",
        "ripens": {Severity.WARNING: 48, Severity.CRITICAL: 336},
        "seen_at": world.now,
    }
    return a_finding(**{**given, **more})


def look(world: World, *findings: Finding, hosts: Sequence[str] = ("ct201",), hours: float = 24) -> Sequence[Event]:
    """A look, usually a day after the last one; what is told."""
    world.now += timedelta(hours=hours)
    seen = [finding.model_copy(update={"seen_at": world.now}) for finding in findings]
    handed = steps.correlate(world.sweep(*seen, hosts=hosts, kinds=(KIND,)), world.services)
    return [notice for notice in handed.notices if notice.type == "incident.ripened"]


def test_it_becomes_a_warning_and_then_critical_and_each_is_told_once(world: World) -> None:
    told = [[event.severity.value for event in look(world, fixes(world))] for _ in range(18)]
    assert {day: severities for day, severities in enumerate(told) if severities} == {2: ["warning"], 14: ["critical"]}
    incident = world.only()
    assert incident.severity is Severity.CRITICAL
    assert incident.findings[0].summary == "1 security fixes wait: openssl (for 17 days)"
    assert [entry.text for entry in world.ledger.timeline(incident.id) if entry.step == "ripen"] == [
        "it has lasted too long on ct201: 1 security fixes wait: openssl (for 2 days)",
        "it has lasted too long on ct201: 1 security fixes wait: openssl (for 14 days)",
    ]


def test_a_look_that_found_none_begins_the_count_anew_though_the_incident_stays_open_for_another_host(
    world: World,
) -> None:
    both = (fixes(world, host="ct201"), fixes(world, host="ct202"))
    hosts = ("ct201", "ct202")
    look(world, *both, hosts=hosts)
    look(world, *both, hosts=hosts)
    look(world, both[1], hosts=hosts, hours=0.25)  # ct201 is up to date, for an hour
    look(world, *both, hosts=hosts, hours=1)
    look(world, *both, hosts=hosts)
    severities = {
        finding.host: finding.severity.value for incident in world.ledger.live() for finding in incident.findings
    }
    assert severities == {"ct201": "info", "ct202": "warning"}


def test_days_in_which_nobody_looked_count_for_nothing(world: World) -> None:
    look(world, fixes(world))
    look(world, fixes(world), hours=24 * 10)
    assert world.only().severity is Severity.INFO


def test_what_somebody_has_in_hand_grows_without_a_message(world: World) -> None:
    look(world, fixes(world))
    world.ledger.acknowledge(world.only().id, "me", "on sunday", world.now)
    assert [look(world, fixes(world)) for _ in range(4)] == [[], [], [], []]
    assert world.only().severity is Severity.WARNING


def test_a_finding_that_does_not_ripen_stays_as_it_is(world: World) -> None:
    for _ in range(20):
        look(world, fixes(world, ripens={}))
    assert world.only().severity is Severity.INFO
    assert "since" not in world.only().findings[0].evidence
