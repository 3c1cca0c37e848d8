"""The lab's command and a lab that is up, as the tests see them."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from lab import leaks

PROJECT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Lab:
    """A lab that is up, as a test sees it."""

    name: str
    state: dict
    key: Path
    user: str = "tester"

    def address(self, host: str) -> str:
        return self.state["hosts"][host]["address"]

    def ssh(self, host: str, *command: str, known_hosts: Path | None = None) -> subprocess.CompletedProcess[str]:
        options = {
            "IdentitiesOnly": "yes",
            "IdentityFile": str(self.key),
            "StrictHostKeyChecking": "yes",
            "UserKnownHostsFile": str(known_hosts or self.state["known_hosts"]),
            "BatchMode": "yes",
            "ConnectTimeout": "5",
        }
        given = [f"-o{name}={value}" for name, value in options.items()]
        where = f"{self.user}@{self.address(host)}"
        argv = ["ssh", "-F", "none", *given, where, "--", *command]
        return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=30)


def lab(*argv: str, **more: object) -> subprocess.CompletedProcess[str]:
    """Run the lab's command as a human does."""
    command = [sys.executable, "-m", "lab", *argv]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=280, **more)


def left_of(name: str) -> list[str]:
    """The leaks that can be this lab's: other people's labs on this machine come and go meanwhile."""
    return [leak for leak in leaks.find() if name in leak or "listener" in leak]
