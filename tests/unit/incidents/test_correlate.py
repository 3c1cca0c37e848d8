"""What a sweep means for the incidents we know."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiops import steps
from aiops.domain.incident import State
from aiops.domain.severity import Severity
from aiops.domain.sweep import Blind
from aiops.domain.verdict import Verdict
from tests.incident_world import World, a_finding


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_finding_opens_an_incident_with_its_known_fix(world: World) -> None:
    handed = steps.correlate(world.sweep(world.finding()), world.services)

    assert [verdict.playbook for verdict in handed.verdicts] == ["restart_service"]
    assert world.only().state is State.NEW
    assert world.events.types() == ["finding.seen", "incident.opened"]


def test_a_second_sweep_of_an_unchanged_fleet_opens_nothing_and_hands_nothing_on(world: World) -> None:
    steps.correlate(world.sweep(world.finding()), world.services)
    before = len(world.events.events)
    world.later(minutes=5)

    handed = steps.correlate(world.sweep(world.finding()), world.services)

    assert handed == steps.correlate(world.sweep(world.finding(), name="again"), world.services)
    assert not handed.verdicts
    assert len(world.ledger.search()) == 1
    assert len(world.events.events) == before


def test_a_doubled_sweep_message_changes_nothing(world: World) -> None:
    sweep = world.sweep(world.finding())
    steps.correlate(sweep, world.services)

    assert not steps.correlate(sweep, world.services).verdicts
    assert len(world.ledger.search()) == 1


def test_the_same_cause_on_one_host_is_one_incident(world: World) -> None:
    removed = world.finding(kind="package.removed", subject="wazuh-manager", cause="package:wazuh-manager")
    running = world.finding(kind="service.package_gone", subject="wazuh-manager.service", cause="package:wazuh-manager")

    steps.correlate(world.sweep(removed, running), world.services)

    assert {finding.kind for finding in world.only().findings} == {"package.removed", "service.package_gone"}


def test_a_cause_seen_later_joins_the_incident_that_is_open(world: World) -> None:
    steps.correlate(world.sweep(world.finding(cause="filesystem:/var/tmp")), world.services)
    world.later(minutes=5)
    more = world.finding(kind="disk.space", subject="/var/tmp", cause="filesystem:/var/tmp")

    steps.correlate(world.sweep(world.finding(cause="filesystem:/var/tmp"), more), world.services)

    assert len(world.only().findings) == 2


def test_one_shared_cause_on_thirty_hosts_in_two_shards_is_one_incident(world: World) -> None:
    names = [f"ct{n}" for n in range(200, 230)]
    found = [world.finding(host=name, cause="unit:promtail", shared=True) for name in names]

    first = steps.correlate(world.sweep(*found[:15], hosts=names[:15], name="s", shards=2), world.services)
    assert first.gather == "s"
    assert not world.ledger.search()
    steps.correlate(world.sweep(*found[15:], hosts=names[15:], name="s", shard=1, shards=2), world.services)

    assert len(world.only().hosts) == 30


def test_a_shard_that_never_comes_does_not_hold_up_the_others(world: World) -> None:
    steps.correlate(world.sweep(world.finding(), name="s", shards=2), world.services)

    assert steps.gather("s", world.services).verdicts


def test_two_hosts_with_an_unshared_finding_are_two_incidents(world: World) -> None:
    found = [world.finding(host=name, kind="disk.space", subject="/") for name in ("ct201", "ct202", "ct203")]

    steps.correlate(world.sweep(*found, hosts=["ct201", "ct202", "ct203"]), world.services)

    assert len(world.ledger.search()) == 3


def test_only_a_look_that_really_happened_closes(world: World) -> None:
    steps.correlate(world.sweep(world.finding()), world.services)
    blind = Blind(host="ct201", detector="health", probe="systemctl", reason="timed out")

    steps.correlate(world.sweep(blind=[blind], name="blind"), world.services)
    assert world.only().state is State.NEW
    steps.correlate(world.sweep(hosts=["ct202"], name="elsewhere"), world.services)
    assert world.only().state is State.NEW
    steps.correlate(world.sweep(kinds=["http.down"], name="another kind"), world.services)
    assert world.only().state is State.NEW

    steps.correlate(world.sweep(name="looked"), world.services)
    assert world.only().state is State.RESOLVED


def test_an_incident_closes_only_when_every_state_of_it_is_gone(world: World) -> None:
    both = [world.finding(cause="c"), world.finding(kind="http.down", subject="https://x", cause="c")]
    kinds = ["service.dead", "http.down"]
    steps.correlate(world.sweep(*both, kinds=kinds), world.services)

    steps.correlate(world.sweep(both[1], kinds=kinds, name="one"), world.services)
    assert world.only().state is State.NEW
    steps.correlate(world.sweep(kinds=kinds, name="none"), world.services)
    assert world.only().state is State.RESOLVED


def test_what_went_and_came_back_before_the_rest_was_gone_keeps_the_incident_open(world: World) -> None:
    both = [world.finding(cause="c"), world.finding(kind="http.down", subject="https://x", cause="c")]
    kinds = ["service.dead", "http.down"]
    for name, seen in (("a", both), ("b", both[:1]), ("c", both[1:])):
        steps.correlate(world.sweep(*seen, kinds=kinds, name=name), world.services)

    assert world.only().state is State.NEW


def test_an_occurrence_alone_opens_nothing_and_is_reported_once(world: World) -> None:
    happened = world.finding(kind="package.removed_by_install", persistence="occurrence", cursor="2026-11-23 10:00")

    steps.correlate(world.sweep(happened), world.services)
    steps.correlate(world.sweep(happened, name="again"), world.services)

    assert not world.ledger.search()
    assert world.events.types() == ["finding.seen"]


def test_a_detector_blind_for_three_sweeps_is_an_incident_and_looking_again_closes_it(world: World) -> None:
    blind = Blind(
        host="ct201", detector="health", probe="systemctl", reason="systemctl is not installed", remedy="install it"
    )

    for name in ("1", "2"):
        steps.correlate(world.sweep(blind=[blind], name=name), world.services)
    assert not world.ledger.search()
    steps.correlate(world.sweep(blind=[blind], name="3"), world.services)
    incident = world.only()
    assert incident.findings[0].kind == "watch.blind"
    assert "install it" in incident.title
    steps.correlate(world.sweep(name="4"), world.services)

    assert world.only().state is State.RESOLVED


def test_a_look_in_between_ends_the_blind_streak(world: World) -> None:
    blind = Blind(host="ct201", detector="health", probe="systemctl", reason="timed out")
    for name, seen in (("1", [blind]), ("2", [blind]), ("3", []), ("4", [blind])):
        steps.correlate(world.sweep(blind=seen, name=name), world.services)

    assert not world.ledger.search()


def test_a_new_finding_on_a_host_under_repair_is_linked_and_not_fixed_on_top(world: World) -> None:
    handed = steps.correlate(world.sweep(world.finding()), world.services)
    steps.authorise(handed.verdicts[0], world.services)
    assert world.only().state is State.REMEDIATING

    steps.correlate(world.sweep(world.finding(), world.finding(subject="nginx.service"), name="during"), world.services)

    assert len(world.ledger.search()) == 1
    assert any("under repair" in entry.text for entry in world.ledger.timeline(world.only().id))


def test_a_finding_without_a_known_fix_goes_to_a_human_when_no_llm_is_configured(world: World) -> None:
    handed = steps.correlate(world.sweep(world.finding(kind="http.down", subject="https://x")), world.services)

    assert [verdict.action for verdict in handed.verdicts] == ["alert_human"]


def test_with_an_llm_only_a_miss_is_asked(tmp_path: Path) -> None:
    world = World(tmp_path, llm=True)

    known = steps.correlate(world.sweep(world.finding()), world.services)
    assert not known.questions
    missed = steps.correlate(
        world.sweep(world.finding(kind="http.down", subject="https://x"), name="b"), world.services
    )
    assert len(missed.questions) == 1
    info = world.finding(kind="disk.space", subject="/", severity=Severity.INFO)
    assert not steps.correlate(world.sweep(info, name="c"), world.services).questions


@settings(max_examples=40, deadline=None)
@given(
    texts=st.lists(st.text(max_size=20), min_size=2, max_size=2), values=st.lists(st.integers(), min_size=2, max_size=2)
)
def test_a_fingerprint_ignores_severity_text_and_values(texts: list[str], values: list[int]) -> None:
    one, other = (
        a_finding(summary=text, evidence={"value": value}, severity=severity)
        for text, value, severity in zip(texts, values, (Severity.INFO, Severity.CRITICAL), strict=True)
    )
    assert one.fingerprint == other.fingerprint


def test_a_dropped_incident_does_not_swallow_another_finding_of_its_cause(world: World) -> None:
    first = world.finding(kind="disk.space", subject="/var/tmp", cause="filesystem:/var/tmp", severity=Severity.WARNING)
    steps.correlate(world.sweep(first, kinds=["disk.space"]), world.services)
    dropped = Verdict(incident=world.only().id, action="drop", reason="known", source="llm:x")
    steps.authorise(dropped, world.services)

    more = world.finding(kind="service.dead", cause="filesystem:/var/tmp")
    handed = steps.correlate(world.sweep(first, more, kinds=["disk.space", "service.dead"], name="b"), world.services)

    assert handed.verdicts
    assert len(world.ledger.search()) == 2
