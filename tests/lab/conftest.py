"""Real hosts for the tests of the lab itself."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import cli
from tests.lab.running import Lab, lab, left_of

SUDOERS = "{user} ALL=(root) NOPASSWD: /usr/bin/systemctl restart cron.service\n"


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
