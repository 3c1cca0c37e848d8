"""A Semaphore to test against: real HTTP, its published shapes on both sides, and every way in which it may go wrong.

A task follows a script of statuses, one a look; with ``catalogue`` set it really runs ``ansible-playbook`` as Semaphore does.
"""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.semaphore.shapes import complaints
from tests.servers import free_port

TOKEN = "token-of-the-test-server"
INVENTORY_HOSTS = ("web1", "web2", "db1")


@dataclass
class Script:
    """How a task goes: the statuses it shows, the last one for ever, and what it prints."""

    statuses: Sequence[str] = ("waiting", "starting", "running", "success")
    lines: Sequence[str] | None = None
    stops: str = "at once"  # or "when killed", or "never"
    hold: threading.Event | None = None  # while it is not set, the last status but one is shown
    commit: str | None = "a1b2c3"


@dataclass
class Row:
    """One task of the server."""

    shown: dict[str, Any]
    script: Script
    hosts: Sequence[str] = ()
    looks: int = 0
    status: str = ""
    lines: list[str] = field(default_factory=list)
    process: "subprocess.Popen[str] | None" = None
    started: str | None = None


@dataclass
class Fault:
    """What happens to the next ``times`` requests whose method and path match."""

    match: str
    does: str  # a status, or: garbage, wrong, hang, drip, drop (close without an answer), lose (do it, then close)
    times: int = 1_000_000


