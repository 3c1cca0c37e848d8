"""The length of Celery's queues: each is a list in Redis that has the queue's name."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiops.adapters.redis_client import FAILURES, connect, where
from aiops.errors import BusError

_SECONDS: Final = 3.0


class RedisQueues:
    """Port ``Queues``. What a worker has taken and not acknowledged is not counted."""

    def __init__(self, url: str) -> None:
        self._redis = connect(url, seconds=_SECONDS)

    def lengths(self, names: Sequence[str]) -> Mapping[str, int]:
        try:
            with self._redis.pipeline(transaction=False) as asked:
                for name in names:
                    asked.llen(name)
                lengths: list[Any] = asked.execute()
        except FAILURES as error:
            raise BusError(where(self._redis), str(error)) from error
        return {name: int(length) for name, length in zip(names, lengths, strict=True)}
