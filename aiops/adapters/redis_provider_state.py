"""What all triage processes know about the LLM providers: Redis keys that end by themselves."""

import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

from aiops.adapters.memory_provider_state import BEING_TRIED, MemoryProviderState, resting, spans
from aiops.adapters.redis_client import FAILURES, connect
from aiops.domain.verdict import Spent

PREFIX: Final = "aiops.llm"
_SECONDS: Final = 0.5
_REMEMBER: Final = 6 * 3600
"""Seconds until failures in a row are forgotten: longer than the longest rest."""
_DAYS: Final = {"day": 2 * 86_400, "month": 40 * 86_400}
_PATIENCE: Final = 30.0
"""Seconds in which a Redis that did not answer is not asked again: each try would cost the judgement half a second."""

Answer = TypeVar("Answer")
log = logging.getLogger(__name__)


class RedisProviderState:
    """Port ``ProviderState``. While Redis does not answer, this process goes by what it has seen itself."""

    def __init__(self, url: str, *, prefix: str = PREFIX) -> None:
        self._redis: Any = connect(url, seconds=_SECONDS)
        self._prefix = prefix
        self._own = MemoryProviderState()
        self._away_until = 0.0

    def obstacle(self, provider: str, trial_seconds: float) -> str:
        def ask() -> str:
            rest = self._key("rest", provider)
            left = self._redis.pttl(rest)
            if left > 0:
                return resting(self._redis.get(rest) or "a failure", left / 1000)
            if not self._redis.exists(self._key("rested", provider)):
                return ""
            won = self._redis.set(self._key("trial", provider), "1", nx=True, px=_milliseconds(trial_seconds))
            return "" if won else BEING_TRIED

        return self._try(ask, lambda: self._own.obstacle(provider, trial_seconds))

    def failed(self, provider: str, why: str, rests: Sequence[float]) -> float:
        own = self._own.failed(provider, why, rests)

        def ask() -> float:
            failures = self._key("failures", provider)
            with self._redis.pipeline() as pipe:
                count = int(pipe.incr(failures).expire(failures, _REMEMBER).execute()[0])
            seconds = rests[min(count, len(rests)) - 1]
            with self._redis.pipeline() as pipe:
                pipe.delete(self._key("trial", provider))
                if seconds > 0:
                    pipe.set(self._key("rest", provider), why, px=_milliseconds(seconds))
                    pipe.set(self._key("rested", provider), "1", ex=_REMEMBER)
                pipe.execute()
            return seconds

        return self._try(ask, lambda: own)

    def worked(self, provider: str) -> None:
        self._own.worked(provider)
        keys = [self._key(what, provider) for what in ("rest", "rested", "failures", "trial")]
        self._try(lambda: self._redis.delete(*keys), lambda: None)

    def remember(self, question: str, answer: str, seconds: float) -> None:
        self._own.remember(question, answer, seconds)
        key = self._key("answer", question)
        self._try(lambda: self._redis.set(key, answer, px=_milliseconds(seconds)), lambda: None)

    def recall(self, question: str) -> str:
        key = self._key("answer", question)
        return self._try(lambda: str(self._redis.get(key) or ""), lambda: self._own.recall(question))

    def spend(self, spent: Spent, at: datetime) -> None:
        self._own.spend(spent, at)

        def ask() -> None:
            with self._redis.pipeline() as pipe:
                for span, seconds in zip(spans(at), _DAYS.values(), strict=True):
                    key = self._key("spent", span)
                    pipe.hincrbyfloat(key, "eur", spent.eur).hincrby(key, "unpriced", spent.unpriced)
                    pipe.expire(key, seconds)
                pipe.execute()

        self._try(ask, lambda: None)

    def spent(self, at: datetime) -> tuple[Spent, Spent]:
        def ask() -> tuple[Spent, Spent]:
            with self._redis.pipeline() as pipe:
                for span in spans(at):
                    pipe.hmget(self._key("spent", span), "eur", "unpriced")
                day, month = pipe.execute()
            return _spent(day), _spent(month)

        return self._try(ask, lambda: self._own.spent(at))

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()

    def _key(self, what: str, name: str) -> str:
        return f"{self._prefix}.{what}.{name}"

    def _try(self, ask: Callable[[], Answer], otherwise: Callable[[], Answer]) -> Answer:
        if time.monotonic() < self._away_until:
            return otherwise()
        try:
            return ask()
        except FAILURES as error:
            log.warning("the providers' state is not shared while redis is away: %s", error)
            self._away_until = time.monotonic() + _PATIENCE
            return otherwise()


def _milliseconds(seconds: float) -> int:
    return max(1, int(seconds * 1000))


def _spent(row: Sequence[str | None]) -> Spent:
    return Spent(eur=float(row[0] or 0), unpriced=int(row[1] or 0))
