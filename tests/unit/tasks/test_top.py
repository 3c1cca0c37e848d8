"""`aiops top` without a terminal: what a key does, what is drawn, and that nothing of a host's text is obeyed."""

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from aiops import steps
from aiops.domain.incident import State
from tasks.cli.top import press
from tasks.cli.top_screen import View, plain, screen
from tests.incident_world import World

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def one(number: int, **more: Any) -> dict[str, Any]:
    return {
        "incident": f"inc-{number}",
        "title": f"trouble {number}",
        "severity": "critical",
        "playbook": "restart_service",
        "hosts": [f"ct{number}"],
        "params": {},
        "risk": "low",
        "digest": f"{number:064d}",
        "expires_at": "2026-11-23T13:00:00.000Z",
        "typed": False,
        **more,
    }


def now(*waiting: dict[str, Any], **more: Any) -> dict[str, Any]:
    guardian = {
        "what": "health",
        "set_up": True,
        "last": NOON,
        "next": NOON,
        "findings": 1,
        "blind": {},
        "late": [],
        "hosts": 3,
        "asleep": [],
    }
    return {
        "at": "2026-11-23T12:00:00.000Z",
        "frozen": "",
        "shadow": "off",
        "storm": None,
        "waiting": list(waiting),
        "incidents": [
            {**row, "state": "awaiting_approval", "seconds": 90, "acked": "", "opened_at": ""} for row in waiting
        ],
        "guardians": [guardian],
        "workers": [{"name": "detect", "age": 2.0, "canary": None, "alive": True}],
        "blind": "",
        **more,
    }


def drawn(shown: dict[str, Any], view: View, width: int = 80, height: int = 24) -> str:
    console = Console(file=io.StringIO(), width=width, height=height, legacy_windows=False)
    console.print(screen(shown, view, width, height))
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def test_what_waits_stands_above_everything_and_the_chosen_one_is_marked() -> None:
    shown = now(one(1), one(2))
    text = drawn(shown, View().on(shown["waiting"]).step(shown["waiting"], 1))
    assert "> inc-2" in text.replace("│ >  inc", "> inc").replace(">  inc", "> inc")
    assert text.index("waiting (2)") < text.index("incidents (2)")


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 300), st.integers(1, 120), st.integers(0, 30))
def test_every_size_can_be_drawn_and_nothing_is_wider(width: int, height: int, count: int) -> None:
    shown = now(*[one(number) for number in range(count)])
    lines = drawn(shown, View().on(shown["waiting"]), width, height).splitlines()
    assert max((len(line) for line in lines), default=0) <= width


def test_on_a_small_screen_the_chosen_one_its_host_and_the_question_are_still_to_be_read() -> None:
    shown = now(one(1), one(2, playbook="restore_removed_package"))
    view = View().on(shown["waiting"]).step(shown["waiting"], 1)
    lines = drawn(shown, view, 40, 12).splitlines()
    assert any(line.split()[:4] == ["│", ">", "2", "ct2"] for line in lines)
    assert "q quit" in lines[-1]
    asked = " ".join(drawn(shown, press("a", view, shown, None), 40, 12).split())  # type: ignore[arg-type]
    assert f"y yes, any other key no: approve restore_removed_package on ct2, plan {one(2)['digest'][:12]}?" in asked


def test_who_is_late_or_silent_is_counted_and_comes_first() -> None:
    shown = now()
    late = {**shown["guardians"][0], "what": "soc", "late": ["ct1"]}
    silent = {"name": "night", "age": None, "canary": None, "alive": False}
    shown |= {"guardians": [*shown["guardians"], late], "workers": [*shown["workers"], silent]}
    text = drawn(shown, View())
    assert "guardians (2, 1 late)" in text
    assert "workers (2, 1 silent)" in text
    assert text.index("soc") < text.index("health")
    assert text.index("night") < text.index("detect")
    assert "guardians 2, 1 late; workers 2, 1 silent" in drawn(shown, View(), 45, 12)


def test_nothing_in_a_title_reaches_the_terminal_as_an_order() -> None:
    evil = one(1, title="\x1b]0;owned\x07\x1b[2J\x1b[31m\u202ered\r\n", hosts=["\x1b[1mct1"])
    text = drawn(now(evil, frozen="\x1b[5mme"), View("inc-1", "approve", evil["digest"]))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert plain("a\x9b1mb\x00c") == "a 1mb c"


def test_a_y_alone_says_nothing(tmp_path: Path) -> None:
    shown = now(one(1))
    services = World(tmp_path).services
    view = View().on(shown["waiting"])
    for key in "yyy":
        view = press(key, view, shown, services)
    assert view == View("inc-1")


def test_the_word_binds_to_the_plan_that_was_shown() -> None:
    view = View("inc-1", "approve", one(1)["digest"])
    assert view.on([one(1)]) == view
    other = view.on([one(1, digest="f" * 64)])
    assert (other.asked, other.said) == (None, "inc-1 has another plan now: look again")
    gone = view.on([one(2)])
    assert (gone.chosen, gone.asked, gone.said) == ("inc-2", None, "inc-1 waits no more")


def test_a_destructive_plan_is_not_approved_with_two_keys(tmp_path: Path) -> None:
    shown = now(one(1, typed=True))
    view = press("a", View("inc-1"), shown, World(tmp_path).services)
    assert view.asked is None
    assert "--host NAME" in view.said


@pytest.mark.parametrize("key", ["n", "x", " ", "\x1b"])
def test_every_other_key_is_a_no(tmp_path: Path, key: str) -> None:
    shown = now(one(1))
    view = press(key, View("inc-1", "deny", one(1)["digest"]), shown, World(tmp_path).services)
    assert (view.asked, view.said) == (None, "not done")


def test_a_no_goes_the_way_of_aiops_deny_and_a_refusal_is_said(tmp_path: Path) -> None:
    world = World(tmp_path, decision="ask")
    (verdict,) = steps.correlate(world.sweep(world.finding()), world.services).verdicts
    steps.authorise(verdict, world.services)
    incident = world.only()
    plan = world.ledger.plan_of(incident.id)
    shown = now(one(1, incident=incident.id, digest=plan.digest))
    view = press("d", View(incident.id), shown, world.services)
    assert view.asked == "deny"
    assert press("y", view, shown, world.services).said == f"denied: {incident.id}"
    assert world.only().state is State.ESCALATED
    assert "nothing waits for an approval" in press("y", view, shown, world.services).said
