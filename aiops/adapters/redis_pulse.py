"""Signs of life in Redis: one key per process, which only that process writes. Redis keeps its age, so no clocks need agree."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiops.adapters.redis_client import FAILURES, connect, where
from aiops.errors import BusError

KEY: Final = "aiops.pulse."
KEPT_MS: Final = 24 * 3600 * 1000
_SECONDS: Final = 3.0


class RedisPulse:
    """Port ``Pulse``."""

    def __init__(self, url: str) -> None:
        self._redis = connect(url, seconds=_SECONDS)

    def beat(self, name: str) -> None:
        try:
            self._redis.set(KEY + name, "", px=KEPT_MS)
        except FAILURES as error:
            raise BusError(where(self._redis), str(error)) from error

    def ages(self, names: Sequence[str]) -> Mapping[str, float]:
        try:
            with self._redis.pipeline(transaction=False) as asked:
                for name in names:
                    asked.pttl(KEY + name)
                left: list[Any] = asked.execute()
        except FAILURES as error:
            raise BusError(where(self._redis), str(error)) from error
        return {name: (KEPT_MS - ms) / 1000 for name, ms in zip(names, left, strict=True) if ms >= 0}

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()
