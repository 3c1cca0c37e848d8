"""The way to the log store: real SQLite, a real HTTP server that keeps to Loki's protocol, time that is set by hand."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from aiops.adapters.json_api import JsonApi
from aiops.adapters.log_files import LogFiles
from aiops.adapters.log_spool import LogSpool
from aiops.adapters.loki_push import LONGEST_REST, LokiPush, rest
from aiops.adapters.memory_events import MemoryEventLog, MemoryEvents
from aiops.domain.event import TYPES, Event
from aiops.domain.severity import Severity
from aiops.domain.shipped import CONTAINERS, LEVELS, labels, nanoseconds
from aiops.errors import BusError
from aiops.ports import ShipServices
from aiops.steps.ship import CURSOR, Shipper
from tests.bridge.loki_server import LokiServer

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@dataclass
class Place:
    """A bridge's end towards a store, and the clocks of both."""

    folder: Path
    store: LokiServer
    most: int = 8 * 1024 * 1024
    now: list[datetime] = field(default_factory=lambda: [NOON])
    steady: list[float] = field(default_factory=lambda: [0.0])
    events: MemoryEvents = field(default_factory=MemoryEvents)
    files: LogFiles | None = None

    def __post_init__(self) -> None:
        self.log = MemoryEventLog(self.events)
        self.begin()

    def begin(self) -> None:
        """As a bridge that has just been started: what it knows lies on the disk."""
        self.spool = LogSpool(self.folder / "ship.sqlite", self.most)
        api = JsonApi("loki", self.store.url, seconds=20)
        services = ShipServices(
            self.log, self.spool, LokiPush(api), self.events, files=self.files, clock=lambda: self.now[0]
        )
        self.shipper = Shipper(services, lambda: self.steady[0])

    def later(self, **span: float) -> None:
        self.now[0] += timedelta(**span)
        self.steady[0] += timedelta(**span).total_seconds()

    def say(self, text: str, **more: Any) -> None:
        given = {
            "source": "openfang",
            "cron": "guardian-disk",
            "severity": Severity.INFO,
            "timestamp": self.now[0],
            "host": "ct201",
            "symptom": text,
            "type": "finding.seen",
            "incident": "inc-1",
        }
        self.events.publish(Event(**{**given, **more}))

    def round(self, times: int = 1) -> None:
        for _ in range(times):
            self.shipper.round(wait=0)

    def heard(self) -> list[str]:
        """The symptoms the store holds, in the order in which it got them."""
        return [json.loads(text)["symptom"] for _, _, text in self.store.lines]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    moments: list[datetime] = [NOON]
    with LokiServer(lambda: nanoseconds(moments[0])) as store:
        made = Place(tmp_path, store, now=moments)
        yield made
        made.spool.close()


def test_an_event_is_a_line_with_four_labels_and_its_incident_inside(place: Place) -> None:
    place.say("disk full")
    place.round()
    ((said, at, text),) = place.store.lines
    assert said == {"job": "aiops", "container": "openfang", "level": "info", "event": "finding.seen"}
    assert at == nanoseconds(NOON)
    assert json.loads(text)["incident"] == "inc-1"
    assert place.store.refused == []
    assert place.spool.waiting() == (0, 0)


def test_the_labels_are_bounded_whatever_strangers_send() -> None:
    known = {labels(who, level, event) for who in CONTAINERS for level in LEVELS for event in TYPES}
    assert len(known) == len(CONTAINERS) * len(LEVELS) * len(TYPES) < 10_000
    strange = {labels(f"stranger-{n}", f"loud-{n}", f"foreign.type{n}") for n in range(500)}
    assert [json.loads(one) for one in strange] == [
        {"job": "aiops", "container": "other", "level": "other", "event": "other"}
    ]


def test_what_is_no_event_is_kept_as_text_and_a_retained_state_is_sent_once(place: Place) -> None:
    place.events.publish_raw(b"{not json")
    place.say("a sweep", type="sweep.finished")
    assert len(place.events.entries) == 3
    place.round()
    assert [said["event"] for said, _, _ in place.store.lines] == ["event.quarantined", "sweep.finished"]


