"""Servers and a client that others wrote: the reference server, Playwright with Chromium, a Proxmox server, the Inspector."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from aiops import bootstrap
from aiops.ports.tools import Tools
from aiops.settings import Settings
from tests.mcp.doors import ROOT, SERVE, TOKEN, over_http
from tests.mcp.servers import believe
from tests.sources.pve import AUDITOR, SECRET, Node
from tests.sources.pve import TOKEN as PVE_TOKEN
from tests.system import System

pytestmark = [pytest.mark.mcp, pytest.mark.strangers, pytest.mark.timeout(400)]
THEIRS = ROOT / ".venv-mcp"
NODE = THEIRS / "node"
MODULES = NODE / "node_modules"


def declared(folder: Path, **server: Any) -> Settings:
    given = {"seconds": 90, **server}
    return Settings(state=folder, mcp={"servers": {"theirs": given}})


def found(settings: Settings) -> Tools:
    tools = bootstrap.mcp_tools(settings)
    assert tools
    believe(tools, "theirs")
    return tools


def test_the_reference_server_is_listed_trusted_and_asked(tmp_path: Path) -> None:
    script = MODULES / "@modelcontextprotocol/server-everything/dist/index.js"
    settings = declared(
        tmp_path, command=("/usr/bin/node", str(script), "stdio"), paths=(NODE,), read=("echo", "get-sum", "get-env")
    )
    with found(settings).visit() as visit:
        offered = {one.tool.name: one.label for one in visit.offered("theirs")}
        assert offered["echo"] == "read"
        assert offered["gzip-file-as-resource"] == "act"
        assert visit.ask("theirs", "echo", {"message": "hello"}).text == "Echo: hello"
        assert "42" in visit.ask("theirs", "get-sum", {"a": 40, "b": 2}).text
        assert "the tool says that it failed" in visit.ask("theirs", "get-sum", {"a": "no number"}).text
        seen = json.loads(visit.ask("theirs", "get-env", {}).text)
        assert set(seen) <= {"PATH", "LC_ALL", "HOME", "TMPDIR", "AIOPS_MCP", "PWD"}


@pytest.fixture
def page() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<title>Loki</title><h1>ready to take your logs</h1>")

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def test_playwright_looks_at_a_page_with_debians_chromium(tmp_path: Path, page: str) -> None:
    chromium = ("--headless", "--isolated", "--no-sandbox", "--executable-path", "/usr/bin/chromium")
    command = ("/usr/bin/node", str(MODULES / "@playwright/mcp/cli.js"), *chromium)
    with found(
        declared(
            tmp_path, like="playwright", command=command, paths=(NODE, Path("/etc/chromium.d"), Path("/etc/fonts"))
        )
    ).visit() as visit:
        heard = visit.ask("theirs", "browser_navigate", {"url": page})
        assert heard.cut_off == ""
        assert "Loki" in heard.text
        assert "ready to take your logs" in heard.text + visit.ask("theirs", "browser_snapshot", {}).text


@pytest.fixture
def pve(tmp_path: Path) -> Iterator[Node]:
    folder = tmp_path / "ca"
    folder.mkdir()
    node = Node(folder, 1_790_000_000)
    yield node
    node.close()


def test_a_proxmox_server_reads_nodes_and_a_token_that_can_do_more_is_reported(
    tmp_path: Path, pve: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    host, _, port = pve.address.partition(":")
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    settings = declared(
        tmp_path / "state",
        like="proxmox",
        command=(str(THEIRS / "pve/bin/mcp-proxmox"),),
        paths=(THEIRS / "pve", pve.ca.parent),
        environment={
            "PROXMOX_HOST": host,
            "PROXMOX_PORT": port,
            "PROXMOX_TOKEN_ID": PVE_TOKEN,
            "PROXMOX_VERIFY_SSL": "true",
            "REQUESTS_CA_BUNDLE": str(pve.ca),
        },
        secrets={"PROXMOX_TOKEN_SECRET": secret},
        privilege={"node": pve.address, "token": PVE_TOKEN, "secret_file": secret, "ca_file": pve.ca},
    )
    with found(settings).visit() as visit:
        heard = visit.ask("theirs", "list_nodes", {})
        assert "pve1" in heard.text, heard
        assert SECRET not in heard.text
    assert bootstrap.mcp_powers(settings, "theirs") == []
    pve.rights = {"/": AUDITOR, "/vms/142": {"VM.PowerMgmt": 1, "VM.Audit": 1}}
    assert bootstrap.mcp_powers(settings, "theirs") == ["/vms/142: VM.PowerMgmt"]


@pytest.fixture(scope="module")
def system(start_system: Callable[..., System]) -> System:
    running = start_system(only=("detect", "incidents"))
    running.wait_online("detect", "incidents")
    return running


def inspector(system: System, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {"AIOPS_CONFIG": str(system.local.config), "PYTHONPATH": str(ROOT)}
    ours = {"command": sys.executable, "args": ["-m", "tasks.cli", "mcp", "serve"], "env": environment}
    config = system.local.folder / "inspector.json"
    config.write_text(json.dumps({"mcpServers": {"aiops": ours}}))
    program = str(MODULES / ".bin/mcp-inspector")
    argv = [program, "--cli", "--config", str(config), "--server", "aiops", *words]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def test_the_inspector_lists_calls_and_is_told_what_is_wrong(system: System) -> None:
    listed = said(inspector(system, "--method", "tools/list"))
    assert {"incidents", "sweep", "propose_plan"} <= {tool["name"] for tool in listed["tools"]}
    call = ("--method", "tools/call", "--tool-name")
    swept = said(inspector(system, *call, "sweep", "--tool-arg", 'guardians=["disk"]'))
    assert swept["structuredContent"]["data"]["shards"] == "1 of 1"
    wrong = said(inspector(system, *call, "explain", "--tool-arg", "incident=inc-20261123-aaaaaa"))
    assert wrong["isError"] is True
    assert "there is no incident" in wrong["content"][0]["text"]
    prompt = said(inspector(system, "--method", "prompts/get", "--prompt-name", "audit", "--prompt-args", "host=ct201"))
    assert "ct201" in prompt["messages"][0]["content"]["text"]


def said(done: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    assert done.stdout.strip().startswith("{"), f"{done.returncode} {done.stdout} {done.stderr}"
    answer = json.loads(done.stdout)
    assert isinstance(answer, dict)
    return answer


TURNS = 9
"""One more than our server answers side by side: were a cancelled call not let go, the last would never begin."""


@contextmanager
def typescript(how: Mapping[str, Any]) -> "Iterator[subprocess.Popen[str]]":
    """The official TypeScript SDK, which is told how to reach us."""
    program = ["/usr/bin/node", str(Path(__file__).parent / "client.mjs")]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdin
            given = {"sdk": str(MODULES / "@modelcontextprotocol/sdk/dist/esm"), "sweeps": TURNS, **how}
            process.stdin.write(json.dumps(given) + "\n")
            process.stdin.flush()
            yield process
        finally:
            process.kill()


def heard(process: "subprocess.Popen[str]") -> dict[str, Any]:
    """Its next line; a client that says nothing is ended by the test's own limit."""
    assert process.stdout
    line = process.stdout.readline()
    assert line, f"the client ended with {process.wait()}"
    answer = json.loads(line)
    assert isinstance(answer, dict)
    return answer


