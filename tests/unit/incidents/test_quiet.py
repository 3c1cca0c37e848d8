"""What is wrong and still opens nothing: silenced, known, stirred up by a repair, hidden by a dead node, flapping."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from aiops import steps
from aiops.domain.host import Host
from aiops.domain.incident import State
from aiops.domain.quiet import Quiet
from aiops.domain.severity import Severity
from aiops.domain.silence import Benign, Pattern
from aiops.domain.sweep import Blind
from aiops.domain.verdict import Verdict
from aiops.errors import RefusedError, UnknownError
from aiops.steps.hush import ancestors
from tests.incident_world import Hosts, World, a_finding

GUESTS = ("ct201", "ct202", "ct203")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def cluster(tmp_path: Path) -> World:
    guests = [Host(name=name, role="web", labels={"node": "pve1"}) for name in GUESTS]
    return World(tmp_path, inventory=Hosts(Host(name="pve1", role="node"), Host(name="ct300", role="web"), *guests))


def silence(world: World, minutes: int = 60, **pattern: str) -> str:
    return steps.silence(Pattern(**pattern), timedelta(minutes=minutes), "ben", "moving disks", world.services).id


# silences


def test_a_silence_suppresses_exactly_what_it_matches(world: World) -> None:
    name = silence(world, kind="service.dead", host="ct201", subject="cron.service")
    quiet = world.finding()
    loud = [world.finding(subject="nginx.service"), world.finding(host="ct202"), world.finding(kind="unit.failed")]

    steps.correlate(world.sweep(quiet, *loud, hosts=["ct201", "ct202"]), world.services)

    held = {finding.fingerprint for incident in world.ledger.live() for finding in incident.findings}
    assert held == {finding.fingerprint for finding in loud}
    assert [(muted.by, muted.finding.fingerprint) for muted in world.ledger.muted()] == [(name, quiet.fingerprint)]


def test_what_is_still_wrong_when_a_silence_has_expired_is_opened(world: World) -> None:
    silence(world, minutes=10, host="ct201")
    steps.correlate(world.sweep(world.finding()), world.services)
    assert not world.ledger.search()

    world.later(minutes=11)
    steps.correlate(world.sweep(world.finding()), world.services)

    assert world.only().state is State.NEW


def test_a_silence_ends_before_its_time_when_a_human_says_so(world: World) -> None:
    name = silence(world, host="ct201")
    steps.unsilence(name, "ben", world.services)

    steps.correlate(world.sweep(world.finding()), world.services)

    assert len(world.ledger.search()) == 1
    with pytest.raises(UnknownError):
        steps.unsilence(name, "ben", world.services)


def test_a_silence_over_an_open_incident_stands_in_its_timeline_and_holds_messages_and_repairs_back(
    world: World,
) -> None:
    handed = steps.correlate(world.sweep(world.finding()), world.services)
    silence(world, host="ct201")

    handed = steps.authorise(handed.verdicts[0], world.services)

    assert world.only().state is State.AWAITING_APPROVAL
    assert handed.notices == ()
    assert handed.plans == ()
    assert any("moving disks" in entry.text for entry in world.ledger.timeline(world.only().id))


def test_a_silence_survives_a_restart(world: World, tmp_path: Path) -> None:
    name = silence(world, host="ct2*")

    reopened = type(world.ledger)(tmp_path / "incidents.sqlite")

    assert [one.id for one in reopened.silences(world.now)] == [name]


@pytest.mark.parametrize("minutes", [0, 60 * 24 * 91])
def test_a_silence_of_no_time_or_for_ever_is_refused(world: World, minutes: int) -> None:
    with pytest.raises(RefusedError):
        silence(world, minutes=minutes, host="ct201")


@pytest.mark.parametrize("pattern", [{}, {"kind": "*"}, {"host": "**", "subject": "*"}])
def test_a_pattern_that_would_hide_the_whole_fleet_is_refused(pattern: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="hide the whole fleet"):
        Pattern(**pattern)


_NAMES = st.sampled_from(["ct201", "ct202", "pve1"])


@settings(max_examples=100, deadline=None)
@given(host=_NAMES, subject=st.sampled_from(["a", "b"]), other=_NAMES, thing=st.sampled_from(["a", "b"]))
def test_a_pattern_without_a_star_matches_only_what_it_names(host: str, subject: str, other: str, thing: str) -> None:
    pattern = Pattern(host=host, subject=subject)

    assert pattern.matches(a_finding(host=other, subject=thing)) == ((host, subject) == (other, thing))


# acknowledgements


def test_an_acknowledged_incident_sends_no_message_and_is_not_repaired_by_itself(world: World) -> None:
    handed = steps.correlate(world.sweep(world.finding()), world.services)
    assert steps.acknowledge(world.only().id, "ben", "I look", world.services) == "ben: I look"

    handed = steps.authorise(handed.verdicts[0], world.services)

    assert handed.notices == ()
    assert handed.plans == ()
    assert world.only().state is State.AWAITING_APPROVAL


def test_an_acknowledgement_ends_when_the_incident_is_resolved(world: World) -> None:
    steps.correlate(world.sweep(world.finding()), world.services)
    first = world.only().id
    steps.acknowledge(first, "ben", "", world.services)
    steps.correlate(world.sweep(name="gone"), world.services)
    assert world.ledger.acknowledged(first) == ""

    world.later(minutes=5)
    handed = steps.correlate(world.sweep(world.finding()), world.services)

    assert steps.authorise(handed.verdicts[0], world.services).plans
    with pytest.raises(RefusedError):
        steps.acknowledge(first, "ben", "", world.services)


# benign


def test_what_is_known_to_be_benign_opens_nothing_and_says_why(tmp_path: Path) -> None:
    known = Benign(host="ct201", kind="service.dead", subject="cron.service", reason="a template without cron")
    world = World(tmp_path, benign=(known,))

    steps.correlate(world.sweep(world.finding(), world.finding(subject="nginx.service")), world.services)

    assert [finding.subject for finding in world.only().findings] == ["nginx.service"]
    (muted,) = world.ledger.muted(fingerprint=world.finding().fingerprint)
    assert (muted.by, muted.reason, muted.count) == ("benign", "a template without cron", 1)


def test_an_open_incident_that_is_declared_benign_ends_with_the_next_look(world: World, tmp_path: Path) -> None:
    steps.correlate(world.sweep(world.finding()), world.services)
    known = Benign(host="ct201", subject="cron.service", reason="a template without cron")
    world.services = replace(world.services, benign=(known,))
    world.later(minutes=5)

    steps.correlate(world.sweep(world.finding()), world.services)

    assert world.only().state is State.RESOLVED
    assert "a template without cron" in world.ledger.timeline(world.only().id)[-1].text


def test_a_silenced_finding_does_not_join_what_shares_its_cause(world: World) -> None:
    steps.correlate(world.sweep(world.finding(cause="c")), world.services)
    silence(world, subject="nginx.service")

    steps.correlate(
        world.sweep(world.finding(cause="c"), world.finding(subject="nginx.service", cause="c"), name="b"),
        world.services,
    )

    assert [finding.subject for finding in world.only().findings] == ["cron.service"]


# inhibition


def test_a_node_that_is_down_keeps_its_guests_findings_and_opens_none_of_them(cluster: World) -> None:
    down = cluster.finding(host="pve1", kind="node.down", subject="pve1")
    guests = [cluster.finding(host=name) for name in GUESTS]
    other = cluster.finding(host="ct300")

    steps.correlate(cluster.sweep(*guests, other, down, hosts=["pve1", "ct300", *GUESTS]), cluster.services)

    incidents = {incident.hosts: incident for incident in cluster.ledger.live()}
    assert set(incidents) == {("pve1",), ("ct300",)}
    node = incidents["pve1",]
    assert {muted.finding.host for muted in cluster.ledger.muted(by=node.id)} == set(GUESTS)
    assert any("3 finding(s) on ct201, ct202, ct203" in entry.text for entry in cluster.ledger.timeline(node.id))


def test_a_guest_that_is_still_ill_when_its_node_is_back_gets_its_own_incident(cluster: World) -> None:
    down = cluster.finding(host="pve1", kind="node.down", subject="pve1")
    steps.correlate(cluster.sweep(down, cluster.finding(), hosts=["pve1", "ct201"]), cluster.services)
    cluster.later(minutes=5)

    kinds = ["node.down", "service.dead"]
    steps.correlate(cluster.sweep(cluster.finding(), hosts=["pve1", "ct201"], kinds=kinds), cluster.services)

    assert [incident.hosts for incident in cluster.ledger.live()] == [("ct201",)]


def test_a_node_nobody_can_log_in_to_hides_guests_nobody_can_log_in_to(cluster: World) -> None:
    hosts = ["pve1", *GUESTS]
    dark = [Blind(host=host, detector="health", probe="connection", reason="no route") for host in hosts]

    for name in ("1", "2", "3"):
        steps.correlate(cluster.sweep(hosts=hosts, blind=dark, name=name), cluster.services)

    assert cluster.only().hosts == ("pve1",)
    assert len(cluster.ledger.muted(by=cluster.only().id)) == 3


def test_a_silenced_node_still_hides_its_guests(cluster: World) -> None:
    silence(cluster, host="pve1")
    down = cluster.finding(host="pve1", kind="node.down", subject="pve1")

    steps.correlate(cluster.sweep(down, cluster.finding(), hosts=["pve1", "ct201"]), cluster.services)

    assert not cluster.ledger.search()
    assert len(cluster.ledger.muted()) == 2


def test_an_inventory_that_goes_in_circles_is_followed_once() -> None:
    assert ancestors("a", {"a": "b", "b": "c", "c": "a"}) == ["b", "c", "a"]


# flapping


def come_and_go(world: World, times: int) -> None:
    for _ in range(times):
        steps.correlate(world.sweep(world.finding()), world.services)
        world.later(minutes=5)
        steps.correlate(world.sweep(), world.services)
        world.later(minutes=5)


def test_what_comes_and_goes_too_often_is_one_flapping_incident_for_a_human(world: World) -> None:
    come_and_go(world, 3)

    handed = steps.correlate(world.sweep(world.finding()), world.services)
    (flapping,) = world.ledger.live()
    assert flapping.flapping
    assert [verdict.action for verdict in handed.verdicts] == ["alert_human"]
    world.later(minutes=5)
    come_and_go(world, 3)

    assert [incident.id for incident in world.ledger.live()] == [flapping.id]
    assert len(world.ledger.search()) == 4


def test_a_flapping_incident_is_resolved_when_it_has_stayed_away_for_a_while(world: World) -> None:
    come_and_go(world, 3)
    steps.correlate(world.sweep(world.finding()), world.services)
    world.later(minutes=5)
    steps.correlate(world.sweep(), world.services)
    assert len(world.ledger.live()) == 1

    world.later(minutes=31)
    steps.correlate(world.sweep(), world.services)

    assert world.ledger.live() == []


def test_what_flaps_is_never_repaired_by_itself(tmp_path: Path) -> None:
    world = World(tmp_path, quiet=Quiet(flap_times=2))
    come_and_go(world, 2)
    steps.correlate(world.sweep(world.finding()), world.services)
    (flapping,) = world.ledger.live()
    verdict = Verdict(
        incident=flapping.id, action="remediate", playbook="restart_service", reason="r", source="rule:restart_service"
    )

    assert steps.authorise(verdict, world.services).plans == ()
    assert world.ledger.get(flapping.id).state is State.AWAITING_APPROVAL


# what our own repair stirs up


def repaired(world: World) -> str:
    handed = steps.correlate(world.sweep(world.finding()), world.services)
    steps.authorise(handed.verdicts[0], world.services)
    look = steps.settle(world.outcome("success"), world.services).verify[0]
    incident = world.only().id
    steps.close(world.sweep(incident=incident, name=look.sweep), world.services)
    return incident


def test_what_appears_just_after_a_repair_is_linked_and_opened_only_when_it_stays(world: World) -> None:
    incident = repaired(world)
    world.later(seconds=60)
    after = world.finding(subject="nginx.service")

    steps.correlate(world.sweep(after), world.services)
    assert [one.id for one in world.ledger.search()] == [incident]
    assert any("under repair" in entry.text for entry in world.ledger.timeline(incident))
    world.later(seconds=90)
    steps.correlate(world.sweep(after), world.services)

    assert len(world.ledger.live()) == 1


def test_what_was_repaired_and_is_back_at_once_is_a_relapse_and_not_an_echo(world: World) -> None:
    incident = repaired(world)
    world.later(seconds=60)

    steps.correlate(world.sweep(world.finding()), world.services)

    (again,) = world.ledger.live()
    assert again.relapse_of == incident


# relapse


@pytest.mark.parametrize(("period", "days", "relapse"), [(7, 20, True), (7, 22, False), (0, 2, False)])
def test_a_relapse_counts_for_three_periods_of_its_detector_or_a_day(
    tmp_path: Path, period: int, days: int, *, relapse: bool
) -> None:
    world = World(tmp_path, periods={"health": timedelta(days=period)})
    incident = repaired(world)
    world.later(days=days)

    steps.correlate(world.sweep(world.finding()), world.services)

    (again,) = world.ledger.live()
    assert again.relapse_of == (incident if relapse else "")


# properties


_FOUND = st.lists(
    st.tuples(
        st.sampled_from(GUESTS), st.sampled_from(["a", "b", "c", "d"]), st.sampled_from(["x", "y", "z"]), st.booleans()
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=25, deadline=None)
@given(found=_FOUND, order=st.permutations([0, 1, 2]))
def test_correlating_twice_opens_nothing_shards_may_come_in_any_order_and_no_cause_has_two_incidents(
    tmp_path_factory: pytest.TempPathFactory, found: list[tuple[str, str, str, bool]], order: list[int]
) -> None:
    world = World(tmp_path_factory.mktemp("world"))
    findings = [
        world.finding(host=host, subject=subject, cause=cause, shared=shared, severity=Severity.WARNING)
        for host, subject, cause, shared in found
    ]

    def sweep(world: World, name: str, order: list[int]) -> None:
        for shard in order:
            mine = [finding for finding in findings if finding.host == GUESTS[shard]]
            steps.correlate(world.sweep(*mine, hosts=[GUESTS[shard]], name=name, shard=shard, shards=3), world.services)

    def shape(world: World) -> list[tuple[str, list[str]]]:
        return sorted((one.title, [finding.fingerprint for finding in one.findings]) for one in world.ledger.search())

    sweep(world, "first", order)
    opened = shape(world)
    assert len(opened) <= len({(host, cause) for host, _, cause, _ in found})
    held = sorted(fingerprint for _, fingerprints in opened for fingerprint in fingerprints)
    assert held == sorted({finding.fingerprint for finding in findings})

    sweep(world, "second", order)
    assert shape(world) == opened

    straight = World(tmp_path_factory.mktemp("straight"))
    sweep(straight, "first", [0, 1, 2])
    assert shape(straight) == opened