def test_lines_of_a_stream_arrive_in_order_though_their_moments_do_not(place: Place) -> None:
    for number, minutes in enumerate((0, -30, 5, -1, 90)):
        place.say(str(number), timestamp=NOON + timedelta(minutes=minutes))
    place.round()
    place.say("5", timestamp=NOON - timedelta(minutes=2))
    place.round()
    assert place.heard() == ["0", "1", "2", "3", "4", "5"]
    assert place.store.refused == []


def test_nothing_is_lost_while_the_store_is_down_for_an_hour_and_a_restart_in_between(
    place: Place, say: Callable[[str], None]
) -> None:
    place.store.down = True
    for minute in range(60):
        for number in range(10):
            place.say(f"{minute}.{number}")
        place.round()
        place.later(minutes=1)
        if minute == 30:
            place.spool.close()
            place.begin()
    tried = len(place.store.requests)
    assert place.spool.waiting()[0] == 600
    assert tried == 0, "a closed connection is no request"
    place.store.down = False
    place.later(minutes=5)
    place.round()
    assert place.heard() == [f"{minute}.{number}" for minute in range(60) for number in range(10)]
    assert place.store.refused == []
    assert "logs.dropped" not in place.events.types()
    say(
        f"down for an hour: {len(place.heard())} of 600 lines arrived, in order, in {len(place.store.requests)} request"
    )


def test_a_store_that_is_down_is_asked_ever_more_rarely(place: Place) -> None:
    place.store.script = [(503, {}, b"ingester not ready")] * 100
    place.say("one")
    for _ in range(600):
        place.round()
        place.later(seconds=1)
    assert 10 < len(place.store.requests) < 25


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 401, 404])
def test_what_may_be_taken_later_is_sent_again(place: Place, status: int) -> None:
    place.store.script = [(status, {}, b"not now")]
    place.say("one")
    place.round(3)
    assert len(place.store.requests) == 1
    place.later(seconds=1)
    place.round()
    assert place.heard() == ["one"]


def test_a_store_that_names_its_rest_is_left_alone_for_so_long(place: Place) -> None:
    place.store.script = [(429, {"Retry-After": "120"}, b"rate limit")]
    place.say("one")
    place.round()
    place.later(seconds=119)
    place.round()
    assert len(place.store.requests) == 1
    place.later(seconds=2)
    place.round()
    assert place.heard() == ["one"]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("99999", LONGEST_REST),
        ("Mon, 23 Nov 2026 12:00:30 GMT", 30.0),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
        ("-5", None),
    ],
)
def test_both_forms_of_retry_after_are_understood(header: str, seconds: float | None) -> None:
    assert rest(header, NOON) == seconds


def test_a_batch_that_is_refused_for_good_is_dropped_and_told_and_the_next_one_arrives(place: Place) -> None:
    place.store.script = [(400, {}, b"entry too far behind")]
    place.say("lost")
    place.round()
    place.say("kept")
    place.round()
    assert [one for one in place.heard() if one != "1 lines never reach the log store"] == ["kept"]
    (told,) = [event for event in place.events.events if event.type == "logs.dropped"]
    assert told.context == {"lines": 1, "reasons": {"refused: 400 entry too far behind": 1}}
    place.round()
    assert "1 lines never reach the log store" in place.heard()


def test_what_is_older_than_the_store_takes_does_not_take_its_batch_along(place: Place) -> None:
    place.say("old", timestamp=NOON - timedelta(days=8))
    place.say("young")
    place.round(2)
    assert place.heard()[0] == "young"
    assert place.store.refused == []
    assert "logs.dropped" in place.events.types()


