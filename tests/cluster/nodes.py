"""pytest-celery's classes for our own broker and workers: Redis with our accounts, and a worker as it is deployed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from celery import Celery
from pytest_celery import CeleryTestSetup, CeleryWorkerContainer, RedisContainer
from redis import Redis

from aiops.settings import load_settings
from tasks.config import configuration
from tasks.queues import QUEUES


class GuardedRedis(RedisContainer):
    """Redis with an account per process; the tests look at it as ``admin``, who may do everything."""

    folder: Path

    @property
    def port(self) -> int:
        return int(next(iter(self.ports.values()))[0])

    @property
    def url(self) -> str:
        return self.host_url

    @property
    def host_url(self) -> str:
        password = (self.folder / "admin.password").read_text(encoding="utf-8")
        return f"redis://admin:{password}@127.0.0.1:{self.port}/0"

    @property
    def client(self) -> Redis:
        return Redis.from_url(self.host_url, decode_responses=True)


class Drainer(CeleryWorkerContainer):
    """``python -m workers.<queue>``, with the account whose rights it has."""

    queue = ""

    def worker_queue(self) -> str:  # type: ignore[override]
        return self.queue

    def worker_name(self) -> str:  # type: ignore[override]
        return self.queue


class OurSetup(CeleryTestSetup):
    """The client's side has our routes, and no results: the ledger is the record."""

    @classmethod
    def update_app_config(cls, app: "Celery[Any]") -> None:
        ours: Mapping[str, Any] = configuration(load_settings())
        app.conf.update({key: value for key, value in ours.items() if key != "broker_url"})

    @property
    def redis(self) -> Redis:
        return self.broker.container.client

    def left(self, queue: str) -> int:
        """How many messages wait in a queue."""
        assert queue in QUEUES
        return int(self.redis.llen(queue))

    def under_way(self, queue: str) -> int:
        """How many are with a worker and not acknowledged."""
        return int(self.redis.hlen(f"{queue}.unacked"))
