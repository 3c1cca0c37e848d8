"""Six thousand findings in a minute: few incidents, one message, nothing lost."""

import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiops import steps
from aiops.domain.handover import Handover
from aiops.domain.host import Host
from aiops.domain.incident import State
from aiops.errors import SettingsError
from tests import storm
from tests.incident_world import NOON, Hosts, World


def a_fleet(folder: Path, **changes: Any) -> World:
    return World(folder, inventory=Hosts(*[Host(name=name, role="web") for name in storm.HOSTS]), **changes)


def blow(world: World, **more: int) -> list[Handover]:
    handed = []
    for sweep in storm.sweeps(NOON, **more):
        world.now = sweep.finished_at
        handed.append(steps.correlate(sweep, world.services))
    return handed


def test_six_thousand_findings_are_five_hundred_with_their_counts_in_at_most_sixty_incidents(tmp_path: Path) -> None:
    world = a_fleet(tmp_path, llm=True)
    tracemalloc.start()

    handed = blow(world)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    incidents = world.ledger.live()
    counts = [seen.count for one in incidents for seen in world.ledger.counts(one.id).values()]
    assert len(incidents) <= 60
    assert len(counts) == 500
    assert sum(counts) == 6000
    assert sum(len(one.questions) for one in handed) <= 60
    assert peak < 64 * 1024 * 1024


@settings(max_examples=15, deadline=None)
@given(
    causes=st.integers(0, 300),
    shared=st.booleans(),
    whole=st.booleans(),
    hosts=st.sampled_from([1, 7, 60]),
)
def test_however_findings_are_labelled_and_cut_into_sweeps_there_are_at_most_sixty_incidents_and_none_is_lost(
    tmp_path_factory: pytest.TempPathFactory, causes: int, *, shared: bool, whole: bool, hosts: int
) -> None:
    world = a_fleet(tmp_path_factory.mktemp("world"))
    found = [
        world.finding(
            host=storm.HOSTS[number % hosts],
            subject=f"s{number}",
            cause=f"c{number * 7 % causes}" if causes else "",
            shared=shared,
        )
        for number in range(300)
    ]
    parts = [found] if whole else [found[start : start + 25] for start in range(0, 300, 25)]
    for number, part in enumerate(parts):
        world.later(seconds=5)
        steps.correlate(world.sweep(*part, hosts=storm.HOSTS, kinds=["another.kind"], name=str(number)), world.services)

    incidents = world.ledger.live()
    held = sorted(finding.fingerprint for one in incidents for finding in one.findings)
    assert len(incidents) <= 60
    assert held == sorted(finding.fingerprint for finding in found)


def test_thirty_full_disks_are_still_thirty_incidents(tmp_path: Path) -> None:
    world = a_fleet(tmp_path)
    hosts = storm.HOSTS[:30]
    found = [world.finding(host=host, kind="disk.space", subject="/", cause="filesystem:/") for host in hosts]

    steps.correlate(world.sweep(*found, hosts=hosts), world.services)

    assert len(world.ledger.live()) == 30


def test_a_storm_is_one_message_and_one_event_until_it_is_over(tmp_path: Path) -> None:
    world = a_fleet(tmp_path)

    handed = blow(world, times=3)
    notices = [notice for one in handed for notice in one.notices]
    for verdict in [verdict for one in handed for verdict in one.verdicts]:
        notices += steps.authorise(verdict, world.services).notices
    assert [notice.type for notice in notices] == ["storm.began"]
    assert world.events.types().count("storm.began") == 1
    assert world.ledger.storm() is not None

    world.later(minutes=6)
    handed_on = steps.sweep_up(world.services)

    assert [notice.type for notice in handed_on.notices] == ["storm.ended"]
    assert "wait for a human" in handed_on.notices[0].symptom
    assert world.ledger.storm() is None
    assert steps.sweep_up(world.services).notices == ()


