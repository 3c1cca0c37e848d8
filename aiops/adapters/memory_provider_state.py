"""What is known about the LLM providers, in this process alone."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from threading import Lock

from aiops.domain.verdict import Spent


class MemoryProviderState:
    """Port ``ProviderState``. ``stopwatch`` gives seconds that only grow."""

    def __init__(self, stopwatch: Callable[[], float] = time.monotonic) -> None:
        self._now = stopwatch
        self._lock = Lock()
        self._rests: dict[str, tuple[float, str]] = {}
        self._failures: dict[str, int] = {}
        self._trials: dict[str, float] = {}
        self._spent: dict[str, Spent] = {}
        self._answers: dict[str, tuple[float, str]] = {}

    def obstacle(self, provider: str, trial_seconds: float) -> str:
        with self._lock:
            if provider not in self._rests:
                return ""
            until, why = self._rests[provider]
            if self._now() < until:
                return resting(why, until - self._now())
            if self._now() < self._trials.get(provider, 0.0):
                return BEING_TRIED
            self._trials[provider] = self._now() + trial_seconds
            return ""

    def failed(self, provider: str, why: str, rests: Sequence[float]) -> float:
        with self._lock:
            count = self._failures[provider] = self._failures.get(provider, 0) + 1
            seconds = rests[min(count, len(rests)) - 1]
            self._trials.pop(provider, None)
            if seconds > 0:
                self._rests[provider] = (self._now() + seconds, why)
            return seconds

    def worked(self, provider: str) -> None:
        with self._lock:
            for known in (self._failures, self._rests, self._trials):
                known.pop(provider, None)

    def remember(self, question: str, answer: str, seconds: float) -> None:
        with self._lock:
            now = self._now()
            self._answers = {key: kept for key, kept in self._answers.items() if now < kept[0]}
            self._answers[question] = (now + seconds, answer)

    def recall(self, question: str) -> str:
        with self._lock:
            until, answer = self._answers.get(question, (0.0, ""))
            return answer if self._now() < until else ""

    def spend(self, spent: Spent, at: datetime) -> None:
        with self._lock:
            for span in spans(at):
                before = self._spent.get(span, Spent())
                self._spent[span] = Spent(eur=before.eur + spent.eur, unpriced=before.unpriced + spent.unpriced)

    def spent(self, at: datetime) -> tuple[Spent, Spent]:
        day, month = spans(at)
        with self._lock:
            return self._spent.get(day, Spent()), self._spent.get(month, Spent())


BEING_TRIED = "it rested, and another question is trying it now"


def resting(why: str, seconds: float) -> str:
    """The sentence for a provider that rests."""
    return f"it rests for another {seconds:.0f} s after {why}"


def spans(at: datetime) -> tuple[str, str]:
    """The names of a moment's day and month in UTC."""
    return f"{at:%Y-%m-%d}", f"{at:%Y-%m}"
