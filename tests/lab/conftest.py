"""Real hosts need root and systemd-nspawn: without them these tests are deselected, and say why."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab import cli, leaks
from lab.run import requirements

PROJECT = Path(__file__).parents[2]
HERE = Path(__file__).parent
SUDOERS = "{user} ALL=(root) NOPASSWD: /usr/bin/systemctl restart cron.service\n"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not requirements():
        return
    impossible = [item for item in items if HERE in item.path.parents and item.get_closest_marker("lab")]
    if impossible:
        config.hook.pytest_deselected(items=impossible)
        items[:] = [item for item in items if item not in impossible]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for reason in requirements():
        terminalreporter.write_line(f"tests of the lab were deselected, not passed: {reason}", yellow=True)


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


@pytest.fixture(scope="session")
def account(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A key, and the --account argument that gives it a user with one sudo command."""
    folder = tmp_path_factory.mktemp("account")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "key"], check=True)
    (folder / "sudoers").write_text(SUDOERS.format(user=Lab.user))
    return folder / "key", f"{Lab.user}:{folder / 'key.pub'}:{folder / 'sudoers'}"


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory, account: tuple[Path, str]) -> Iterator[Lab]:
    """Two hosts for the whole run; afterwards nothing of them may be left."""
    name = f"pytest-{os.getpid()}"
    folder = tmp_path_factory.mktemp("lab")
    key, given = account
    up = lab("up", "--hosts", "2", "--name", name, "--dir", str(folder), "--account", given, "--json")
    assert up.returncode == 0, up.stderr
    yield Lab(name, json.loads(up.stdout), key)
    assert cli.main(["down", "--name", name]) == 0
    assert left_of(name) == []
    assert not folder.exists()
