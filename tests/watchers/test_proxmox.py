"""Proxmox through proxmoxer, against a local server that speaks ``/cluster/resources`` over TLS."""

import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from aiops.adapters.proxmox import ProxmoxGuests
from aiops.errors import BusError, SettingsError
from tests.servers import free_port

pytest.importorskip("proxmoxer", reason="the extra aiops[proxmox] is not installed")

TOKEN, SECRET = "aiops@pve!inventory", "11111111-2222-3333-4444-555555555555"
RESOURCES: list[dict[str, Any]] = [
    {"id": "node/pve1", "type": "node", "node": "pve1", "status": "online", "level": ""},
    {"id": "node/pve3", "type": "node", "node": "pve3", "status": "offline"},
    {
        "id": "lxc/142",
        "type": "lxc",
        "vmid": 142,
        "name": "mosquitto",
        "node": "pve1",
        "status": "running",
        "template": 0,
    },
    {"id": "qemu/120", "type": "qemu", "vmid": 120, "name": "homeassistant", "node": "pve1", "status": "running"},
    {"id": "lxc/900", "type": "lxc", "vmid": 900, "name": "debian-template", "node": "pve1", "template": 1},
    {"id": "storage/pve1/local", "type": "storage", "storage": "local", "node": "pve1", "status": "available"},
]


class Api:
    """The server, and what it was asked."""

    def __init__(self, folder: Path) -> None:
        api = self
        self.resources: Any = RESOURCES
        self.asked: list[str] = []
        self.ca = folder / "ca.pem"
        key = folder / "key.pem"
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"),
                *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(self.ca)),
            ],
            check=True,
            capture_output=True,
        )

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                api.asked.append(self.path)
                right = self.headers.get("Authorization") == f"PVEAPIToken={TOKEN}={SECRET}"
                known = self.path.startswith("/api2/json/cluster/resources")
                body = json.dumps({"data": api.resources if right and known else None}).encode()
                self.send_response(200 if right and known else 401)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.ca, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def node(self) -> str:
        return f"127.0.0.1:{self.server.server_port}"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    served = Api(tmp_path)
    yield served
    served.server.shutdown()
    served.server.server_close()


def test_nodes_and_guests_are_read_and_templates_and_storages_are_not_machines(api: Api) -> None:
    guests = ProxmoxGuests([api.node], TOKEN, SECRET, api.ca).guests()
    assert [(guest.name, guest.node, guest.number) for guest in guests] == [
        ("pve1", "", 0),
        ("pve3", "", 0),
        ("mosquitto", "pve1", 142),
        ("homeassistant", "pve1", 120),
    ]


def test_two_nodes_of_one_cluster_give_each_guest_once_and_an_answer_is_kept(api: Api) -> None:
    source = ProxmoxGuests([api.node, api.node], TOKEN, SECRET, api.ca)
    assert len(source.guests()) == len(source.guests()) == 4
    assert len(api.asked) == 2


def test_a_refused_token_says_what_it_needs_and_never_its_secret(api: Api) -> None:
    with pytest.raises(SettingsError, match="PVEAuditor") as caught:
        ProxmoxGuests([api.node], TOKEN, "wrong-secret", api.ca).guests()
    assert "wrong-secret" not in str(caught.value)


@pytest.mark.parametrize("resources", [[], RESOURCES[:2]])
def test_an_answer_without_a_guest_is_blind_and_never_an_empty_fleet(api: Api, resources: Any) -> None:
    api.resources = resources
    with pytest.raises(SettingsError, match="not a single guest"):
        ProxmoxGuests([api.node], TOKEN, SECRET, api.ca).guests()


def test_a_certificate_nobody_trusts_is_refused(api: Api) -> None:
    with pytest.raises(BusError):
        ProxmoxGuests([api.node], TOKEN, SECRET).guests()
    assert api.asked == []


def test_a_node_that_does_not_answer_is_not_asked_for_every_host(api: Api) -> None:
    source = ProxmoxGuests([f"127.0.0.1:{free_port()}"], TOKEN, SECRET, api.ca)
    for _ in range(2):
        with pytest.raises(BusError, match="does not answer"):
            source.guests()


def test_a_token_without_its_user_is_a_matter_of_settings() -> None:
    with pytest.raises(SettingsError, match="user@realm!name"):
        ProxmoxGuests(["pve1"], "inventory", SECRET)
