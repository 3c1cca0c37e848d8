"""`aiops top` in a real terminal (tmux): shown, resized, and a plan approved from it."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aiops import bootstrap
from tests.pipeline.test_command import aiops, waiting
from tests.system import System
from tests.terminal import SECONDS, Terminal

pytestmark = [pytest.mark.tmux, pytest.mark.slow]


@pytest.fixture(scope="module")
def system(start_system: Callable[..., System]) -> System:
    """This machine's disk is a finding; nothing is there that could execute what is approved."""
    low = '\n[detectors.disk]\nwarning_percent = 0\ncritical_percent = 101\nmin_free_root_mib = 0\nignore_mounts = ["/?*"]\n'
    started = start_system(only=("detect", "incidents"), extra=low)
    started.wait_online("detect", "incidents")
    return started


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    made = Terminal(tmp_path)
    yield made
    made.end()


def test_a_plan_is_looked_at_in_every_size_and_approved_with_two_keys(system: System, terminal: Terminal) -> None:
    incident = waiting(system)["id"]
    terminal.begin(120, 40, sys.executable, "-m", "tasks.cli", "top", "--every", "0.5")
    text = terminal.wait(lambda shown: incident in shown and "clean_disk" in shown, "the plan is shown")
    assert "waiting (1)" in text
    assert "guardians" in text
    assert "workers" in text

    for width, height in ((80, 24), (200, 50), (40, 12), (80, 24)):
        terminal.resize(width, height)
        text = terminal.wait(lambda shown, width=width: _fits(shown, width), f"{width}x{height} is drawn")
        assert "aiops " in text.splitlines()[0]
    assert incident in text
    assert "up/down choose" in text

    terminal.press("a")
    terminal.wait(lambda shown: "approve clean_disk on" in shown and "y yes" in shown, "it is asked")
    terminal.press("n")
    terminal.wait(lambda shown: "not done" in shown, "another key is a no")
    assert not system.events(type="plan.approved")
    terminal.press("a")
    terminal.wait(lambda shown: "y yes" in shown, "it is asked again")
    terminal.press("y")
    system.wait_for(lambda: system.events(type="plan.approved", incident=incident), SECONDS, "it is approved")
    terminal.wait(lambda shown: "approved: clean_disk on" in shown and "waiting (0)" in shown, "that is said")
    system.wait_for(lambda: system.client.llen("remediation"), SECONDS, "the signed plan waits for CT196")

    terminal.press("q")
    terminal.wait(lambda shown: "ended 0" in shown, "it has ended well, and the terminal is as before")


def test_a_plan_is_denied_on_a_screen_as_small_as_a_phones(system: System, terminal: Terminal) -> None:
    host = bootstrap.incidents(system.settings).inventory.hosts()[0].name
    made = json.loads(aiops("request", "restart_service", host, "--set", "unit=cron.service", "--json").stdout)
    end = made["incident"].rpartition("-")[2]
    terminal.begin(40, 12, sys.executable, "-m", "tasks.cli", "top", "--every", "0.5")
    terminal.wait(lambda shown: f">  {end}" in shown and "restart_service" in shown, "it is chosen")
    terminal.press("d")
    asked = "y yes, any other key no: deny restart_service on"
    terminal.wait(lambda shown: asked in " ".join(shown.split()), "the whole question is to be read")
    terminal.press("y")
    terminal.wait(lambda shown: f"denied: {made['incident']}" in shown and "waiting (0)" in shown, "that is said")
    assert not system.events(type="plan.approved", incident=made["incident"])
    terminal.press("q")
    terminal.wait(lambda shown: "ended 0" in shown, "it has ended well")


def test_one_look_is_printed_as_json_and_without_a_terminal_that_is_said(system: System) -> None:
    now = json.loads(aiops("top", "--json").stdout)
    assert {"at", "frozen", "storm", "waiting", "incidents", "guardians", "workers", "blind"} <= now.keys()
    assert {one["name"] for one in now["workers"]} >= {"detect", "incidents"}
    assert [one["alive"] for one in now["workers"] if one["name"] == "detect"] == [True]
    assert "aiops top --json" in aiops("top", code=2).stderr


def _fits(shown: str, width: int) -> bool:
    lines = shown.splitlines()
    # The right border of a box stands in the last column, so it was drawn for this very width.
    return bool(lines) and any(len(line.rstrip()) == width and line.rstrip()[-1] in "╮┐" for line in lines)
