"""A real terminal for programs that draw on one: tmux, which nobody is attached to."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SECONDS = 60


class Terminal:
    """A terminal of a server of its own, which nobody is attached to."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("tmux")
        assert program
        self._tmux = [program, "-f", "/dev/null", "-S", str(folder / "tmux")]

    def do(self, *words: str) -> str:
        """One order to tmux; what it prints."""
        return subprocess.run([*self._tmux, *words], check=True, capture_output=True, text=True, timeout=SECONDS).stdout

    def begin(self, width: int, height: int, *command: str) -> None:
        """Open it at that size and start the command, in the root of the repository."""
        environment = [
            f"-e{name}={value}" for name, value in os.environ.items() if name.startswith(("AIOPS_", "PYTHON"))
        ]
        self.do(
            *("new-session", "-d", "-x", str(width), "-y", str(height), "-c", str(ROOT), *environment),
            # a size that somebody exported long ago must not hold the screen
            *("-eTERM=screen-256color", "-eCOLUMNS=80", "-eLINES=24", "--"),
            *("sh", "-c", '"$@"; echo "ended $?"; exec sleep 600', "sh", *command),
        )

    def shown(self, *, coloured: bool = False) -> str:
        """What stands on the screen; ``coloured`` with its escape sequences."""
        return self.do("capture-pane", "-p", *(["-e"] if coloured else []))

    def wait(self, true: Callable[[str], Any], what: str) -> str:
        """Until that is true of what is shown; the text."""
        deadline = time.monotonic() + SECONDS
        while not true(text := self.shown()):
            assert time.monotonic() < deadline, f"{what}; shown was:\n{text}"
            time.sleep(0.1)
        return text

    def resize(self, width: int, height: int) -> None:
        """As by a hand on the window's corner."""
        self.do("resize-window", "-x", str(width), "-y", str(height))

    def press(self, *keys: str) -> None:
        """Keys as tmux names them."""
        self.do("send-keys", *keys)

    def end(self) -> None:
        """Take it away with all that runs in it."""
        self.do("kill-server")
