"""A session as a real process behind real walls, with a scripted model: what it can do, what it cannot, and that it ends."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from aiops.adapters.process_tree import marks
from aiops.adapters.session_runner import SessionRunner
from aiops.adapters.session_walls import walls
from aiops.domain.session import SessionBudget, SessionEnd
from tests.sessions.ends import nothing_left
from tests.sessions.grants import CATALOGUE, FINDING, SECRET, grant
from tests.sessions.model import Model, call, calls, says, scripted

KEY = "sk-this-is-the-key-of-the-model"
PLAN = {
    "playbook": "restart_service",
    "host": "ct201",
    "params": {"unit": "a.service"},
    "reason": "it hangs, restart it",
}
MEND = call(
    "propose_plan",
    playbook="restart_service",
    host="ct201",
    params={"unit": "php8.2-fpm.service"},
    reason="the upstream was upgraded and is gone; a restart brings it back",
)


@pytest.fixture
def model() -> Iterator[Model]:
    with scripted() as running:
        yield running


class Bench:
    """One runner with one model."""

    def __init__(self, folder: Path, model: Model) -> None:
        self.folder, self.model = folder, model
        self.runner = SessionRunner(
            folder / "sessions", partial(walls, "aiops-session"), base=model.base, model="scripted", key=lambda: KEY
        )

    def run(self, beat: Callable[[], bool] = lambda: True, **budget: int) -> SessionEnd:
        limits = {"seconds": 30, "calls": 20, "tokens": 60_000} | budget
        end = self.runner.run(grant(budget=SessionBudget(**limits)), CATALOGUE, beat)
        assert nothing_left(self.runner)
        assert not list((self.folder / "sessions").iterdir())
        return end


@pytest.fixture
def bench(tmp_path: Path, model: Model) -> Bench:
    return Bench(tmp_path, model)


def told(end: SessionEnd, what: str) -> list[str]:
    return [line.text for line in end.lines if line.what == what]


def test_a_model_that_reads_and_proposes_ends_with_a_typed_plan_and_a_whole_transcript(bench: Bench) -> None:
    bench.model.turns(
        call("incident"),
        calls(("evidence", json.dumps({"fingerprint": FINDING.fingerprint})), ("changes", "{}")),
        call("playbook", id="restart_service"),
        MEND,
    )

    end = bench.run()

    assert (end.ending, end.calls) == ("proposed", 4)
    assert end.plan
    assert (end.plan.playbook, end.plan.host, end.plan.params) == (
        "restart_service",
        "ct201",
        {"unit": "php8.2-fpm.service"},
    )
    assert end.tokens_in >= 400
    assert [line.split()[0] for line in told(end, "called")] == [
        "incident",
        "evidence",
        "changes",
        "playbook",
        "propose_plan",
    ]
    assert any("apt upgraded php8.2-fpm" in text for text in told(end, "result"))
    assert bench.model.keys[0] == f"Bearer {KEY}"
    assert "runs as" in end.confinement


def test_evidence_reaches_the_model_as_quoted_data_without_secrets(bench: Bench) -> None:
    bench.model.turns(call("evidence", fingerprint=FINDING.fingerprint), call("give_up", reason="nothing to be done"))

    end = bench.run()

    shown = bench.model.results()
    assert "upstream is gone" in shown
    assert SECRET not in shown
    first, last = shown.splitlines()[0], shown.splitlines()[-1]
    assert first == last
    assert first.startswith("=== data ")
    assert (end.ending, end.reason) == ("nothing", "nothing to be done")


@pytest.mark.parametrize(
    ("turn", "why"),
    [
        (call("shell", command="systemctl restart nginx"), "there is no tool 'shell'"),
        (call("ansible_playbook", playbook="restart_service"), "there is no tool 'ansible_playbook'"),
        (call("propose_plan", playbook="restart_service", host="ct202", params={"unit": "a.service"}, reason="x" * 20), "ct202"),
        (call("propose_plan", playbook="wipe", host="ct201", reason="x" * 20), "the catalogue has no 'wipe'"),
        (
            call("propose_plan", playbook="restart_service", host="ct201", params={"unit": "x; reboot"}, reason="x" * 20),
            "must match",
        ),
        (call("propose_plan", **PLAN | {"params": {"unit": "a.service", "become": 1}}), "no parameter 'become'"),
        (call("evidence", fingerprint="/etc/shadow"), "no finding of this incident"),
        (call("host", name="../../etc/aiops/repair_key"), "no host of this incident"),
        (call("evidence", fingerprint="$ANTHROPIC_API_KEY"), "no finding of this incident"),
        (call("playbook", id="../../../etc/passwd"), "the catalogue has no"),
        (call("incident", path="/proc/self/environ"), "Extra inputs are not permitted"),
        (calls(("incident", "rm -rf /")), "no JSON object"),
        (calls(("incident", "[" * 5000)), "no JSON object"),
    ],
)  # fmt: skip
def test_a_model_that_acts_or_reads_what_is_not_its_own_is_refused_and_after_three_times_ended(
    bench: Bench, turn: dict[str, Any], why: str
) -> None:
    bench.model.turns(turn)

    end = bench.run()

    assert (end.ending, end.plan) == ("stopped", None)
    assert end.reason == "it asked 3 times for what it may not do"
    refused = told(end, "refused")
    assert len(refused) == 3
    assert why in refused[0]
    assert told(end, "stopped") == [end.reason]


def test_a_model_that_talks_for_ever_is_ended_by_its_turns(bench: Bench) -> None:
    bench.model.turns(says("let me think"))

    end = bench.run(calls=5)

    assert (end.ending, end.reason, end.calls) == ("stopped", "its turns are spent: 5", 5)
    assert len(bench.model.requests) == 5


def test_a_model_that_eats_tokens_is_ended_before_they_are_overspent(bench: Bench) -> None:
    bench.model.script = lambda _: call("incident") | {"usage": {"prompt_tokens": 4000, "completion_tokens": 100}}

    end = bench.run(tokens=10_000)

    assert end.ending == "stopped"
    assert "its tokens are spent" in end.reason
    assert len(bench.model.requests) <= 3


def test_a_server_that_counts_no_tokens_does_not_stretch_the_budget(bench: Bench) -> None:
    bench.model.script = lambda _: says("x" * 30_000) | {"usage": {"prompt_tokens": 0, "completion_tokens": 0}}

    end = bench.run(tokens=10_000)

    assert end.ending == "stopped"
    assert "its tokens are spent" in end.reason
    assert len(bench.model.requests) <= 3


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["hang", "drip"])
def test_an_endpoint_that_never_ends_is_ended_by_the_clock(bench: Bench, mode: str) -> None:
    bench.model.mode = mode
    began = time.monotonic()

    end = bench.run(seconds=5)

    assert end.ending == "stopped"
    assert "no whole answer within" in end.reason
    assert time.monotonic() - began < 30


def test_an_endpoint_that_floods_is_cut_off(bench: Bench) -> None:
    bench.model.mode = "flood"

    end = bench.run()

    assert end.ending == "stopped"
    assert "more than 1048576 bytes" in end.reason


def test_an_endpoint_that_is_not_there_is_said(tmp_path: Path) -> None:
    runner = SessionRunner(
        tmp_path / "sessions", partial(walls, "aiops-session"), base="http://127.0.0.1:9/v1", model="scripted"
    )
    end = runner.run(grant(), CATALOGUE, lambda: True)
    assert end.ending == "stopped"
    assert "the model: " in end.reason


def test_a_session_that_is_killed_is_lost_says_what_it_did_and_leaves_nothing(bench: Bench) -> None:
    turns = iter([call("incident")])

    def script(_: dict[str, Any]) -> dict[str, Any]:
        try:
            return next(turns)
        except StopIteration:
            bench.model.ended.wait(30)
            return says("too late")

    bench.model.script = script

    def kill() -> None:
        deadline = time.monotonic() + 30
        while len(bench.model.requests) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and b"AIOPS_SESSION=" in _environ(entry) and b"session_process" in _argv(entry):
                os.kill(int(entry.name), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    end = bench.run()
    killer.join()

    assert end.ending == "lost"
    assert told(end, "called") == ["incident {}"]
    assert "lost" in end.lines[-1].text


def test_a_session_whose_claim_is_lost_is_killed(bench: Bench) -> None:
    bench.model.mode = "hang"

    end = bench.run(beat=lambda: False)

    assert end.ending == "lost"
    assert "its claim was lost" in end.reason


def test_nothing_of_the_key_stands_in_what_others_can_see_or_in_the_transcript(bench: Bench) -> None:
    seen: list[bytes] = []

    def look(_: dict[str, Any]) -> dict[str, Any]:
        ours = [entry for entry in Path("/proc").iterdir() if b"AIOPS_SESSION=" in _environ(entry)]
        seen.extend(_environ(entry) + _argv(entry) for entry in ours)
        return call("give_up", reason=f"the key is {KEY}, is it not")

    bench.model.script = look
    end = bench.run()

    assert seen
    assert not [text for text in seen if KEY.encode() in text]
    assert KEY not in end.model_dump_json()


def _environ(entry: Path) -> bytes:
    try:
        return (entry / "environ").read_bytes()
    except OSError:
        return b""


def _argv(entry: Path) -> bytes:
    try:
        return (entry / "cmdline").read_bytes()
    except OSError:
        return b""


def test_marks_of_sessions_are_found_by_name() -> None:
    assert marks("AIOPS_NOBODY_HAS_THIS") == frozenset()