class Semaphore:
    """The server and its state, which a restart keeps."""

    def __init__(self, catalogue: Path | None = None) -> None:
        self.port = free_port()
        self.catalogue = catalogue
        self.templates: dict[int, dict[str, Any]] = {}
        self.rows: dict[int, Row] = {}
        self.faults: list[Fault] = []
        self.asked: list[tuple[str, str, Any]] = []
        self.broken: list[str] = []
        self.check, self.real = Script(), Script()
        self.ignores_limit = False
        self.drops: tuple[str, ...] = ()  # fields of a task it does not keep
        self.lock = threading.RLock()
        self.over = threading.Event()
        self._server: ThreadingHTTPServer | None = None
        self.template(7, "mark")

    # what a test sets and sees

    def template(self, number: int, name: str, **changes: Any) -> None:
        fields = {
            "id": number,
            "project_id": 1,
            "inventory_id": 3,
            "repository_id": 1,
            "name": name,
            "playbook": f"ansible/playbooks/{name}.yml",
            "arguments": "[]",
            "app": "ansible",
            "task_params": {"allow_override_limit": True},
        }
        kept = {name: value for name, value in (fields | changes).items() if value is not None}
        self.templates[number] = kept

    def add(self, message: str, script: Script, **changes: Any) -> int:
        """A task that was there before."""
        dry = message.endswith("check")
        wanted = {
            "template_id": 7,
            "message": message,
            "limit": "web1",
            "params": {"dry_run": dry, "limit": ["web1"]},
        }
        return self._queue(wanted | changes, script)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def sent(self) -> list[dict[str, Any]]:
        """Every task that was asked for."""
        return [body for method, path, body in self.asked if (method, path) == ("POST", "/api/project/1/tasks")]

    @property
    def runs(self) -> list[Row]:
        return [row for row in self.rows.values() if not row.shown["params"].get("dry_run")]

    @property
    def stops(self) -> list[tuple[str, Any]]:
        return [(path, body) for method, path, body in self.asked if method == "POST" and path.endswith("/stop")]

    # its life

    def start(self) -> None:
        self._server = _Server(self)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def close(self) -> None:
        self.over.set()
        self.stop()
        for row in self.rows.values():
            if row.process and row.process.poll() is None:
                os.killpg(row.process.pid, signal.SIGKILL)
                row.process.wait()

    # what it does

    def answer(self, method: str, path: str, body: Any) -> tuple[int, str, Any]:
        """Status, shape and content."""
        routes: tuple[tuple[str, str, Callable[..., tuple[int, str, Any]]], ...] = (
            ("GET", r"/api/info", lambda: (200, "InfoType", {"version": "2.16.4"})),
            ("GET", r"/api/project/1/templates/(\d+)", self._template),
            ("GET", r"/api/project/1/tasks/last", self._last),
            ("POST", r"/api/project/1/tasks", lambda: self._post(body)),
            ("GET", r"/api/project/1/tasks/(\d+)", self._task),
            ("GET", r"/api/project/1/tasks/(\d+)/output", self._output),
            ("POST", r"/api/project/1/tasks/(\d+)/stop", lambda number: self._stop(number, body or {})),
        )
        for verb, pattern, does in routes:
            if verb == method and (match := re.fullmatch(pattern, path)):
                try:
                    return does(*(int(part) for part in match.groups()))
                except KeyError:
                    break
        return 404, "", {"error": "not found"}

    def _template(self, number: int) -> tuple[int, str, Any]:
        return 200, "Template", self.templates[number]

    def _last(self) -> tuple[int, str, Any]:
        return 200, "Task[]", [self._show(row) for row in self.rows.values()][-200:]

    def _post(self, body: Any) -> tuple[int, str, Any]:
        wrong = complaints("TaskRequest", body)
        if wrong or body["template_id"] not in self.templates:
            self.broken += wrong
            return 400, "", {"error": "bad request"}
        script = self.check if body.get("params", {}).get("dry_run") else self.real
        return 201, "Task", self._show(self.rows[self._queue(body, script)])

    def _queue(self, wanted: dict[str, Any], script: Script) -> int:
        number = max(self.rows, default=20) + 1
        shown = {name: value for name, value in wanted.items() if name not in self.drops}
        shown |= {"id": number, "project_id": 1, "commit_hash": script.commit, "playbook": ""}
        allowed = self.templates[wanted["template_id"]].get("task_params", {}).get("allow_override_limit")
        limited = allowed and not self.ignores_limit
        hosts = wanted["params"]["limit"] if limited else INVENTORY_HOSTS
        row = Row(shown, script, hosts, status=script.statuses[0])
        self.rows[number] = row
        if self.catalogue:
            threading.Thread(target=self._play, args=(row, wanted), daemon=True).start()
        else:
            said = script.lines
            row.lines = list(ansible(hosts) if said is None else said)
        return number

    def _task(self, number: int) -> tuple[int, str, Any]:
        row = self.rows[number]
        if not self.catalogue:
            self._advance(row)
        return 200, "Task", self._show(row)

    def _advance(self, row: Row) -> None:
        if row.status in ("stopped", "rejected") or (row.status == "stopping" and row.script.stops == "never"):
            return
        if row.status == "stopping":
            row.status = "stopped"
            return
        last = len(row.script.statuses) - 1
        if row.script.hold and not row.script.hold.is_set():
            last -= 1
        row.status = row.script.statuses[min(row.looks, last)]
        row.looks += 1
        if row.status not in ("waiting", "waiting_confirmation", "rejected"):
            row.started = row.started or _now()

    def _show(self, row: Row) -> dict[str, Any]:
        times = {"start": row.started} if row.started else {}
        return row.shown | times | {"status": row.status}

    def _output(self, number: int) -> tuple[int, str, Any]:
        lines = self.rows[number].lines
        return 200, "TaskOutput[]", [{"task_id": number, "time": _now(), "output": line} for line in lines]

    def _stop(self, number: int, body: dict[str, Any]) -> tuple[int, str, Any]:
        row = self.rows[number]
        if row.process:
            os.killpg(row.process.pid, signal.SIGTERM)
        if row.script.stops == "at once" or (row.script.stops == "when killed" and body.get("force")):
            row.status = "stopped" if row.started is None else "stopping"
            row.script = Script(("stopping", "stopped"))
        return 204, "", None

    def _play(self, row: Row, wanted: dict[str, Any]) -> None:
        """As Semaphore does: extra variables as JSON on the command line, the limit only where the template allows it."""
        assert self.catalogue
        template, params = self.templates[wanted["template_id"]], wanted["params"]
        argv = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(self.catalogue / "hosts.yml")]
        argv += [f"--{flag}" for flag, on in (("check", "dry_run"), ("diff", "diff")) if params[on]]
        argv += ["--extra-vars", wanted["environment"], f"--limit={','.join(row.hosts)}"]
        argv.append(str(self.catalogue.parent / template["playbook"]))
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.catalogue), "LC_ALL": "C.UTF-8"}
        environment |= {"ANSIBLE_CONFIG": str(self.catalogue / "semaphore.cfg"), "ANSIBLE_FORCE_COLOR": "1"}
        row.status, row.started = "running", _now()
        row.process = subprocess.Popen(
            argv,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        with row.process as process:
            assert process.stdout
            row.lines.extend(line.rstrip("\n") for line in process.stdout)
        code = row.process.returncode
        with self.lock:
            row.status = "stopped" if row.status == "stopping" or code < 0 else "error" if code else "success"


def ansible(hosts: Sequence[str], *, changed: int = 1, failed: int = 0, unreachable: int = 0) -> list[str]:
    """What Ansible prints for a playbook of one task."""
    lines = ["\x1b[0;32mRunning: ansible-playbook\x1b[0m", "", "PLAY [Leave a mark] " + "*" * 60, ""]
    lines += ["TASK [Write what was asked for] " + "*" * 40]
    for host in hosts:
        if failed:
            lines.append(f'\x1b[0;31mfatal: [{host}]: FAILED! => {{"changed": false, "msg": "no space left"}}\x1b[0m')
        elif unreachable:
            lines.append(
                f'fatal: [{host}]: UNREACHABLE! => {{"changed": false, "msg": "timed out", "unreachable": true}}'
            )
        else:
            lines += ["--- before", "+++ after: /etc/mark", "@@ -0,0 +1 @@", "+hello", ""] if changed else []
            lines.append(f"\x1b[0;33m{'changed' if changed else 'ok'}: [{host}]\x1b[0m")
    lines += ["", "PLAY RECAP " + "*" * 60]
    lines += [
        f"\x1b[0;33m{host}\x1b[0m                       : \x1b[0;32mok=1   \x1b[0m changed={changed}    "
        f"unreachable={unreachable}    failed={failed}    skipped=0    rescued=0    ignored=0   "
        for host in hosts
    ]
    return [*lines, ""]


def _now() -> str:
    return datetime.now(UTC).isoformat()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, state: Semaphore) -> None:
        self.state = state
        super().__init__(("127.0.0.1", state.port), _Hands)


