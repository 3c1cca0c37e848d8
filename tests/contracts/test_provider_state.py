"""What every store of the LLM providers' state promises, in memory and on a real Redis."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from aiops.adapters.memory_provider_state import MemoryProviderState
from aiops.adapters.redis_provider_state import RedisProviderState
from aiops.domain.verdict import Spent
from aiops.ports import ProviderState
from tests.redis_process import RedisServer, redis_server

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
Make = Callable[[], ProviderState]
_prefixes = count()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture(params=["memory", "redis"])
def make(request: Any, server: RedisServer) -> Iterator[Make]:
    """Makes the view of one more triage process; those in memory are one process."""
    with ExitStack() as stack:
        if request.param == "memory":
            only = MemoryProviderState()
            yield lambda: only
            return
        prefix = f"test{next(_prefixes)}"

        def made() -> ProviderState:
            state = RedisProviderState(server.url, prefix=prefix)
            stack.callback(state.close)
            return state

        yield made


def test_a_provider_nobody_knows_may_be_asked(make: Make) -> None:
    assert make().obstacle("groq", 5) == ""


def test_a_failure_gives_a_rest_that_every_process_keeps_and_that_says_why(make: Make) -> None:
    one, other = make(), make()
    assert one.failed("groq", "rate_limit: slow down", (30, 60)) == 30
    for state in (one, other):
        assert "rate_limit: slow down" in state.obstacle("groq", 5)
        assert "30 s" in state.obstacle("groq", 5) or "29 s" in state.obstacle("groq", 5)
    assert other.obstacle("gemini", 5) == ""


def test_rests_grow_with_the_failures_in_a_row_and_the_last_one_stays(make: Make) -> None:
    one, other = make(), make()
    assert [state.failed("groq", "x", (1, 2, 4)) for state in (one, other, one, other)] == [1, 2, 4, 4]
    one.worked("groq")
    assert other.failed("groq", "x", (1, 2, 4)) == 1


def test_an_answer_ends_the_rest_at_once(make: Make) -> None:
    one, other = make(), make()
    one.failed("groq", "x", (30,))
    other.worked("groq")
    assert one.obstacle("groq", 5) == ""


def test_failures_without_a_rest_do_not_keep_others_away(make: Make) -> None:
    one, other = make(), make()
    assert one.failed("groq", "invalid", (0, 60)) == 0
    assert [state.obstacle("groq", 5) for state in (one, other, one)] == ["", "", ""]


def test_after_a_rest_one_caller_alone_tries_until_it_says_how_it_went(make: Make) -> None:
    states = [make() for _ in range(5)]
    states[0].failed("groq", "x", (0.05,))
    _over(states[0])
    let_through: list[str] = []
    threads = [
        threading.Thread(target=lambda state=state: let_through.append(state.obstacle("groq", 5))) for state in states
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(obstacle == "" for obstacle in let_through) <= 1
    assert "another question is trying it" in states[1].obstacle("groq", 5)
    states[0].worked("groq")
    assert states[1].obstacle("groq", 5) == ""


def test_a_trial_that_never_reports_does_not_keep_the_provider_away_for_ever(make: Make) -> None:
    state = make()
    state.failed("groq", "x", (0.05,))
    time.sleep(0.1)
    assert state.obstacle("groq", 0.1) == ""
    assert state.obstacle("groq", 0.1) != ""
    time.sleep(0.15)
    assert state.obstacle("groq", 0.1) == ""


def test_a_trial_that_fails_is_followed_by_a_longer_rest(make: Make) -> None:
    state = make()
    state.failed("groq", "x", (0.05, 30))
    time.sleep(0.1)
    assert state.obstacle("groq", 5) == ""
    assert state.failed("groq", "x", (0.05, 30)) == 30
    assert "rests" in state.obstacle("groq", 5)


def test_what_was_spent_is_counted_by_utc_day_and_month_over_all_processes(make: Make) -> None:
    one, other = make(), make()
    one.spend(Spent(eur=0.25, unpriced=0), NOON)
    other.spend(Spent(eur=0.5, unpriced=1), NOON)
    one.spend(Spent(eur=1.0), NOON - timedelta(days=1))
    day, month = other.spent(NOON)
    assert (day.eur, day.unpriced) == (0.75, 1)
    assert (month.eur, month.unpriced) == (1.75, 1)
    assert one.spent(NOON + timedelta(days=1)) == (Spent(), Spent())


def test_an_answer_is_kept_for_its_time_and_for_every_process(make: Make) -> None:
    one, other = make(), make()
    assert one.recall("inc-1") == ""
    one.remember("inc-1", "llm:x\n{é}", 0.2)
    assert other.recall("inc-1") == "llm:x\n{é}"
    assert other.recall("inc-2") == ""
    time.sleep(0.3)
    assert other.recall("inc-1") == ""


def test_without_redis_a_process_goes_by_what_it_saw_and_waits_only_once(tmp_path: Path) -> None:
    with redis_server(tmp_path) as server:
        state = RedisProviderState(server.url)
        state.failed("groq", "rate_limit", (30,))
        state.spend(Spent(eur=0.5), NOON)
        state.remember("inc-1", "answer", 30)
    began = time.monotonic()
    for _ in range(50):
        assert "rate_limit" in state.obstacle("groq", 5)
        assert state.obstacle("gemini", 5) == ""
        assert state.spent(NOON)[0].eur == 0.5
    assert state.recall("inc-1") == "answer"
    state.failed("gemini", "timeout", (30,))
    assert "timeout" in state.obstacle("gemini", 5)
    assert time.monotonic() - began < 2
    state.close()


def _over(state: ProviderState) -> None:
    """Wait for the end of the rest without taking the trial: the longest rest these tests use is 50 ms."""
    time.sleep(0.1)
