"""CT190's ledger: durable, shared by the worker and the command, and loud when its disk is full."""

import os
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from aiops import steps
from aiops.adapters.incident_ledger import SqliteIncidentLedger
from aiops.domain.incident import Entry, Incident, State
from aiops.domain.skill import Lesson
from aiops.errors import LedgerBusyError, RefusedError, UnknownError
from tests.incident_world import NOON, World, a_finding
from tests.plans import outcome, plan


@pytest.fixture
def ledger(tmp_path: Path) -> SqliteIncidentLedger:
    return SqliteIncidentLedger(tmp_path / "incidents.sqlite")


def incident(name: str = "inc-1", host: str = "ct1", **more: object) -> Incident:
    given = {
        "id": name,
        "state": State.NEW,
        "severity": "warning",
        "title": f"{host}: cron is dead",
        "opened_at": NOON,
        "changed_at": NOON,
        "last_seen_at": NOON,
        "findings": (a_finding(host=host),),
        **more,
    }
    return Incident.model_validate(given)


def entry(text: str = "seen") -> Entry:
    return Entry(at=NOON, step="test", text=text)


def test_what_is_stored_is_there_for_the_next_process(ledger: SqliteIncidentLedger, tmp_path: Path) -> None:
    ledger.open(incident(), entry())

    again = SqliteIncidentLedger(tmp_path / "incidents.sqlite")
    assert again.get("inc-1") == incident()
    assert [line.text for line in again.timeline("inc-1")] == ["seen"]


def test_a_forked_process_opens_its_own_connection(ledger: SqliteIncidentLedger) -> None:
    ledger.open(incident(), entry())
    child = os.fork()
    if child == 0:
        ledger.note("inc-1", entry("from the child"))
        os._exit(0)
    _, status = os.waitpid(child, 0)

    assert status == 0
    assert [line.text for line in ledger.timeline("inc-1")] == ["seen", "from the child"]


def test_a_move_is_made_by_one_of_two_and_only_where_the_machine_allows(ledger: SqliteIncidentLedger) -> None:
    ledger.open(incident(), entry())

    assert ledger.move("inc-1", [State.NEW], State.TRIAGED, entry())
    assert not ledger.move("inc-1", [State.NEW], State.TRIAGED, entry())
    with pytest.raises(RefusedError, match="cannot go"):
        ledger.move("inc-1", [State.TRIAGED], State.VERIFYING, entry())
    with pytest.raises(UnknownError):
        ledger.move("inc-2", [State.NEW], State.TRIAGED, entry())


def test_a_search_for_one_host_does_not_find_another_whose_name_begins_alike(ledger: SqliteIncidentLedger) -> None:
    ledger.open(incident("inc-1", "ct1"), entry())
    ledger.open(incident("inc-2", "ct10"), entry("the backup ran"))

    assert [found.id for found in ledger.search(host="ct1")] == ["inc-1"]
    assert [found.id for found in ledger.search(text="backup ran")] == ["inc-2"]
    assert ledger.search(text="100%_") == []
    assert [found.id for found in ledger.search(since=NOON + timedelta(seconds=1))] == []


def test_the_incidents_that_changed_last_come_first_whatever_their_state(ledger: SqliteIncidentLedger) -> None:
    for minute, name in enumerate(("inc-1", "inc-2", "inc-3")):
        at = NOON + timedelta(minutes=minute)
        ledger.open(incident(name, f"ct{minute}", opened_at=at, changed_at=at), entry())
    ledger.move("inc-1", [State.NEW], State.RESOLVED, Entry(at=NOON + timedelta(hours=1), step="test", text="gone"))

    assert [found.id for found in ledger.recent(2)] == ["inc-1", "inc-3"]
    assert [found.id for found in ledger.recent(10)] == ["inc-1", "inc-3", "inc-2"]


