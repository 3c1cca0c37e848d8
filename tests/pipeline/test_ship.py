"""The bridge as a process, on real Redis and MQTT, with a log store that keeps to Loki's protocol beside it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from aiops.domain.shipped import nanoseconds
from tests.bridge.loki_server import LokiServer
from tests.pipeline.test_command import aiops
from tests.system import System

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def store() -> Iterator[LokiServer]:
    with LokiServer(lambda: nanoseconds(datetime.now(UTC))) as made:
        yield made


@pytest.fixture(scope="module")
def system(start_system: Any, store: LokiServer, tmp_path_factory: pytest.TempPathFactory) -> System:
    folder: Path = tmp_path_factory.mktemp("shipped")
    extra = f'\n[ship]\nurl = "{store.url}"\nlogs = "{folder}/system/log"\n'
    started: System = start_system(folder / "system", only=("detect", "incidents", "bridge"), extra=extra)
    started.wait_online("detect", "incidents")
    return started


def lines(store: LokiServer, **wanted: str) -> list[dict[str, Any]]:
    found = list(store.lines)
    return [json.loads(text) for labels, _, text in found if wanted.items() <= labels.items()]


def test_events_and_task_logs_arrive_also_those_of_an_outage(system: System, store: LokiServer) -> None:
    assert store.wait(lambda: bool(lines(store, event="worker.online")), 60)
    store.down = True
    system.producer().send_task("patrol", args=("disk",))
    system.wait_for(lambda: system.events(type="sweep.finished"), 60, "a sweep while the store is down")
    assert not lines(store, event="sweep.finished")
    store.down = False
    assert store.wait(lambda: bool(lines(store, event="sweep.finished")), 120)
    assert lines(store, event="sweep.finished")[0]["sweep"] == system.events(type="sweep.finished")[0]["sweep"]
    assert store.wait(lambda: bool(lines(store, event="log", container="detect")), 60)
    assert store.refused == []


def test_doctor_says_what_waits(system: System, store: LokiServer) -> None:
    checks = json.loads(aiops("doctor", "--json", code=1).stdout)
    (said,) = [one["says"] for one in checks if one["check"] == "ship"]
    assert said.startswith(f"{store.url}; ")
    assert "lines wait" in said
