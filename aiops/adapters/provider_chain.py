"""Several LLM providers, one after the other, within one deadline and one budget."""

import logging
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Generic, Protocol, TypeVar

from aiops.adapters.llm_answer import verdict_from
from aiops.adapters.llm_feeds import feeds_prompt, reading_from
from aiops.adapters.llm_prompt import Language, Prompt, prompt_for
from aiops.domain.fact import Fact, utcnow
from aiops.domain.night import FeedBatch, Reading
from aiops.domain.verdict import Attempt, Budget, Question, Spent, Trouble, Verdict
from aiops.errors import ProviderError, ThinkerError
from aiops.ports import Clock, ProviderState

ANSWER_TOKENS: Final = 2_000
"""Room for a reasoning model's thoughts; the answer itself takes a tenth."""
RESTS: Final[dict[Trouble, tuple[float, ...]]] = {
    "rate_limit": (30, 60, 300, 900),
    "account": (600, 3600),
    "unavailable": (5, 15, 60, 300),
    "timeout": (30, 120, 300),
    "invalid": (0, 0, 60, 300),
}
"""Seconds of rest after the n-th failure in a row. A wrong key or an empty account needs a human, so it rests long; a model
that answered nonsense may do better with the next question."""
REMEMBERED: Final = 600.0
"""Seconds: longer than a question waits in the queue while the sweeper rings for it again."""
LONGEST_REST: Final = 3600.0
"""Seconds: what a provider's own Retry-After is believed up to."""

Answer = TypeVar("Answer", bound=Fact)
Read = Callable[[str, str], Answer]
"""From a model's text and its name to what of it may pass; raises ``ProviderError`` when nothing may."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Price:
    """Dollars for a million tokens, as providers publish it."""

    tokens_in: float
    tokens_out: float

    def dollars(self, tokens_in: int, tokens_out: int) -> float:
        """What so many tokens cost."""
        return (tokens_in * self.tokens_in + tokens_out * self.tokens_out) / 1_000_000


@dataclass(frozen=True)
class Reply:
    """What a provider said. ``tokens`` are as it counted them; 0 when it did not say."""

    text: str
    tokens_in: int = 0
    tokens_out: int = 0


class Provider(Protocol):
    """One way to ask one model once."""

    name: str
    model: str
    price: Price | None
    """None when nobody knows it. A free one, on a machine of our own, costs 0 by its settings."""
    seconds: float
    """Its own hard limit; 0 for the chain's."""

    def ask(self, prompt: Prompt, seconds: float) -> Reply:
        """Ask once and wait at most ``seconds`` in all.

        :raises ProviderError: it did not answer; ``trouble`` says why
        """


@dataclass(frozen=True)
class Limits:
    """``deadline`` and ``seconds`` bound a whole judgement and one provider in it; ``budget`` what a day and a month cost.

    ``eur_per_dollar`` turns prices into what is booked.
    """

    deadline: float = 20.0
    seconds: float = 8.0
    budget: Budget = field(default_factory=Budget)
    eur_per_dollar: float = 1.0