class _Hands(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        return

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def _serve(self, method: str) -> None:
        self.close_connection = True
        text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.loads(text) if text else None
        self.server.state.asked.append((method, self.path, body))
        fault = self._fault(method)
        if fault in ("hang", "drop"):
            if fault == "hang":
                self.server.state.over.wait(5)
            return
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._send(401, {"error": "unauthorised"})
            return
        if fault.isdigit():
            self._send(int(fault), {"error": f"made to fail for {TOKEN}"})
            return
        with self.server.state.lock:
            status, shape, content = self.server.state.answer(method, self.path, body)
            if shape:
                self.server.state.broken += complaints(shape, content)
        if fault != "lose":
            self._send(status, content, fault)

    def _fault(self, method: str) -> str:
        with self.server.state.lock:
            for fault in self.server.state.faults:
                if fault.times and re.search(fault.match, f"{method} {self.path}"):
                    fault.times -= 1
                    return fault.does
        return ""

    def _send(self, status: int, content: Any, fault: str = "") -> None:
        data = b"" if content is None else json.dumps(content).encode()
        data = {"garbage": b"<html>\xff", "wrong": b'{"id": "x"}'}.get(fault, data)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        if status == 302:
            self.send_header("Location", "http://127.0.0.1:1/")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if fault == "drip":
            for byte in data:
                if self.server.state.over.wait(0.1):
                    return
                try:
                    self.wfile.write(bytes([byte]))
                    self.wfile.flush()
                except OSError:
                    return
            return
        self.wfile.write(data)


@contextmanager
def serving(catalogue: Path | None = None) -> Iterator[Semaphore]:
    """A running server; at the end nothing that it was sent or has sent may have had another shape than the published one."""
    server = Semaphore(catalogue)
    server.start()
    try:
        yield server
    finally:
        server.close()
    assert server.broken == []
