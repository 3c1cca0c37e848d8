"""`aiops top` in a real terminal (tmux): shown, resized, and a plan approved from it."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.test_command import aiops, waiting
from tests.system import System

pytestmark = [pytest.mark.tmux, pytest.mark.slow]
ROOT = Path(__file__).parents[2]
SECONDS = 60


class Terminal:
    """A terminal of a server of its own, which nobody is attached to."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("tmux")
        assert program
        self._tmux = [program, "-f", "/dev/null", "-S", str(folder / "tmux")]

    def do(self, *words: str) -> str:
        return subprocess.run([*self._tmux, *words], check=True, capture_output=True, text=True, timeout=SECONDS).stdout

    def begin(self, width: int, height: int, *command: str) -> None:
        environment = [
            f"-e{name}={value}" for name, value in os.environ.items() if name.startswith(("AIOPS_", "PYTHON"))
        ]
        self.do(
            *("new-session", "-d", "-x", str(width), "-y", str(height), "-c", str(ROOT), *environment),
            # a size that somebody exported long ago must not hold the screen
            *("-eTERM=screen-256color", "-eCOLUMNS=80", "-eLINES=24", "--"),
            *("sh", "-c", '"$@"; echo "ended $?"; exec sleep 600', "sh", *command),
        )

    def shown(self) -> str:
        return self.do("capture-pane", "-p")

    def wait(self, true: Callable[[str], Any], what: str) -> str:
        deadline = time.monotonic() + SECONDS
        while not true(text := self.shown()):
            assert time.monotonic() < deadline, f"{what}; shown was:\n{text}"
            time.sleep(0.1)
        return text

    def resize(self, width: int, height: int) -> None:
        self.do("resize-window", "-x", str(width), "-y", str(height))

    def press(self, *keys: str) -> None:
        self.do("send-keys", *keys)

    def end(self) -> None:
        self.do("kill-server")


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