class ProviderChain:
    """Port ``Thinker``: the first provider that gives a usable answer judges. Safe to call from many threads.

    Every provider that comes later keeps a share of the time, a fifth of the deadline, so that three that hang still leave
    one for the fourth.
    """

    def __init__(
        self,
        providers: Sequence[Provider],
        state: ProviderState,
        limits: Limits | None = None,
        *,
        language: Language = "en",
        clock: Clock = utcnow,
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        self._providers, self._state, self._limits = providers, state, limits or Limits()
        self._language, self._clock, self._stopwatch = language, clock, stopwatch

    def judge(self, question: Question) -> Verdict:
        """See the port."""
        prompt = prompt_for(question, self._language)
        verdict, attempts = self._ask_all(
            prompt, lambda text, source: verdict_from(text, question, source), question.budget
        )
        return verdict.model_copy(update={"attempts": attempts})

    def weigh(self, batch: FeedBatch) -> Reading:
        """See the port."""
        prompt = feeds_prompt(batch, self._language)
        reading, attempts = self._ask_all(prompt, lambda text, source: reading_from(text, batch, source), None)
        return reading.model_copy(update={"attempts": attempts})

    def _ask_all(self, prompt: Prompt, read: Read[Answer], budget: Budget | None) -> tuple[Answer, tuple[Attempt, ...]]:
        """The first usable answer, and every turn on the way to it."""
        end = self._stopwatch() + self._limits.deadline
        known = self._recalled(prompt, read)
        if known:
            return known, ()
        attempts: list[Attempt] = []
        for place, provider in enumerate(self._providers):
            turn = _Turn(
                provider,
                prompt,
                read,
                budget,
                self._share(provider, end, place),
                self._state,
                self._limits,
                self._stopwatch,
            )
            answer, attempt = turn.take(self._clock())
            attempts.append(attempt)
            if answer:
                return answer, tuple(attempts)
        reasons = "; ".join(f"{attempt.provider}: {attempt.detail}" for attempt in attempts)
        raise ThinkerError(reasons or "no provider is configured", tuple(attempts))

    def _recalled(self, prompt: Prompt, read: Read[Answer]) -> Answer | None:
        """The answer to the same question a moment ago: the sweeper rings again for what waits in the queue."""
        source, _, text = self._state.recall(prompt.key).partition("\n")
        try:
            return read(text, source) if source else None
        except ProviderError:
            return None

    def _share(self, provider: Provider, end: float, place: int) -> float:
        """The provider's seconds: its limit, as far as what comes after it keeps its share."""
        later = len(self._providers) - place - 1
        kept = later * min(self._limits.seconds, self._limits.deadline / 5)
        return min(provider.seconds or self._limits.seconds, end - self._stopwatch() - kept)


@dataclass(frozen=True)
class _Turn(Generic[Answer]):
    """One provider's turn: may it be asked, what did it say, what did it cost."""

    provider: Provider
    prompt: Prompt
    read: Read[Answer]
    budget: Budget | None
    seconds: float
    state: ProviderState
    limits: Limits
    stopwatch: Callable[[], float]

    def take(self, at: datetime) -> tuple[Answer | None, Attempt]:
        """The answer, if it gave a usable one, and what to write into the books."""
        attempt = Attempt(
            id=secrets.token_hex(8),
            at=at,
            provider=self.provider.name,
            model=self.provider.model,
            outcome="answered",
        )
        kept_away = self._kept_away(at)
        if kept_away:
            outcome, detail = kept_away
            return None, attempt.model_copy(update={"outcome": outcome, "detail": detail})
        began = self.stopwatch()
        answer, failure, tokens = self._ask()
        cost = self._euros(*tokens)
        if cost is None or cost > 0:
            self.state.spend(Spent(eur=cost or 0.0, unpriced=int(cost is None)), at)
        booked = attempt.model_copy(
            update={
                "seconds": round(self.stopwatch() - began, 3),
                "tokens_in": tokens[0],
                "tokens_out": tokens[1],
                "cost": cost,
            }
        )
        if failure is None:
            self.state.worked(self.provider.name)
            return answer, booked
        self._give_rest(failure)
        return None, booked.model_copy(update={"outcome": failure.trouble, "detail": failure.reason[:400]})

    def _kept_away(self, at: datetime) -> tuple[str, str] | None:
        """Why it is not asked at all: the outcome and its sentence."""
        if self.seconds <= 0:
            return "timeout", "no time was left for it"
        over = self._over_budget(at)
        if over:
            return "budget", over
        obstacle = self.state.obstacle(self.provider.name, self.seconds + 1)
        return ("resting", obstacle) if obstacle else None

    def _ask(self) -> tuple[Answer | None, ProviderError | None, tuple[int, int]]:
        """The answer or the failure, and the tokens in and out.

        A request that was cut off may be billed all the same: it counts as the most it can have cost.
        """
        tokens = (0, 0)
        try:
            reply = self.provider.ask(self.prompt, self.seconds)
            tokens = (reply.tokens_in or self.prompt.tokens, reply.tokens_out or len(reply.text) // 3 + 1)
            source = f"llm:{self.provider.model}"
            answer = self.read(reply.text, source)
        except ProviderError as failure:
            if failure.trouble == "timeout":
                tokens = (self.prompt.tokens, ANSWER_TOKENS)
            return None, failure, tokens
        if self._euros(*tokens) != 0:
            self.state.remember(self.prompt.key, f"{source}\n{reply.text}", REMEMBERED)
        return answer, None, tokens

    def _give_rest(self, failure: ProviderError) -> None:
        rests = RESTS[failure.trouble] if failure.rest is None else (min(failure.rest, LONGEST_REST),)
        rest = self.state.failed(self.provider.name, f"{failure.trouble}: {failure.reason}"[:200], rests)
        log.warning("%s gave no answer and rests %g s: %s", self.provider.name, rest, failure.reason)

    def _over_budget(self, at: datetime) -> str:
        """Why it may not be asked, so that even the dearest possible answer stays within the budget; empty when it may."""
        left = self.limits.budget.minus(*self.state.spent(at)).narrower(self.budget)
        most = self._euros(self.prompt.tokens, ANSWER_TOKENS)
        if most is None:
            return "" if left.unpriced > 0 else "nobody knows its price, and no more such answers are allowed today"
        for span, euros in (("day", left.day), ("month", left.month)):
            if most > euros:
                return f"the {span}'s budget has {euros:.4f} EUR left, an answer may cost {most:.4f}"
        return ""

    def _euros(self, tokens_in: int, tokens_out: int) -> float | None:
        if tokens_in == tokens_out == 0:
            return 0.0
        price = self.provider.price
        return price.dollars(tokens_in, tokens_out) * self.limits.eur_per_dollar if price else None