def test_nothing_is_repaired_by_itself_in_a_storm(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.ledger.begin_storm(world.now)

    handed = steps.correlate(world.sweep(world.finding()), world.services)
    world.ledger.begin_storm(world.now)  # a single finding makes none: correlate has ended it
    steps.authorise(handed.verdicts[0], world.services)

    assert world.only().state is State.AWAITING_APPROVAL
    assert any("storm" in entry.text for entry in world.ledger.timeline(world.only().id))


def test_a_storm_that_hovers_at_its_threshold_is_one_storm(tmp_path: Path) -> None:
    world = a_fleet(tmp_path)
    told: list[str] = []
    for turn in range(50):
        found = world.finding(host=storm.HOSTS[turn], subject=f"s{turn}")
        handed = steps.correlate(world.sweep(found, hosts=storm.HOSTS, kinds=["other.kind"]), world.services)
        told += [notice.type for notice in handed.notices]
        world.later(seconds=15 if turn % 20 else 40)
        told += [notice.type for notice in steps.sweep_up(world.services).notices]
    assert told.count("storm.began") == 1
    assert "storm.ended" not in told

    world.later(minutes=6)

    assert [notice.type for notice in steps.sweep_up(world.services).notices if "storm" in notice.type] == [
        "storm.ended"
    ]


def test_a_log_that_says_the_same_for_ever_does_not_let_its_incident_grow_for_ever(tmp_path: Path) -> None:
    world = World(tmp_path)
    steps.correlate(world.sweep(world.finding(cause="c")), world.services)
    lines = [
        world.finding(kind="log.line", persistence="occurrence", cursor=str(number), cause="c") for number in range(120)
    ]

    for _ in range(3):
        world.later(minutes=5)
        steps.correlate(world.sweep(world.finding(cause="c"), *lines), world.services)

    assert len(world.only().findings) == 51
    assert len(world.ledger.muted(by=world.only().id)) == 70
    assert sum(one.count for one in world.ledger.muted(by=world.only().id)) == 210
    assert len(world.ledger.timeline(world.only().id)) < 60


def test_a_finding_that_stands_in_one_sweep_twice_is_one_finding_seen_twice(tmp_path: Path) -> None:
    world = World(tmp_path)

    steps.correlate(world.sweep(world.finding(), world.finding()), world.services)

    (seen,) = world.ledger.counts(world.only().id).values()
    assert seen.count == 2
    assert len(world.only().findings) == 1


def test_a_sweep_that_cannot_be_written_leaves_nothing_behind_and_is_worked_through_again(tmp_path: Path) -> None:
    class Inventory(Hosts):
        broken = True

        def hosts(self) -> Any:
            if self.broken:
                raise SettingsError("inventory", "gone for a moment")
            return super().hosts()

    inventory = Inventory(Host(name="ct201", role="web"))
    world = World(tmp_path, inventory=inventory)
    with pytest.raises(SettingsError, match="gone for a moment"):
        steps.correlate(world.sweep(world.finding()), world.services)
    assert world.ledger.search() == []
    assert world.events.types() == []

    inventory.broken = False
    steps.correlate(world.sweep(world.finding()), world.services)

    assert len(world.ledger.search()) == 1


def test_old_sweeps_occurrences_and_muted_findings_are_forgotten(tmp_path: Path) -> None:
    world = World(tmp_path)
    steps.correlate(world.sweep(world.finding(persistence="occurrence", cursor="1")), world.services)
    world.ledger.mute("benign", "known", [world.finding()], world.now)
    world.later(days=15)

    steps.prune(world.services)

    assert world.ledger.muted() == []
    with world.ledger._db.reading() as cursor:
        left = [cursor.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("sweeps", "occurrences")]  # noqa: S608 - names of ours
    assert left == [0, 0]


def test_an_occurrence_that_is_still_reported_is_not_forgotten(tmp_path: Path) -> None:
    world = World(tmp_path)
    for _ in range(4):
        steps.correlate(world.sweep(world.finding(persistence="occurrence", cursor="1")), world.services)
        steps.prune(world.services)
        world.later(days=10)

    assert [kind for kind in world.events.types() if kind != "audit.head"] == ["finding.seen"]
