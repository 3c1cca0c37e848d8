"""A worker that lives and no longer listens: told to the human, and resolved when it listens again."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
import redis

from aiops.domain.watch import WORKERS, canary
from tests.system import System

pytestmark = pytest.mark.slow

DEAF = 20.0
"""Seconds: long enough for a busy machine to take a canary, which comes every second."""
WITHIN = DEAF + 40


@pytest.fixture(scope="module")
def system(start_system: Callable[..., System]) -> System:
    extra = f"[watch]\npulse_seconds = 0.5\nevery_seconds = 0.5\ncanary_seconds = 1\ndeaf_seconds = {DEAF}\n"
    system = start_system(extra=extra, only=WORKERS)
    system.wait_online(*WORKERS)
    return system


def events(system: System, kind: str) -> list[dict[str, Any]]:
    return [event for event in system.events(type=kind) if event["context"].get("subject") == "detect"]


def test_every_worker_answers_its_canary(system: System) -> None:
    keys = [f"aiops.pulse.{canary(worker)}" for worker in WORKERS]
    system.wait_for(lambda: system.client.exists(*keys) == len(keys), 40, "every worker has answered")


class Thief:
    """Somebody else drains the queue, as a worker would that was left behind by a move: ours lives and gets nothing.

    Redis serves whoever has waited longest. Ours asks anew every second; of three that wait for ever one is always before it.
    """

    def __init__(self, system: System, queue: str) -> None:
        self._system, self._keys = system, [queue, "thief.stop"]
        self._threads = [threading.Thread(target=self._take, daemon=True) for _ in range(3)]
        for thread in self._threads:
            thread.start()

    def _take(self) -> None:
        with redis.Redis.from_url(self._system.local.redis_url, decode_responses=True) as client:
            while client.brpop(self._keys)[0] != "thief.stop":
                pass

    def stop(self) -> None:
        self._system.client.lpush("thief.stop", *["now"] * len(self._threads))
        for thread in self._threads:
            thread.join(20)


def test_a_worker_that_gets_nothing_is_told_though_it_gives_its_sign_of_life(system: System) -> None:
    thief = Thief(system, "detect")
    try:
        system.wait_for(lambda: events(system, "worker.deaf"), WITHIN, "the deaf worker is told")
        assert system.client.pttl("aiops.pulse.detect") > 24 * 3600 * 1000 - DEAF * 1000
        assert events(system, "worker.offline") == []
    finally:
        thief.stop()

    def gone() -> bool:
        return any("detect worker lives" in event["symptom"] for event in system.events(type="incident.resolved"))

    system.wait_for(gone, WITHIN, "it listens again")


def test_a_wiped_redis_is_listened_to_again_by_all(system: System) -> None:
    system.client.flushall()
    keys = [f"aiops.pulse.{canary(worker)}" for worker in WORKERS]
    system.wait_for(lambda: system.client.exists(*keys) == len(keys), 60, "every worker has answered again")