def test_the_disk_is_bounded_and_the_oldest_lines_go_first_and_are_counted(
    tmp_path: Path, say: Callable[[str], None]
) -> None:
    moments = [NOON]
    with LokiServer(lambda: nanoseconds(moments[0])) as store:
        most = 1024 * 1024
        place = Place(tmp_path, store, most=most, now=moments)
        store.down = True
        for number in range(1500):
            place.say(str(number), context={"filling": "x" * 2000})
            if number % 100 == 99:
                place.round()
                place.later(minutes=2)
        count, size = place.spool.waiting()
        assert size <= most
        on_disk = sum(file.stat().st_size for file in tmp_path.iterdir())
        assert on_disk < 8 * most
        store.down = False
        place.later(minutes=5)
        place.round(3)
        place.spool.close()
    numbers = [int(one) for one in place.heard() if one.isdigit()]
    assert numbers == list(range(1500 - len(numbers), 1500))
    assert len(numbers) <= count
    dropped = sum(event.context["lines"] for event in place.events.events if event.type == "logs.dropped")
    assert dropped + len(numbers) >= 1500
    kib = f"{size // 1024} of {most // 1024} KiB waited, {on_disk // 1024} KiB of files"
    say(f"a full spool: {kib}; the newest {len(numbers)} of 1500 lines arrived, {dropped} told as dropped")


def test_a_kill_between_sending_and_forgetting_sends_again_and_skips_nothing(place: Place) -> None:
    for number in range(5):
        place.say(str(number))
    forget = place.spool.forget
    place.spool.forget = _killed  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        place.round()
    place.spool.forget = forget  # type: ignore[method-assign]
    place.spool.close()
    place.begin()
    place.round()
    assert place.heard() == ["0", "1", "2", "3", "4"]
    assert place.store.doubles == 5, "sent again with the same moments and texts, which the store keeps once"
    assert place.store.refused == []


def _killed(_: int) -> None:
    raise KeyboardInterrupt


def test_an_event_log_that_is_away_stops_nobody_from_sending_what_was_kept(place: Place) -> None:
    place.store.down = True
    place.say("kept")
    place.round()
    place.store.down, place.log.down = False, True
    place.later(minutes=2)
    with pytest.raises(BusError):
        place.round()
    assert place.heard() == ["kept"]
    assert place.spool.mark(CURSOR) == "1"


def test_a_token_and_a_tenant_are_sent(tmp_path: Path) -> None:
    with LokiServer(lambda: nanoseconds(NOON), token="let-me-in", tenant="home") as store:
        place = Place(tmp_path, store)
        place.say("one")
        place.round()
        assert store.refused == ["no credentials"]
        headers = {"Authorization": "Bearer let-me-in", "X-Scope-OrgID": "home"}
        api = JsonApi("loki", store.url, lambda: headers)
        assert LokiPush(api).push(place.spool.oldest(10, 10_000)).taken
        place.spool.close()


def test_log_files_are_sent_line_by_line_over_a_rotation_and_a_restart(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    folder.mkdir()
    file = folder / "detect.log"
    moments = [NOON]
    with LokiServer(lambda: nanoseconds(moments[0])) as store:
        place = Place(tmp_path, store, now=moments, files=LogFiles(folder))
        record = {"event": "looked", "level": "info", "timestamp": "2026-11-23T11:59:00Z", "incident": "inc-7"}
        file.write_text(json.dumps(record) + "\nTraceback (most recent call last):\n" + '{"half', encoding="utf-8")
        place.round()
        assert [said["container"] for said, _, _ in store.lines] == ["detect", "detect"]
        assert json.loads(store.lines[0][2])["incident"] == "inc-7"
        place.spool.close()
        place.begin()
        with file.open("a", encoding="utf-8") as more:
            more.write('": 1}\n')
        place.round()
        file.rename(folder / "detect.log.1")
        file.write_text('{"event": "after", "level": "error"}\n', encoding="utf-8")
        place.round()
        place.spool.close()
    said = [(one["level"], json.loads(text).get("event")) for one, _, text in store.lines]
    assert said == [
        ("info", "looked"),
        ("info", "Traceback (most recent call last):"),
        ("other", None),
        ("error", "after"),
    ]
    assert store.refused == []
