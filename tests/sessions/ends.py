"""How a session ends for the machine it ran on."""

import time

from aiops.adapters.session_runner import SessionRunner


def nothing_left(runner: SessionRunner, seconds: float = 10) -> bool:
    """Whether no process and no file of a session is there: what was killed a moment ago may take a moment to be gone."""
    deadline = time.monotonic() + seconds
    while runner.left():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
