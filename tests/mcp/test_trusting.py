"""`aiops mcp trust` and `check` as a human runs them: every ready-made declaration, and the line in the audit log."""

import json
import os
import subprocess
import sys
from getpass import getuser
from pathlib import Path

import pytest

from aiops import bootstrap
from aiops.domain.fact import utcnow
from aiops.domain.tool import Offered, ToolSpec
from aiops.errors import LedgerBusyError, RefusedError
from aiops.settings import Settings, ready
from aiops.steps import trust_server
from tests.mcp.servers import HERE, hostile, tools

pytestmark = [pytest.mark.mcp, pytest.mark.timeout(400)]
ROOT = Path(__file__).parents[2]
UNKNOWN = "a_tool_that_nobody_has_labelled"


def declared(folder: Path, **servers: dict[str, object]) -> Path:
    """Settings in which these servers are declared."""
    given = json.dumps({name: {"paths": [str(HERE)], "seconds": 60, **one} for name, one in servers.items()})
    (folder / "servers.json").write_text(given)
    config = folder / "aiops.toml"
    tables = [f'state = "{folder}/state"']
    for name, one in json.loads(given).items():
        tables += [f"[mcp.servers.{name}]", *(f"{key} = {json.dumps(value)}" for key, value in one.items())]
    config.write_text("\n".join(tables) + "\n")
    return config


def offering(*names: str) -> list[str]:
    return [sys.executable, "-I", "-S", str(HERE / "hostile.py"), "offers", *names]


def aiops(config: Path, *words: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("AIOPS_")}
    return subprocess.run(
        [sys.executable, "-m", "tasks.cli", *words],
        cwd=ROOT,
        env={**kept, "AIOPS_CONFIG": str(config)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_every_ready_made_declaration_is_checked_and_what_it_does_not_label_acts(tmp_path: Path) -> None:
    config = declared(
        tmp_path,
        **{name: {"like": name, "command": offering(*one.read, *one.act, UNKNOWN)} for name, one in ready().items()},
    )
    before = aiops(config, "mcp", "check")
    assert before.returncode == 1
    for name, one in ready().items():
        assert f"FAIL  {name}: {one.read[0]} is new" in before.stdout
    settings = Settings.model_validate(
        {"state": tmp_path / "state", "mcp": {"servers": json.loads((tmp_path / "servers.json").read_text())}}
    )
    found = bootstrap.mcp_tools(settings)
    assert found
    with found.visit() as visit:
        for name, one in ready().items():
            seen = visit.offered(name)
            found.trust(found.belief(name, seen, "operator", utcnow()))
            labels = {offer.tool.name: offer.label for offer in seen}
            assert {tool for tool, label in labels.items() if label == "read"} == set(one.read)
            with pytest.raises(RefusedError, match="acts, or nobody has labelled it"):
                visit.ask(name, UNKNOWN, {})
    after = aiops(config, "mcp", "check")
    assert after.returncode == 0, after.stdout
    for name in ready():
        assert f"ok    {name}: answers, is what was trusted; what its token may is not proven" in after.stdout


def test_who_trusted_which_tools_stands_in_the_audit_log(tmp_path: Path) -> None:
    config = declared(tmp_path, theirs={"command": offering("look", "wipe"), "read": ["look"]})
    done = aiops(config, "mcp", "trust", "theirs", "--yes")
    assert done.returncode == 0, done.stderr
    log = bootstrap.mcp_log(Settings(state=tmp_path / "state"))
    (line,) = log.audit()
    assert (line.who, line.what) == (getuser(), "mcp trusted")
    assert line.text.startswith("theirs, 2 tools: 'look' ")
    assert "'wipe' " in line.text
    assert log.broken() == []


def test_who_looks_and_does_not_believe_leaves_no_trust(tmp_path: Path) -> None:
    config = declared(tmp_path, theirs={"command": offering("look"), "read": ["look"]})
    assert aiops(config, "mcp", "trust", "theirs").returncode == 1
    assert not (tmp_path / "state" / "mcp" / "trust.json").exists()


class Full:
    """A log whose disk is full."""

    def write_down(self, *_: object, **__: str) -> None:
        raise LedgerBusyError("incidents.sqlite", "the disk is full", "Make room.")


def test_what_cannot_be_written_down_is_not_believed(tmp_path: Path) -> None:
    found = tools(tmp_path, hostile("plain"), trusted=False)
    seen = [Offered(tool=ToolSpec(name="look"), label="read", standing="new")]
    with pytest.raises(LedgerBusyError):
        trust_server("plain", seen, "operator", utcnow(), found, Full())  # type: ignore[arg-type]
    assert found.trusted("plain") is None
