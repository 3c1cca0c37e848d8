"""The watchers are watched: what is silent, missed or gone is an incident, and what only sleeps is not."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from aiops.domain.host import Host
from aiops.domain.incident import State
from aiops.domain.sweep import Patrol, Sweep
from aiops.domain.watch import PROCESSES, WORKERS, Watched, busy, canary
from aiops.errors import BusError
from aiops.steps import authorise, look_again
from aiops.steps.watch import PLACE, Watcher
from tests.incident_world import NOON, Hosts, World


class Heart:
    """Port ``Pulse``: signs of life that a test gives, takes back or cannot deliver."""

    def __init__(self) -> None:
        self.signs: dict[str, float] = dict.fromkeys([*PROCESSES, *map(canary, WORKERS)], 0.0)
        self.away = False

    def beat(self, name: str) -> None:
        self.signs[name] = 0.0

    def ages(self, names: Sequence[str]) -> Mapping[str, float]:
        if self.away:
            raise BusError("redis", "connection refused")
        return {name: self.signs[name] for name in names if name in self.signs}


class Light:
    """Port ``Beacon`` that remembers."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []

    def well(self, text: str) -> None:
        self.said.append(("well", text))

    def ill(self, text: str) -> None:
        self.said.append(("ill", text))


class Watch:
    """A watcher in its world."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        self.heart, self.light = Heart(), Light()
        self.world = World(folder, pulse=self.heart, beacons=[self.light], **changes)
        self.watcher = Watcher(self.world.services)
        self.expected: dict[str, datetime] = {}
        self.told: list[str] = []

    def rounds(self, seconds: float) -> None:
        """Rounds as the worker makes them, every fifteen seconds; what is told to a human is kept."""
        for _ in range(int(seconds // 15)):
            self.world.later(seconds=15)
            handed = self.watcher.round(self.expected)
            for verdict in handed.verdicts:
                self.told += [notice.symptom for notice in authorise(verdict, self.world.services).notices]
            assert not handed.questions

    def looked(self, *hosts: str, asleep: Sequence[str] = ()) -> None:
        patrol = Patrol(sweep=f"s{self.world.now}", detectors=("disk",), hosts=hosts, requested_at=self.world.now)
        self.world.ledger.record_sweep(
            Sweep(
                patrol=patrol,
                looked_at=dict.fromkeys(hosts, ("disk.full",)),
                asleep=tuple(asleep),
                started_at=self.world.now,
                finished_at=self.world.now,
            )
        )

    def open(self) -> list[str]:
        return [incident.findings[0].kind for incident in self.world.ledger.live()]


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    return Watch(tmp_path)


def test_when_all_give_signs_of_life_nothing_is_opened_and_the_outside_hears_it(watch: Watch) -> None:
    watch.rounds(3600)
    assert watch.open() == []
    assert {word for word, _ in watch.light.said} == {"well"}
    assert watch.world.ledger.last_sweeps() == {}


@pytest.mark.parametrize(
    ("name", "kind", "severity"),
    [
        ("detect", "watch.worker", "critical"),
        ("triage", "watch.worker", "warning"),
        ("remediation", "watch.worker", "critical"),
        ("notify", "watch.worker", "critical"),
        ("beat", "watch.beat", "critical"),
        ("bridge", "watch.bridge", "warning"),
    ],
)
def test_a_silent_process_is_one_incident_for_a_human_and_ends_when_it_is_back(
    watch: Watch, name: str, kind: str, severity: str
) -> None:
    watch.rounds(120)
    watch.heart.signs[name] = 59
    watch.rounds(15)
    assert watch.open() == []
    for age in (61, 300, 900):
        watch.heart.signs[name] = age
        watch.rounds(15)
    incident = watch.world.only()
    assert (incident.findings[0].kind, incident.severity.value, incident.state) == (kind, severity, State.ESCALATED)
    assert incident.hosts == (PLACE,)
    (told,) = watch.told
    assert name in told
    assert [event.type for event in watch.world.events.events].count("worker.offline") == 1
    assert watch.light.said[-1][0] == "ill"
    assert name in watch.light.said[-1][1]

    watch.heart.beat(name)
    watch.rounds(15)
    assert watch.world.only().state is State.RESOLVED
    assert watch.light.said[-1][0] == "well"


def test_a_process_that_never_gave_a_sign_has_its_time_from_our_start(watch: Watch) -> None:
    del watch.heart.signs["beat"]
    watch.rounds(45)
    assert watch.open() == []
    watch.rounds(30)
    assert watch.open() == ["watch.beat"]


def test_a_process_that_is_not_expected_may_be_silent(tmp_path: Path) -> None:
    watch = Watch(tmp_path, watch=Watched(processes=("detect", "beat")))
    watch.heart.signs["bridge"] = 4000
    watch.rounds(120)
    assert watch.open() == []


def test_a_bus_that_is_gone_is_one_incident_and_nobody_else_is_blamed_for_it(watch: Watch) -> None:
    watch.rounds(120)
    watch.heart.away = True
    watch.rounds(45)
    assert watch.open() == []
    watch.rounds(60)
    assert watch.open() == ["watch.bus"]
    assert watch.light.said[-1][0] == "ill"

    watch.heart.away = False
    watch.heart.signs.clear()
    watch.rounds(15)
    assert watch.open() == []
    for name in (*PROCESSES, *map(canary, WORKERS)):
        watch.heart.beat(name)
    watch.rounds(300)
    assert watch.open() == []


def test_the_sleep_of_our_own_machine_is_nobodys_fault(watch: Watch) -> None:
    watch.rounds(120)
    watch.world.later(hours=8)
    watch.heart.signs = dict.fromkeys(PROCESSES, 8 * 3600.0)
    watch.rounds(30)
    assert watch.open() == []


def test_a_guardian_that_did_not_look_is_missed_by_name_and_ends_when_it_looked(watch: Watch) -> None:
    watch.rounds(60)
    watch.looked("ct200", "ct201")
    watch.expected = {"disk": watch.world.now + timedelta(minutes=5)}
    watch.rounds(600)
    assert watch.open() == ["watch.missed"]
    (event,) = [event for event in watch.world.events.events if event.type == "guardian.missed"]
    assert (event.guardian, event.host) == ("disk", PLACE)
    assert "has not looked at its hosts" in watch.told[0]

    watch.looked("ct200", "ct201")
    watch.rounds(15)
    assert watch.open() == []


def test_a_guardian_that_forgets_some_hosts_is_missed_there(watch: Watch) -> None:
    watch.looked("ct200", "ct201", "ct202")
    watch.rounds(60)
    watch.expected = {"disk": watch.world.now}
    watch.looked("ct200", "ct201")
    watch.rounds(15)
    assert "1 of 3 hosts" in watch.told[0]
    assert watch.world.only().findings[0].evidence["hosts"] == ["ct202"]


def test_a_guardian_that_never_looked_is_missed_after_its_first_due_time(watch: Watch) -> None:
    watch.expected = {"disk": NOON - timedelta(minutes=1)}
    watch.rounds(3600)
    assert watch.open() == []
    watch.expected = {"disk": NOON + timedelta(minutes=5)}
    watch.rounds(15)
    assert "never looked" in watch.told[0]


def test_a_host_that_sleeps_as_expected_is_not_missed(tmp_path: Path) -> None:
    hosts = Hosts(Host(name="ct200"), Host(name="pve3", expected_state="on_demand"))
    watch = Watch(tmp_path, inventory=hosts)
    watch.rounds(60)
    watch.expected = {"disk": watch.world.now}
    watch.world.later(seconds=5)
    watch.looked("ct200", asleep=["pve3"])
    watch.rounds(600)
    assert watch.open() == []


def test_a_host_that_left_the_inventory_is_not_missed(watch: Watch) -> None:
    watch.looked("ct200", "gone")
    watch.rounds(60)
    watch.expected = {"disk": watch.world.now}
    watch.looked("ct200")
    watch.rounds(60)
    assert watch.open() == []


def test_while_beat_is_dead_its_guardians_are_not_troubles_of_their_own(watch: Watch) -> None:
    watch.looked("ct200")
    watch.rounds(120)
    watch.expected = {"disk": watch.world.now}
    watch.heart.signs["beat"] = 999
    watch.rounds(600)
    assert watch.open() == ["watch.beat"]


def test_no_detector_is_asked_to_look_at_ourselves(watch: Watch) -> None:
    watch.rounds(120)
    watch.heart.signs["bridge"] = 999
    watch.rounds(30)
    assert look_again(watch.world.services).looks == ()


def test_what_watches_us_is_never_a_question_for_a_model(tmp_path: Path) -> None:
    watch = Watch(tmp_path, llm=True)
    watch.rounds(120)
    watch.heart.signs["triage"] = 999
    watch.rounds(30)
    assert watch.told


def test_an_external_watcher_that_does_not_answer_stops_nothing(watch: Watch) -> None:
    class Deaf(Light):
        def well(self, text: str) -> None:
            raise BusError("ping", "no route")

        ill = well

    watch.world.services.beacons[0] = Deaf()  # type: ignore[index]
    watch.rounds(120)
    watch.heart.signs["beat"] = 999
    watch.rounds(30)
    assert watch.open() == ["watch.beat"]


def test_a_worker_that_lives_and_answers_no_canary_is_one_incident_until_it_answers(watch: Watch) -> None:
    watch.rounds(600)
    watch.heart.signs[canary("detect")] = 299
    watch.rounds(15)
    assert watch.open() == []
    for age in (301, 316, 331):
        watch.heart.signs[canary("detect")] = age
        watch.rounds(15)
    incident = watch.world.only()
    assert (incident.findings[0].kind, incident.severity.value, incident.state) == (
        "watch.deaf",
        "critical",
        State.ESCALATED,
    )
    (told,) = watch.told
    assert "the detect worker lives, but has taken nothing from its queue for more than 5 min" in told
    assert [kind for kind in watch.world.events.types() if kind.startswith("worker.")] == ["worker.deaf"]
    watch.heart.signs[canary("detect")] = 1
    watch.rounds(15)
    assert watch.open() == []


def test_a_worker_that_never_answered_is_deaf_once_it_had_the_time(watch: Watch) -> None:
    del watch.heart.signs[canary("triage")]
    watch.rounds(285)
    assert watch.open() == []
    watch.rounds(30)
    assert watch.open() == ["watch.deaf"]


def test_whoever_is_dead_is_not_deaf_besides_and_the_deciding_worker_may_be_deaf_itself(watch: Watch) -> None:
    watch.rounds(600)
    watch.heart.signs |= {"triage": 700, canary("triage"): 700, canary("incidents"): 700}
    watch.rounds(15)
    found = {(one.kind, one.subject) for incident in watch.world.ledger.live() for one in incident.findings}
    assert found == {("watch.worker", "triage"), ("watch.deaf", "incidents")}


def test_a_worker_at_work_in_all_its_places_gets_the_time_of_the_longest_playbook(watch: Watch) -> None:
    watch.rounds(5000)
    watch.heart.signs |= {canary("remediation"): 3600, busy("remediation"): 1}
    watch.rounds(15)
    assert watch.open() == []
    watch.heart.signs[canary("remediation")] = 4300
    watch.rounds(15)
    assert watch.open() == ["watch.deaf"]


def test_each_queue_gets_a_canary_a_minute_and_none_while_the_bus_is_gone(watch: Watch) -> None:
    def sung(rounds: int) -> list[tuple[str, ...]]:
        handed = []
        for _ in range(rounds):
            watch.world.later(seconds=15)
            handed.append(watch.watcher.round({}).canaries)
        return [canaries for canaries in handed if canaries]

    assert sung(8) == [WORKERS, WORKERS]
    watch.heart.away = True
    assert sung(8) == []
