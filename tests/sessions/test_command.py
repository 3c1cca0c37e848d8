"""Another program as the agent: a stand-in that speaks MCP as a client does. It is not Claude Code, which cannot be had here."""

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from aiops.adapters.session_runner import SessionRunner
from aiops.adapters.session_walls import walls
from aiops.domain.session import SessionBudget, SessionEnd
from tests.sessions.ends import nothing_left
from tests.sessions.grants import CATALOGUE, FINDING, SECRET, grant

CLIENT = """
import json, subprocess, sys
prompt = sys.stdin.read()
server = json.load(open(sys.argv[1]))["mcpServers"]["aiops"]
relay = subprocess.Popen([server["command"], *server["args"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
number = 0
def ask(method, **params):
    global number
    number += 1
    relay.stdin.write(json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}).encode() + b"\\n")
    relay.stdin.flush()
    return json.loads(relay.stdout.readline())["result"]
assert ask("initialize", protocolVersion="2025-06-18")["serverInfo"]["name"] == "aiops"
relay.stdin.write(b'{"jsonrpc": "2.0", "method": "notifications/initialized"}\\n')
tools = [tool["name"] for tool in ask("tools/list")["tools"]]
assert "propose_plan" in tools and "incident" in prompt
for name, arguments in json.loads(sys.argv[2]):
    if name == "sleep":
        import time; time.sleep(600)
    ask("tools/call", name=name, arguments=arguments)
print(json.dumps({"result": "that is all", "usage": {"input_tokens": 1200, "output_tokens": 80}}))
"""


def run(folder: Path, *wanted: tuple[str, dict[str, Any]], **budget: int) -> SessionEnd:
    program = folder / "client.py"
    program.write_text(CLIENT)
    program.chmod(0o755)
    folder.chmod(0o755)
    runner = SessionRunner(
        folder / "sessions",
        partial(walls, "aiops-session"),
        command=(sys.executable, "-I", str(program), "{mcp}", json.dumps(wanted)),
        paths=(program,),
    )
    limits = SessionBudget(**{"seconds": 40, "calls": 20, "tokens": 60_000} | budget)
    end = runner.run(grant(budget=limits), CATALOGUE, lambda: True)
    assert nothing_left(runner)
    return end


@pytest.mark.bubblewrap
def test_a_program_is_given_our_tools_over_mcp_and_its_proposal_is_taken(tmp_path: Path) -> None:
    mend = {
        "playbook": "restart_service",
        "host": "ct201",
        "params": {"unit": "php.service"},
        "reason": "it hangs, restart it",
    }

    end = run(tmp_path, ("incident", {}), ("evidence", {"fingerprint": FINDING.fingerprint}), ("propose_plan", mend))

    assert (end.ending, end.calls, end.tokens_in, end.tokens_out) == ("proposed", 3, 1200, 80)
    assert end.plan
    assert end.plan.params == {"unit": "php.service"}
    assert [line.what for line in end.lines][:4] == ["called", "result", "called", "result"]
    assert SECRET not in end.model_dump_json()


@pytest.mark.bubblewrap
def test_a_program_that_asks_for_what_it_may_not_do_is_killed(tmp_path: Path) -> None:
    end = run(tmp_path, *[("shell", {"command": "reboot"})] * 3, ("sleep", {}))

    assert (end.ending, end.reason) == ("stopped", "it asked 3 times for what it may not do")


@pytest.mark.slow
@pytest.mark.bubblewrap
def test_a_program_that_runs_for_ever_is_killed_when_its_time_or_its_turns_are_over(tmp_path: Path) -> None:
    asleep = run(tmp_path, ("incident", {}), ("sleep", {}), seconds=6)
    busy = run(tmp_path, *[("incident", {})] * 30, ("sleep", {}), calls=5)

    assert (asleep.ending, asleep.reason) == ("stopped", "its time is over: 6 s")
    assert (busy.ending, busy.reason) == ("stopped", "its turns are spent: 5")


@pytest.mark.bubblewrap
def test_a_program_that_is_not_there_is_said(tmp_path: Path) -> None:
    runner = SessionRunner(tmp_path / "sessions", partial(walls, "x"), command=("/opt/none/claude",), paths=(tmp_path,))

    end = runner.run(grant(), CATALOGUE, lambda: True)

    assert end.ending == "stopped"
    assert any("No such file" in line.text for line in end.lines)
