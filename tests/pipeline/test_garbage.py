"""A thousand messages that are none, in every queue and among the un-acknowledged: no effect, and no worker ends."""

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.system import System
from tests.unit.tasks.test_wire import message

QUEUES = ("detect", "incidents", "triage", "remediation", "notify")
EACH = 200


@pytest.fixture(scope="module")
def system(start_system: Callable[..., System]) -> System:
    started = start_system(only=QUEUES)
    started.wait_online(*QUEUES)
    return started


def spoilt(chance: random.Random) -> bytes:
    """A message of ours with one place of it turned into something else."""
    good = message(headers__task=chance.choice(["close", "remediate", "notify", "detect", "triage"]), headers__eta=None)
    place: Any = good
    while True:
        key = chance.choice(list(place))
        if not isinstance(place[key], dict) or not place[key] or chance.random() < 0.2:
            break
        place = place[key]
    place[key] = chance.choice([None, 7, -1, "", "\x00", "x" * 5000, [], [[]], {}, {"__reduce__": 1}, True, 1e308])
    return json.dumps(good).encode()


def garbage(seed: int) -> Iterator[bytes]:
    chance = random.Random(seed)  # noqa: S311 - the same garbage at every run
    for number in range(EACH):
        kind = number % 4
        if kind == 0:
            yield chance.randbytes(chance.randrange(300))
        elif kind == 1:
            yield json.dumps(chance.choice([None, 1, "a", [], {}, [[]] * 9, {"properties": {}}])).encode()
        elif kind == 2:
            yield spoilt(chance)
        else:
            text = bytearray(json.dumps(message()).encode())
            text[chance.randrange(len(text))] = chance.randrange(256)
            yield bytes(text)


@pytest.mark.parametrize("queue", QUEUES)
def test_garbage_ends_no_worker_and_does_nothing(system: System, queue: str) -> None:
    before = {child.name: child.process.pid for child in system.local.children if child.process}
    for number, raw in enumerate(garbage(QUEUES.index(queue))):
        system.client.lpush(queue, raw)
        if number % 10 == 0:
            tag = f"forged-{number}"
            system.client.hset(f"{queue}.unacked", tag, raw)
            system.client.zadd(f"{queue}.unacked_index", {tag: 0})

    system.wait_for(lambda: system.client.llen(queue) == 0, 60, f"{queue} is drained")
    system.wait_for(
        lambda: not any(tag.startswith("forged-") for tag in system.client.hkeys(f"{queue}.unacked")),
        60,
        f"what was forged among the un-acknowledged of {queue} is gone",
    )
    canary = f"canary-of-{queue}"
    system.producer().send_task(canary, queue=queue, routing_key=queue)
    system.wait_for(
        lambda: [event for event in system.events(type="message.refused") if event["context"]["task"] == canary],
        30,
        f"the worker of {queue} still takes messages",
    )
    assert system.local.watch() == []
    assert {child.name: child.process.pid for child in system.local.children if child.process} == before


def test_what_was_no_message_is_kept_for_a_human_and_nothing_was_done(system: System) -> None:
    kept = list((system.settings.state / "quarantine").iterdir())
    assert 0 < len(kept) <= 100 + len(QUEUES)
    assert not system.events(type="remediation.started")
    assert [event for event in system.events(type="message.refused") if "it is no message" in event["symptom"]]
