"""A worker that lives and no longer listens: told to the human, and resolved when it listens again."""

from collections.abc import Callable
from socket import gethostname
from typing import Any

import pytest

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


def test_a_worker_that_stops_to_listen_is_told_though_it_gives_its_sign_of_life(system: System) -> None:
    control = system.producer().control
    only = [f"detect@{gethostname()}"]
    (answer,) = control.cancel_consumer("detect", reply=True, timeout=20, destination=only)
    assert "ok" in next(iter(answer.values()))
    system.wait_for(lambda: events(system, "worker.deaf"), WITHIN, "the deaf worker is told")
    assert system.client.pttl("aiops.pulse.detect") > 24 * 3600 * 1000 - DEAF * 1000
    assert events(system, "worker.offline") == []
    control.add_consumer("detect", reply=True, timeout=20, destination=only)

    def gone() -> bool:
        return any("detect worker lives" in event["symptom"] for event in system.events(type="incident.resolved"))

    system.wait_for(gone, WITHIN, "it listens again")
