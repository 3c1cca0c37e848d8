"""Beat's own scheduler with a simulated clock: one patrol for all guardians that are due, and a memory that survives restarts."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from celery.schedules import crontab

from aiops.domain.host import Host
from aiops.domain.sweep import Patrol
from aiops.ports import DetectionServices, Printed
from aiops.steps.detect import detect
from aiops.steps.look import detectors
from tasks.clock import Clock
from tasks.moments import Due, When, moments
from tests.incident_world import Hosts

EIGHT = datetime(2026, 11, 23, 8, 0, 1, tzinfo=UTC)
LINES: Mapping[str, When] = {
    "health": timedelta(minutes=5),
    "disk": timedelta(minutes=5),
    "security": timedelta(minutes=15),
    "certs": crontab(hour=9, minute=10),
}


class Recorder(Clock):
    """The real clock without a broker: it keeps what it would send."""

    sent: list[tuple[str, list[str]]]
    producer = None

    def apply_async(self, entry: Any, producer: Any = None, **_: Any) -> None:
        self.sent.append((entry.task, list(entry.args[0]) if entry.args else []))


class Time:
    """A clock that is set, and a beat that lives by it."""

    def __init__(self, folder: Path, now: datetime = EIGHT) -> None:
        self.folder, self.now, self.signs = folder, now, 0

    def beat(self) -> Recorder:
        app: Celery[Any] = Celery("clock", set_as_current=False)
        app.conf.beat_schedule = {
            **{
                name: {
                    "task": "patrol",
                    "args": ([name],),
                    "schedule": Due(moments(when, "Europe/Paris"), nowfun=lambda: self.now),
                    "options": {"expires": 300.0},
                }
                for name, when in LINES.items()
            },
            "prune": {"task": "prune", "schedule": Due(moments(timedelta(minutes=5), "UTC"), nowfun=lambda: self.now)},
        }
        clock = Recorder(app, max_interval=5, schedule_filename=str(self.folder / "beat"), sign=self.sign)
        clock.sent = []
        return clock

    def sign(self) -> None:
        self.signs += 1

    def run(self, clock: Recorder, until: datetime) -> list[tuple[str, str, list[str]]]:
        """Ticks as beat's loop does, with the pauses that the ticks ask for."""
        seen: list[tuple[str, str, list[str]]] = []
        while self.now <= until:
            clock.sent.clear()
            pause = clock.tick()
            seen += [(self.now.strftime("%H:%M"), task, names) for task, names in clock.sent]
            assert 0 <= pause <= 5
            self.now += timedelta(seconds=max(pause, 0.001))
        return seen


@pytest.fixture
def time(tmp_path: Path) -> Time:
    return Time(tmp_path)


def patrols(seen: list[tuple[str, str, list[str]]]) -> list[tuple[str, list[str]]]:
    return [(at, names) for at, task, names in seen if task == "patrol"]


def test_guardians_with_different_schedules_that_are_due_together_are_one_patrol(time: Time) -> None:
    seen = patrols(time.run(time.beat(), EIGHT + timedelta(minutes=15)))
    assert seen == [
        ("08:05", ["health", "disk"]),
        # 09:10 in Paris is 08:10 UTC in November.
        ("08:10", ["health", "disk", "certs"]),
        ("08:15", ["health", "disk", "security"]),
    ]


def test_housekeeping_is_sent_for_itself(time: Time) -> None:
    seen = time.run(time.beat(), EIGHT + timedelta(minutes=15))
    assert [at for at, task, _ in seen if task == "prune"] == ["08:05", "08:10", "08:15"]


def test_over_a_day_no_minute_has_two_patrols(time: Time) -> None:
    seen = patrols(time.run(time.beat(), EIGHT + timedelta(hours=24)))
    assert len({at for at, _ in seen}) == len(seen) == 288


def test_every_round_leaves_a_sign_of_life(time: Time) -> None:
    time.run(time.beat(), EIGHT + timedelta(minutes=1))
    assert time.signs >= 12


def test_a_restarted_beat_neither_forgets_nor_doubles(time: Time) -> None:
    first = time.beat()
    time.run(first, EIGHT + timedelta(minutes=9, seconds=30))
    first.sync()
    again = time.beat()
    assert patrols(time.run(again, EIGHT + timedelta(minutes=11))) == [("08:10", ["health", "disk", "certs"])]
    again.sync()
    time.now += timedelta(hours=3)
    assert patrols(time.run(time.beat(), time.now)) == [("11:11", ["health", "disk", "security"])]


def test_an_unreadable_memory_starts_anew(time: Time, caplog: pytest.LogCaptureFixture) -> None:
    (time.folder / "beat.json").write_text("[not json", encoding="utf-8")
    assert patrols(time.run(time.beat(), EIGHT + timedelta(minutes=5))) == [("08:05", ["health", "disk"])]
    assert "cannot be read" in caplog.text


def test_a_clock_that_is_set_back_two_hours_loses_no_tick(time: Time) -> None:
    clock = time.beat()
    time.run(clock, EIGHT + timedelta(minutes=6))
    time.now -= timedelta(hours=2)
    assert [at for at, _ in patrols(time.run(clock, time.now + timedelta(minutes=10)))] == ["06:10", "06:15"]


class Counting:
    """Port ``Shell`` that counts the executions per host and answers nothing."""

    def __init__(self) -> None:
        self.runs: dict[str, int] = {}

    def run(self, host: Host, script: str, seconds: float) -> Printed:
        self.runs[host.name] = self.runs.get(host.name, 0) + 1
        return Printed(stdout=b"", stderr=b"", code=0, seconds=0.0)

    def close(self) -> None: ...


def test_a_host_is_visited_once_however_many_guardians_are_due() -> None:
    shell = Counting()
    hosts = [Host(name=f"ct{number}") for number in range(200, 205)]

    class Silent:
        def publish(self, event: Any) -> None: ...

    services = DetectionServices(inventory=Hosts(*hosts), shell=shell, events=Silent())
    order = Patrol(
        sweep="s", detectors=tuple(detectors()), hosts=tuple(host.name for host in hosts), requested_at=EIGHT
    )
    assert len(order.detectors) >= 3
    detect(order, services, detectors())
    assert shell.runs == {host.name: 1 for host in hosts}
