"""The chain's rules, with providers that are told what to do and a clock that is set."""

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest

from aiops.adapters.llm_prompt import Prompt, prompt_for
from aiops.adapters.memory_provider_state import MemoryProviderState
from aiops.adapters.provider_chain import ANSWER_TOKENS, Limits, Price, ProviderChain, Reply
from aiops.domain.verdict import Budget, Question, Spent, Trouble
from aiops.errors import ProviderError, ThinkerError
from tests.llm.questions import answer, question

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
CHEAP = Price(0.3, 1.2)


class Watch:
    """Seconds that pass only when somebody takes them."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Told:
    """A ``Provider`` that does what it is told: text, a failure, or hanging until its time is up."""

    def __init__(
        self,
        name: str,
        does: str | ProviderError | None,
        watch: Watch,
        *,
        price: Price | None = CHEAP,
        takes: float = 0.1,
    ) -> None:
        self.name, self.model, self.price, self.seconds = name, f"{name}/model", price, 0.0
        self.does, self.watch, self.takes = does, watch, takes
        self.given: list[float] = []

    def ask(self, prompt: Prompt, seconds: float) -> Reply:
        self.given.append(round(seconds, 3))
        if self.does is None:
            self.watch.now += seconds
            raise ProviderError("timeout", "no answer")
        self.watch.now += self.takes
        if isinstance(self.does, ProviderError):
            raise self.does
        return Reply(self.does, 1000, 100)


class Bench:
    """A chain of told providers."""

    def __init__(self, **changes: Any) -> None:
        self.watch = Watch()
        self.state = MemoryProviderState(self.watch)
        self.limits = Limits(**changes)
        self.asked: Question = question()
        self.good = answer(self.asked)
        self.numbers = count()

    def another(self) -> Question:
        """The same question about another incident: nothing of it is remembered."""
        incident = self.asked.incident.model_copy(update={"id": f"inc-{next(self.numbers)}"})
        return self.asked.model_copy(update={"incident": incident})

    def provider(self, name: str, does: str | ProviderError | None, **more: Any) -> Told:
        return Told(name, does, self.watch, **more)

    def chain(self, *providers: Told) -> ProviderChain:
        return ProviderChain(providers, self.state, self.limits, clock=lambda: NOON, stopwatch=self.watch)


def failing(trouble: Trouble, rest: float | None = None) -> ProviderError:
    return ProviderError(trouble, f"it is {trouble}", rest)


def test_the_first_usable_answer_is_the_verdict_and_every_turn_travels_with_it() -> None:
    bench = Bench()
    verdict = bench.chain(
        bench.provider("minimax", failing("unavailable")),
        bench.provider("gemini", "I would reinstall it."),
        bench.provider("groq", bench.good),
        bench.provider("openrouter", bench.good),
    ).judge(bench.asked)
    assert (verdict.action, verdict.source) == ("remediate", "llm:groq/model")
    assert [(one.provider, one.outcome) for one in verdict.attempts] == [
        ("minimax", "unavailable"),
        ("gemini", "invalid"),
        ("groq", "answered"),
    ]
    refused, prose, good = verdict.attempts
    assert (refused.tokens_in, refused.tokens_out, refused.cost) == (0, 0, 0.0)
    assert prose.cost == good.cost == pytest.approx((1000 * 0.3 + 100 * 1.2) / 1e6)
    assert "has not the asked form" in prose.detail
    assert len({one.id for one in verdict.attempts}) == 3


def test_three_that_hang_leave_the_fourth_its_share_of_twenty_seconds() -> None:
    bench = Bench()
    told = [bench.provider(name, None) for name in ("minimax", "gemini", "groq")]
    last = bench.provider("openrouter", bench.good)
    began = bench.watch.now
    assert bench.chain(*told, last).judge(bench.asked).source == "llm:openrouter/model"
    assert [one.given for one in told] == [[8.0], [4.0], [4.0]]
    assert last.given == [4.0]
    assert bench.watch.now - began < 20


def test_four_that_hang_cost_the_deadline_and_the_error_says_who_failed_how() -> None:
    bench = Bench()
    began = bench.watch.now
    with pytest.raises(ThinkerError) as raised:
        bench.chain(*(bench.provider(name, None) for name in "abcd")).judge(bench.asked)
    assert bench.watch.now - began == pytest.approx(20)
    assert [one.outcome for one in raised.value.attempts] == ["timeout"] * 4
    assert "a: no answer; b: no answer" in str(raised.value)


def test_a_provider_may_have_a_limit_of_its_own() -> None:
    bench = Bench()
    slow = bench.provider("ollama", bench.good)
    slow.seconds = 15.0
    bench.chain(slow).judge(bench.asked)
    assert slow.given == [15.0]


@pytest.mark.parametrize(
    ("trouble", "rest", "seconds"),
    [
        ("rate_limit", None, 30),
        ("rate_limit", 20.0, 20),
        ("rate_limit", 1e9, 3600),
        ("account", None, 600),
        ("unavailable", None, 5),
        ("timeout", None, 30),
    ],
)
def test_a_failure_rests_its_provider_as_long_as_its_class_says(
    trouble: Trouble, rest: float | None, seconds: float
) -> None:
    bench = Bench()
    bad, good = bench.provider("minimax", failing(trouble, rest)), bench.provider("gemini", bench.good)
    chain = bench.chain(bad, good)
    chain.judge(bench.another())
    bench.watch.now += seconds - 1
    resting = chain.judge(bench.another()).attempts[0]
    assert (resting.outcome, resting.asked, resting.cost) == ("resting", False, 0.0)
    assert trouble in resting.detail
    assert len(bad.given) == 1
    bench.watch.now += 2
    bad.does = bench.good
    assert chain.judge(bench.another()).source == "llm:minimax/model"


def test_nonsense_rests_a_provider_only_when_it_goes_on() -> None:
    bench = Bench()
    bad = bench.provider("minimax", "prose")
    chain = bench.chain(bad, bench.provider("gemini", bench.good))
    for _ in range(4):
        chain.judge(bench.another())
    assert len(bad.given) == 3


@pytest.mark.parametrize(
    "spend", [Spent(eur=0.999), Spent(eur=1.5)], ids=["the dearest answer would not fit", "more than all of it"]
)
def test_what_does_not_fit_into_the_budget_is_not_asked_and_what_is_free_still_is(spend: Spent) -> None:
    bench = Bench()
    bench.state.spend(spend, NOON)
    paid = bench.provider("minimax", bench.good)
    free = bench.provider("ollama", bench.good, price=Price(0, 0))
    verdict = bench.chain(paid, free).judge(bench.asked)
    assert verdict.source == "llm:ollama/model"
    assert verdict.attempts[0].outcome == "budget"
    assert "the day's budget" in verdict.attempts[0].detail
    assert paid.given == []


def test_the_month_ends_what_the_day_would_allow() -> None:
    bench = Bench(budget=Budget(day=100, month=11))
    bench.state.spend(Spent(eur=11), NOON.replace(day=2))
    with pytest.raises(ThinkerError, match="month's budget"):
        bench.chain(bench.provider("minimax", bench.good)).judge(bench.asked)


def test_the_budget_that_came_with_the_question_counts_as_well() -> None:
    bench = Bench()
    asked = bench.asked.model_copy(update={"budget": Budget(day=0.0001)})
    with pytest.raises(ThinkerError, match="day's budget"):
        bench.chain(bench.provider("minimax", bench.good)).judge(asked)


def test_a_day_never_costs_more_than_its_budget_however_often_it_asks() -> None:
    bench = Bench(budget=Budget(day=0.02))
    dear = bench.provider("minimax", bench.good)
    chain = bench.chain(dear)
    booked = 0.0
    for _ in range(200):
        try:
            booked += sum(one.cost or 0 for one in chain.judge(bench.another()).attempts)
        except ThinkerError:
            break
    assert 0.015 < booked <= 0.02
    assert len(dear.given) < 200


def test_a_request_that_was_cut_off_counts_as_the_dearest() -> None:
    bench = Bench()
    with pytest.raises(ThinkerError) as raised:
        bench.chain(bench.provider("minimax", None)).judge(bench.asked)
    (attempt,) = raised.value.attempts
    assert attempt.tokens_out == ANSWER_TOKENS
    assert attempt.cost is not None
    assert attempt.cost > ANSWER_TOKENS * 1.2 / 1e6
    assert bench.state.spent(NOON)[0].eur == pytest.approx(attempt.cost)


def test_an_unknown_price_is_unknown_and_never_nothing_and_bounded_by_count() -> None:
    bench = Bench(budget=Budget(unpriced=2))
    chain = bench.chain(bench.provider("openrouter", bench.good, price=None))
    assert [chain.judge(bench.another()).attempts[0].cost for _ in range(2)] == [None, None]
    with pytest.raises(ThinkerError, match="nobody knows its price"):
        chain.judge(bench.another())


def test_the_same_question_a_moment_later_is_not_paid_twice_and_its_answer_is_checked_again() -> None:
    bench = Bench()
    paid = bench.provider("minimax", bench.good)
    chain = bench.chain(paid)
    first = chain.judge(bench.asked)
    moved_on = bench.asked.model_copy(update={"history": ("something else",), "budget": Budget(day=0)})
    again = chain.judge(moved_on)
    assert (again.action, again.playbook, again.source) == (first.action, first.playbook, first.source)
    assert (again.attempts, len(paid.given)) == ((), 1)
    bench.watch.now += 601
    assert chain.judge(bench.asked).attempts != ()
    bench.state.remember(prompt_for(bench.asked).key, "llm:forged\nreboot everything", 60)
    assert chain.judge(bench.asked).source == "llm:minimax/model"


def test_what_is_free_is_asked_again_each_time() -> None:
    bench = Bench()
    free = bench.provider("ollama", bench.good, price=Price(0, 0))
    chain = bench.chain(free)
    assert [len(chain.judge(bench.asked).attempts) for _ in range(2)] == [1, 1]


def test_no_provider_at_all_is_said() -> None:
    with pytest.raises(ThinkerError, match="no provider is configured"):
        Bench().chain().judge(question())


@pytest.mark.parametrize("build", [lambda: ThinkerError("x"), lambda: failing("timeout", 3.0)])
def test_errors_survive_being_rebuilt_from_their_arguments(build: Callable[[], ThinkerError]) -> None:
    made = build()
    again = type(made)(*made.args)
    assert vars(again) == vars(made)
