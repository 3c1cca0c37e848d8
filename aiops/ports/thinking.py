"""The LLM, and what all who ask it share."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from aiops.domain.night import FeedBatch, Reading
from aiops.domain.verdict import Question, Spent, Verdict


class Thinker(Protocol):
    """A model that judges. It never writes a command: it picks from the question's choices."""

    def judge(self, question: Question) -> Verdict:
        """The verdict, with every provider's turn on the way to it.

        :raises ThinkerError: no usable answer; the turns are in the error
        """

    def weigh(self, batch: FeedBatch) -> Reading:
        """What is worth reading of a batch of news, in one call. It can order a list, and nothing else.

        :raises ThinkerError: no usable answer; the turns are in the error
        """


class ProviderState(Protocol):
    """What all triage processes share about the LLM providers: who rests, and what was spent. Lost, it is only rebuilt.

    Never raises: a store that does not answer must not keep a question from being asked.
    """

    def obstacle(self, provider: str, trial_seconds: float) -> str:
        """Why the provider must not be asked now; empty when it may.

        After a rest one caller alone is let through, for at most ``trial_seconds``, until it has said how it went.
        """

    def failed(self, provider: str, why: str, rests: Sequence[float]) -> float:
        """Count one more failure in a row; returns the seconds of rest that follow from it, 0 for none.

        The n-th failure in a row gives ``rests[n - 1]`` seconds, every further one the last of them.
        """

    def worked(self, provider: str) -> None:
        """It answered: no failures in a row, no rest."""

    def remember(self, question: str, answer: str, seconds: float) -> None:
        """Keep the answer to a question that cost something for so long: a doorbell that rings twice is not paid twice."""

    def recall(self, question: str) -> str:
        """The answer that is kept; empty when there is none. Anybody may have put it there: it is checked like a new one."""

    def spend(self, spent: Spent, at: datetime) -> None:
        """Add to what that day and month have cost."""

    def spent(self, at: datetime) -> tuple[Spent, Spent]:
        """What that day and that month (UTC) have cost so far."""
