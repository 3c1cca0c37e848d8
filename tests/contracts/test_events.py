"""Every pair of publisher and log keeps these promises."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from aiops.adapters.event_entry import CAP
from aiops.adapters.memory_events import MemoryEventLog, MemoryEvents
from aiops.adapters.redis_event_log import RedisEventLog
from aiops.adapters.redis_events import RedisEvents
from aiops.domain.event import Event
from aiops.ports import EventLog

OPERATORS = {
    "source": "openfang",
    "cron": "guardian-disk",
    "severity": "warning",
    "timestamp": "2026-11-23T09:00:04Z",
    "host": "CT234",
    "symptom": "/ is 91 % full",
    "context": {"expected_state": "below 85 %", "last_seen_active": "2026-11-23T08:45:00Z", "related_hosts": ["pve2"]},
}


@dataclass
class Bus:
    events: Any
    log: EventLog
    another_log: Callable[[], EventLog]


@pytest.fixture(params=["memory", "redis"])
def bus(request: pytest.FixtureRequest) -> Iterator[Bus]:
    if request.param == "memory":
        memory = MemoryEvents()
        log = MemoryEventLog(memory)
        yield Bus(memory, log, lambda: log)
        return
    url = request.getfixturevalue("redis_url")
    events = RedisEvents(url)
    logs = [RedisEventLog(url, events)]

    def another() -> EventLog:
        logs.append(RedisEventLog(url, events))
        return logs[-1]

    yield Bus(events, logs[0], another)
    events.close()
    for opened in logs:
        opened.close()


def event(number: int = 0, **changes: Any) -> Event:
    return Event.model_validate(OPERATORS | {"symptom": f"event {number}"} | changes)


def test_an_event_arrives_on_its_topic_with_all_its_fields(bus: Bus) -> None:
    bus.events.publish(event(incident="inc-1", foreign_field="kept"))
    (entry,) = bus.log.read("0", 10, 1)
    assert entry.topic == "pixelium/guardian/disk/warning"
    assert not entry.retain
    assert not entry.quarantined
    arrived = json.loads(entry.payload)
    assert {**OPERATORS, "symptom": "event 0", "timestamp": "2026-11-23T09:00:04.000Z"}.items() <= arrived.items()
    assert (arrived["incident"], arrived["foreign_field"]) == ("inc-1", "kept")


def test_every_event_gets_an_id_so_that_subscribers_can_drop_doubles(bus: Bus) -> None:
    bus.events.publish(event(1))
    bus.events.publish(event(1))
    bus.events.publish(event(1, id="mine"))
    ids = [json.loads(entry.payload)["id"] for entry in bus.log.read("0", 10, 1)]
    assert ids[2] == "mine"
    assert len(set(ids)) == 3
    assert all(ids)


def test_a_finished_sweep_is_the_guardians_retained_state_too(bus: Bus) -> None:
    bus.events.publish(event(type="sweep.finished"))
    once, state = bus.log.read("0", 10, 1)
    assert (once.topic, once.retain) == ("pixelium/guardian/disk/warning", False)
    assert (state.topic, state.retain) == ("pixelium/guardian/disk/state", True)
    assert once.payload == state.payload


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ('{"source": "openfang", "cron": ', "JSON"),
        ("not json at all", "JSON"),
        (b"\xff\xfe\x00", "JSON"),
        ("[]", "object"),
        ({**OPERATORS, "severity": "fatal"}, "severity"),
        ({**OPERATORS, "timestamp": "2026-11-23T09:00:04"}, "timestamp"),
        ({**OPERATORS, "timestamp": 1763888404}, "timestamp"),
        ({key: value for key, value in OPERATORS.items() if key != "host"}, "host"),
        ({**OPERATORS, "context": {"bad": object()}}, "serialize"),
        ({**OPERATORS, "context": {"lone": "\ud800"}}, "surrogates"),
    ],
)
def test_what_is_no_event_goes_to_quarantine_with_its_reason_and_is_counted(bus: Bus, raw: Any, reason: str) -> None:
    bus.events.publish_raw(raw)
    bus.events.publish(event(2))
    quarantined, after = bus.log.read("0", 10, 1)
    assert (quarantined.topic, quarantined.quarantined) == ("pixelium/quarantine", True)
    said = json.loads(quarantined.payload)
    assert reason in said["reason"]
    assert said["raw"]
    assert json.loads(after.payload)["symptom"] == "event 2"
    assert bus.events.counters() == {"quarantined": 1}


def test_an_event_made_without_validation_goes_to_quarantine(bus: Bus) -> None:
    bus.events.publish(event(type="guardian.report").model_copy(update={"host": ""}))
    (entry,) = bus.log.read("0", 10, 1)
    assert entry.quarantined
    assert "host" in json.loads(entry.payload)["reason"]


def test_the_operators_event_comes_in_as_text_or_mapping(bus: Bus) -> None:
    for raw in (OPERATORS, json.dumps(OPERATORS), json.dumps(OPERATORS).encode()):
        bus.events.publish_raw(raw)
    entries = bus.log.read("0", 10, 1)
    assert [entry.quarantined for entry in entries] == [False] * 3
    assert json.loads(entries[0].payload)["context"] == OPERATORS["context"]


@pytest.mark.parametrize(
    "context",
    [
        {"journal": "x" * 1_000_000, "unit": "wazuh-manager"},
        {"journal": "\u00e9\u4e16" * 200_000, "unit": "wazuh-manager"},
        {"unit": "wazuh-manager"} | {f"key {number}": "y" * 100 for number in range(5_000)},
        {"unit": "wazuh-manager", "tree": [["z" * 50] * 100] * 100},
    ],
    ids=["a long text", "a long text of wide characters", "many keys", "a deep value"],
)
def test_a_long_context_is_cut_and_marked_but_the_event_arrives(bus: Bus, context: dict[str, Any]) -> None:
    bus.events.publish(event(3, context=context))
    (entry,) = bus.log.read("0", 10, 1)
    assert not entry.quarantined
    assert len(entry.payload.encode()) <= CAP
    arrived = Event.model_validate_json(entry.payload)
    assert arrived.symptom == "event 3"
    assert arrived.context["unit"] == "wazuh-manager"
    assert arrived.context["truncated"]["bytes"] > CAP


def test_a_quarantined_text_is_cut_too(bus: Bus) -> None:
    bus.events.publish_raw("\x00" * 1_000_000)
    (entry,) = bus.log.read("0", 10, 1)
    assert entry.quarantined
    assert len(entry.payload.encode()) <= CAP
    assert "truncated" in entry.payload


def test_the_log_is_read_in_order_and_in_pieces(bus: Bus) -> None:
    for number in range(7):
        bus.events.publish(event(number))
    cursor, symptoms = bus.log.cursor(), list[str]()
    assert cursor == "0"
    while batch := bus.log.read(cursor, 3, 0):
        assert len(batch) <= 3
        symptoms += [json.loads(entry.payload)["symptom"] for entry in batch]
        cursor = batch[-1].cursor
    assert symptoms == [f"event {number}" for number in range(7)]


def test_the_cursor_is_where_the_last_run_stopped(bus: Bus) -> None:
    bus.events.publish(event(1))
    bus.events.publish(event(2))
    bus.log.move(bus.log.read("0", 1, 1)[0].cursor)
    next_run = bus.another_log()
    assert "event 2" in next_run.read(next_run.cursor(), 10, 1)[0].payload


def test_reading_an_empty_log_waits_no_longer_than_asked(bus: Bus) -> None:
    began = time.monotonic()
    assert bus.log.read("0", 10, 0.3) == []
    assert 0.2 < time.monotonic() - began < 2