@pytest.fixture(params=["stdio", "http"])
def way(request: pytest.FixtureRequest, system: System, tmp_path: Path) -> Iterator[Mapping[str, Any]]:
    if request.param == "http":
        with over_http(system, tmp_path) as url:
            yield {"url": url, "token": TOKEN}
        return
    environment = {"AIOPS_CONFIG": str(system.local.config), "PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}
    yield {"command": sys.executable, "args": list(SERVE), "env": environment}


def test_the_typescript_sdk_is_told_of_progress_and_may_cancel(system: System, way: Mapping[str, Any]) -> None:
    detect = next(child.process.pid for child in system.local.children if child.name == "detect" and child.process)
    with typescript(way) as client:
        seen = heard(client)
        assert {"incidents", "sweep", "propose_plan"} <= set(seen["tools"])
        assert seen["shards"] == "1 of 1"
        told = [one["progress"] for one in seen["progress"]]
        assert told
        assert told == sorted(told)
        assert "shards have looked" in seen["progress"][0]["message"]
        assert seen["wrong"]["isError"] is True
        assert "there is no incident" in seen["wrong"]["text"]
        assert "there is no tool 'approve'" in seen["unknown"]
        os.kill(detect, signal.SIGSTOP)
        try:
            assert client.stdin
            client.stdin.write("go\n")
            client.stdin.flush()
            after = heard(client)
        finally:
            os.kill(detect, signal.SIGCONT)
    assert len(after["cancelled"]) == TURNS
    assert all("we have seen enough" in one for one in after["cancelled"]), after
    assert after["after"] == 7
