"""The SSH entry: what a key that may only ask can make of it."""

import pytest
from typer.testing import CliRunner

from aiops.errors import RefusedError
from tasks.cli import cli

GOOD = "inc-20261123-k3f9qd"


@pytest.mark.parametrize(
    "asked",
    [
        "",
        "ls",
        "bash -i",
        f"{GOOD}; reboot",
        f"{GOOD} --help",
        f"--who=root {GOOD}",
        f"$(reboot){GOOD}",
        f"{GOOD}\n{GOOD}",
        f"{GOOD}\x00",
        GOOD.upper(),
        f"{GOOD}a",
        "inc-\uff12\uff10\uff12\uff161123-k3f9qd",
        "../../etc/passwd",
    ],
)
def test_whatever_is_no_incidents_id_is_refused_before_anything_is_read_or_sent(
    asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.environ", {"SSH_ORIGINAL_COMMAND": asked})

    result = CliRunner().invoke(cli, ["session-shell"])

    assert isinstance(result.exception, RefusedError)
    assert result.exception.reason == "command"
