"""A Proxmox node for tests: HTTPS, API tokens, and the rights that the published schema asks for, path by path.

It answers as Proxmox documents: without a right a path is refused with 403, or its list is shorter, whichever the schema says.
"""

import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN, SECRET = "aiops@pve!look", "not-a-real-secret"
AUDITOR = {"Sys.Audit": 1, "VM.Audit": 1, "Datastore.Audit": 1, "Pool.Audit": 1, "SDN.Audit": 1, "Mapping.Audit": 1}


class Node:
    """One node of a cluster of two, with what it says below ``/api2/json``. ``rights`` are the token's, by path."""

    def __init__(self, folder: Path, now: int) -> None:
        self.asked: list[str] = []
        self.rights: dict[str, dict[str, int]] = {"/": dict(AUDITOR)}
        self.broken: dict[str, int] = {}
        self.tasks: dict[str, list[dict[str, Any]]] = {"pve1": [], "pve2": []}
        self.logs: dict[str, str] = {}
        self.stopped: set[int] = set()
        self.now = now
        self.ca = folder / "ca.pem"
        key = folder / "key.pem"
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
                *("-days", "1", "-subj", "/CN=Lab", "-addext", "subjectAltName=IP:127.0.0.1"),
                *("-keyout", str(key), "-out", str(self.ca)),
            ],
            check=True,
            capture_output=True,
        )
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.ca, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def ended(self, node: str, kind: str, status: str, log: str = "", *, ago: int = 3600, about: str = "") -> None:
        """A task that ended so long ago, with its log."""
        start = self.now - ago - 60
        upid = f"UPID:{node}:{len(self.logs):08X}:0001E240:{start:08X}:{kind}:{about}:root@pam:"
        self.logs[upid] = log
        self.tasks[node].append(
            {"upid": upid, "node": node, "pid": 1234, "pstart": 123456, "starttime": start, "endtime": self.now - ago}
            | {"type": kind, "id": about, "user": "root@pam", "status": status}
        )

    def may(self, privilege: str, path: str) -> bool:
        places = [path, *(path.rsplit("/", cut)[0] for cut in range(1, path.count("/"))), "/"]
        return any(privilege in self.rights.get(place, {}) for place in places)

    def answer(self, path: str, asked: dict[str, list[str]]) -> tuple[int, Any]:  # noqa: C901, PLR0911 - one line a path
        """Status and data, as the schema's ``permissions`` demand."""
        if path in self.broken:
            return self.broken[path], None
        if path == "/access/permissions":
            return 200, self.rights
        if path == "/nodes":
            return 200, [{"node": node, "status": "online"} for node in self.tasks]
        if path == "/cluster/resources":
            kind = asked.get("type", [""])[0]
            return 200, [row for row in self._resources() if not kind or _kind(row) == kind]
        if path in {"/cluster/status", "/cluster/backup-info/not-backed-up"}:
            if not self.may("Sys.Audit", "/"):
                return 403, None
            return 200, self._status() if path == "/cluster/status" else [{"vmid": 142, "type": "lxc", "name": "mqtt"}]
        if path.endswith("/tasks"):
            node = path.split("/")[2]
            return 200, self.tasks[node] if self.may("Sys.Audit", f"/nodes/{node}") else []
        if path.endswith("/log"):
            node, upid = path.split("/")[2], path.split("/")[4]
            if not self.may("Sys.Audit", f"/nodes/{node}"):
                return 403, None
            return 200, [{"n": number, "t": line} for number, line in enumerate(self.logs[upid].splitlines(), 1)]
        if path.endswith("/content"):
            # Each volume is checked by itself (VM.Backup or Datastore.AllocateSpace): for an auditor the list is empty.
            return 200, []
        return 501, None

    def _status(self) -> list[dict[str, Any]]:
        nodes = [
            {"type": "node", "id": f"node/{node}", "name": node, "ip": f"192.0.2.{number}", "online": 1, "local": 0}
            for number, node in enumerate(self.tasks, 1)
        ]
        return [{"type": "cluster", "id": "cluster", "name": "homelab", "nodes": 2, "quorate": 1, "version": 3}, *nodes]

    def _resources(self) -> Iterator[dict[str, Any]]:
        for node in self.tasks:
            yield {"type": "node", "id": f"node/{node}", "node": node, "status": "online"}
            if self.may("Datastore.Audit", "/storage/local"):
                yield {"type": "storage", "id": f"storage/{node}/local", "storage": "local", "node": node} | {
                    "status": "available",
                    "disk": 96,
                    "maxdisk": 100,
                    "shared": 0,
                    "plugintype": "dir",
                    "content": "iso",
                }
        for number, name, node in ((142, "mqtt", "pve1"), (201, "web", "pve2")):
            if self.may("VM.Audit", f"/vms/{number}"):
                yield {"type": "lxc", "id": f"lxc/{number}", "vmid": number, "name": name, "node": node} | {
                    "status": "stopped" if number in self.stopped else "running",
                    "template": 0,
                }


def _kind(row: dict[str, Any]) -> str:
    return {"lxc": "vm", "qemu": "vm"}.get(row["type"], row["type"])


def _handler(node: Node) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            path = unquote(parts.path.removeprefix("/api2/json"))
            node.asked.append(path)
            if self.headers.get("Authorization") != f"PVEAPIToken={TOKEN}={SECRET}":
                status, data = 401, None
            else:
                status, data = node.answer(path, parse_qs(parts.query))
            body = json.dumps({"data": data}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    return Handler
