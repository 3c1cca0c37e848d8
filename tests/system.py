"""The whole system as real processes: Redis, MQTT broker, workers. Tests speak to it from outside, as a client would."""

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery

from aiops.settings import Settings, load_settings
from tasks.config import configuration
from tasks.local import Local


@dataclass
class System:
    """A running system and what a client of its Redis can see and do."""

    local: Local
    settings: Settings
    client: redis.Redis = field(init=False)

    def __post_init__(self) -> None:
        self.client = redis.Redis.from_url(self.local.redis_url, decode_responses=True)

    def producer(self) -> "Celery[Any]":
        """A client with our configuration and none of our tasks."""
        app: Celery[Any] = Celery("stranger", set_as_current=False)
        app.conf.update(configuration(self.settings))
        return app

    def events(self, **wanted: str) -> list[dict[str, Any]]:
        """Every event so far whose fields are as wanted."""
        entries = self.client.xrange("aiops:events")
        found = [json.loads(fields["payload"]) for _, fields in entries if fields.get("retain", "0") in ("0", "")]
        return [event for event in found if all(event.get(key) == value for key, value in wanted.items())]

    def wait_for(self, look: Callable[[], Any], seconds: float = 20, what: str = "") -> Any:
        """What ``look`` returns as soon as it is true."""
        deadline = time.monotonic() + seconds
        while True:
            seen = look()
            if seen:
                return seen
            assert time.monotonic() < deadline, (
                f"not within {seconds} s: {what}; the logs are in {self.local.folder}/log"
            )
            time.sleep(0.05)

    def wait_online(self, *queues: str) -> None:
        """Until these workers have said that they are up."""
        self.wait_for(
            lambda: set(queues) <= {event["context"]["queue"] for event in self.events(type="worker.online")},
            120,  # on a machine that is busy otherwise: at a load of 47 on two processors 40 were not enough
            f"{queues} are online",
        )


@pytest.fixture(scope="module")
def start_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., System]]:
    started: list[Local] = []
    before = os.environ.get("AIOPS_CONFIG")

    def start(folder: Path | None = None, **options: Any) -> System:
        local = Local(folder or tmp_path_factory.mktemp("system"), **options)
        started.append(local)
        local.start()
        os.environ["AIOPS_CONFIG"] = str(local.config)
        return System(local, load_settings())

    yield start
    for local in started:
        local.stop()
    if before is None:
        os.environ.pop("AIOPS_CONFIG", None)
    else:
        os.environ["AIOPS_CONFIG"] = before
