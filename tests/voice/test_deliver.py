"""Delivery: in order of severity, with pauses, over a second way when the first is dead."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from aiops import steps
from aiops.adapters.mailbox import SqliteMailbox
from aiops.adapters.memory_events import MemoryEvents
from aiops.domain.notice import Bundle, Route, Voice
from aiops.domain.severity import Severity
from aiops.errors import ChannelError, SettingsError
from aiops.ports import NotifyServices
from tests.voice.notices import NOW, event


@dataclass
class Way:
    """A channel that takes, or fails as it is told."""

    name: str
    error: ChannelError | SettingsError | None = None
    took: list[Bundle] = field(default_factory=list)
    tries: int = 0

    def send(self, bundle: Bundle) -> str:
        self.tries += 1
        if self.error:
            raise self.error
        self.took.append(bundle)
        return str(len(self.took))


@dataclass
class Clock:
    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class Room:
    first: Way
    second: Way
    clock: Clock
    events: MemoryEvents
    services: NotifyServices

    def tell(self, *severities: Severity) -> None:
        for number, severity in enumerate(severities):
            steps.notify(event(severity, number=number), self.services)

    def deliver(self) -> None:
        steps.deliver(self.services)

    def types(self) -> list[str]:
        return [one.type for one in self.events.events]


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return make(tmp_path)


def make(folder: Path, voice: Voice | None = None) -> Room:
    first, second, clock, events = Way("telegram"), Way("ntfy"), Clock(), MemoryEvents()
    services = NotifyServices(
        mailbox=SqliteMailbox(folder / "mailbox.sqlite"),
        channels=[first, second],
        events=events,
        voice=voice or Voice(),
        timezone="Europe/Paris",
        clock=clock,
    )
    return Room(first, second, clock, events, services)


def test_debug_is_dropped_and_the_rest_goes_out_by_severity(room: Room) -> None:
    room.tell(Severity.DEBUG, Severity.INFO, Severity.WARNING, Severity.CRITICAL)
    room.deliver()
    assert [one.route for one in room.first.took] == [Route.DIRECT, Route.GROUP, Route.GROUP_SILENTLY]
    assert room.types() == ["notify.sent"] * 3
    room.deliver()
    assert len(room.first.took) == 3


def test_quiet_hours_hold_all_but_critical_and_end_in_one_digest(tmp_path: Path) -> None:
    room = make(tmp_path, Voice(quiet_hours="09:00-14:00", digest_from=3))
    room.tell(Severity.INFO, Severity.WARNING, Severity.WARNING, Severity.CRITICAL)
    room.deliver()
    assert [one.route for one in room.first.took] == [Route.DIRECT]
    room.clock.now = datetime(2026, 11, 23, 13, 0, tzinfo=NOW.tzinfo)
    room.deliver()
    assert [len(one.notices) for one in room.first.took] == [1, 3]


def test_a_failure_is_said_once_and_tried_again_with_growing_pauses(room: Room) -> None:
    room.first.error = ChannelError("telegram", "down")
    room.tell(Severity.WARNING)
    tried = []
    for second in range(50):
        before = room.first.tries
        room.deliver()
        if room.first.tries > before:
            tried.append(second)
        room.clock.later(1)
    assert tried == [0, 1, 3, 7, 15, 31]
    assert room.types() == ["notify.failed"]
    assert not room.second.took


def test_after_a_minute_without_success_the_second_way_is_taken_once(room: Room) -> None:
    room.first.error = ChannelError("telegram", "down")
    room.tell(Severity.WARNING)
    for _ in range(200):
        room.deliver()
        room.clock.later(1)
    assert len(room.second.took) == 1
    room.first.error = None
    room.deliver()
    assert not room.first.took
    (kept,) = room.services.mailbox.recent(5)
    assert kept.channel == "ntfy"


def test_a_pause_that_was_asked_for_is_kept(room: Room) -> None:
    room.first.error = ChannelError("telegram", "slow down", 37.0)
    room.tell(Severity.WARNING)
    for _ in range(37):
        room.deliver()
        room.clock.later(1)
    assert room.first.tries == 1
    room.first.error = None
    room.deliver()
    assert len(room.first.took) == 1


def test_a_way_that_is_set_up_wrongly_does_not_wait_for_the_minute(room: Room) -> None:
    room.first.error = SettingsError("telegram", "chat not found")
    room.tell(Severity.CRITICAL)
    room.deliver()
    assert len(room.second.took) == 1


def test_a_dead_way_is_tried_once_a_round_however_much_waits(room: Room) -> None:
    room.first.error = ChannelError("telegram", "down")
    room.tell(*[Severity.WARNING] * 4, Severity.CRITICAL)
    room.deliver()
    assert room.first.tries == 1


def test_five_hundred_messages_are_one_digest_after_the_critical_ones(room: Room) -> None:
    room.tell(*[Severity.WARNING] * 500, Severity.CRITICAL)
    room.deliver()
    assert [len(one.notices) for one in room.first.took] == [1, 500]
    assert room.first.took[0].route is Route.DIRECT
    assert not room.services.mailbox.due(room.clock.now)


def test_an_hour_without_any_way_loses_nothing(room: Room, tmp_path: Path) -> None:
    room.first.error, room.second.error = ChannelError("telegram", "down"), ChannelError("ntfy", "down")
    wait: Callable[[], None] = room.deliver
    for number in range(3):
        steps.notify(event(number=number), room.services)
    for _ in range(360):
        wait()
        room.clock.later(10)
    room.first.error = None
    room.clock.later(60)
    room.deliver()
    assert sum(len(one.notices) for one in room.first.took) == 3
    assert not room.services.mailbox.recent(5, waiting=True)