def test_an_approval_is_for_one_digest_and_given_once(ledger: SqliteIncidentLedger, tmp_path: Path) -> None:
    from tests.plans import approved  # noqa: PLC0415

    ledger.open(incident(plan().incident), entry())
    whole = approved()
    ledger.store_plan(whole.plan)

    with pytest.raises(RefusedError, match="another version"):
        ledger.approve(whole.plan.id, whole.approval.model_copy(update={"plan_digest": "0" * 64}))
    assert ledger.approve(whole.plan.id, whole.approval)
    assert not ledger.approve(whole.plan.id, whole.approval.model_copy(update={"nonce": "f" * 32}))


def test_the_newest_plan_that_succeeded_is_found_below_later_ones_that_did_not(ledger: SqliteIncidentLedger) -> None:
    ledger.open(incident(), entry())
    assert ledger.succeeded("inc-1") is None
    for name, status in (("p1", "success"), ("p2", "success"), ("p3", "failure"), ("p4", "")):
        ledger.store_plan(plan(id=name, incident="inc-1"))
        if status:
            ledger.store_outcome(outcome(status, name))  # type: ignore[arg-type]
    found = ledger.succeeded("inc-1")
    assert found
    assert found.id == "p2"
    assert ledger.succeeded("inc-2") is None


def test_old_incidents_are_forgotten_and_open_ones_never(ledger: SqliteIncidentLedger) -> None:
    ledger.open(incident("inc-1"), entry())
    ledger.open(incident("inc-2"), entry())
    ledger.move("inc-1", [State.NEW], State.RESOLVED, entry())

    assert ledger.prune(NOON + timedelta(days=1), NOON) == 1
    assert [found.id for found in ledger.search()] == ["inc-2"]


def test_a_lesson_takes_the_place_of_what_was_recorded_under_its_name(ledger: SqliteIncidentLedger) -> None:
    lesson = Lesson(name="restart-it", standing="draft", draft="text", created_at=NOON, confirmed_at=NOON)
    assert ledger.lesson("restart-it") is None
    ledger.store_lesson(lesson)
    ledger.store_lesson(lesson.model_copy(update={"standing": "approved", "successes": ("inc-1",)}))

    assert [(one.standing, one.successes) for one in ledger.lessons()] == [("approved", ("inc-1",))]
    assert ledger.lesson("restart-it") == ledger.lessons()[0]


def test_sweeps_are_given_back_from_a_moment_on_oldest_first(tmp_path: Path) -> None:
    world = World(tmp_path)
    for name in ("one", "two", "three"):
        world.ledger.record_sweep(world.sweep(name=name))
        world.later(hours=1)

    assert [sweep.id for sweep in world.ledger.sweeps_since(NOON + timedelta(minutes=30))] == ["two", "three"]


def test_a_freeze_is_seen_by_everybody_and_the_first_one_stands(ledger: SqliteIncidentLedger, tmp_path: Path) -> None:
    other = SqliteIncidentLedger(tmp_path / "incidents.sqlite")
    ledger.freeze("marie", "moving", NOON)
    other.freeze("paul", "too", NOON)

    assert other.frozen().startswith("marie")
    other.thaw("paul", NOON)
    assert ledger.frozen() == ""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a megabyte."""
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], check=True)
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.mark.root
def test_a_full_disk_is_said_and_the_next_sweep_loses_nothing(tmp_path: Path, small_disk: Path) -> None:
    ledger = SqliteIncidentLedger(small_disk / "incidents.sqlite")
    world = World(tmp_path, ledger=ledger)
    steps.correlate(world.sweep(world.finding()), world.services)
    filler = small_disk / "filler"
    with pytest.raises(OSError, match="No space"):
        filler.write_bytes(b"x" * 2_000_000)

    def go_on() -> None:
        for number in range(20):
            steps.correlate(world.sweep(world.finding(host=f"ct{210 + number}"), name=f"s{number}"), world.services)

    with pytest.raises(LedgerBusyError, match="Free space"):
        go_on()
    known = {host for found in ledger.search() for host in found.hosts}
    assert "ct201" in known

    filler.unlink()
    found = [world.finding(host=f"ct{210 + number}") for number in range(20)]
    steps.correlate(world.sweep(*found, hosts=[one.host for one in found], name="after"), world.services)
    assert {host for seen in ledger.search() for host in seen.hosts} == {"ct201", *[one.host for one in found]}
