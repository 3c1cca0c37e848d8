"""NetBox's API as it is published: pages, nested objects, a token; against a real HTTP server."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from aiops.bootstrap import topologies
from aiops.domain.host import Host
from aiops.errors import AiopsError, BusError, SettingsError
from aiops.settings import NetBox, Settings
from aiops.steps.inventory import compare

TOKEN = "not-a-real-token"


def device(name: str, role: str = "server", status: str = "active", address: str = "") -> dict[str, Any]:
    place = {"id": 1, "family": {"value": 4}, "address": f"{address}/24"} if address else None
    status_of = {"value": status, "label": status.title()}
    return {"id": 7, "name": name, "role": {"id": 1, "slug": role}, "status": status_of, "primary_ip4": place}


def machine(name: str, node: str, number: int = 0, status: str = "active") -> dict[str, Any]:
    return {"id": 9, "name": name, "status": {"value": status}, "device": {"id": 7, "name": node}} | {
        "primary_ip": None,
        "custom_fields": {"vmid": number or None},
    }


class Served:
    def __init__(self) -> None:
        self.devices = [device("pve1", address="10.0.0.11"), device("switch", role="switch")]
        self.machines = [machine(f"vm{number}", "pve1") for number in range(450)]
        self.endless = False
        self.asked: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                right = self.headers.get("Authorization") == f"Token {TOKEN}"
                body = json.dumps(outer.page(self.path) if right else {"detail": "Invalid token"}).encode()
                self.send_response(200 if right else 403)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def page(self, path: str) -> dict[str, Any]:
        parts = urlsplit(path)
        rows = {"/api/dcim/devices/": self.devices, "/api/virtualization/virtual-machines/": self.machines}[parts.path]
        asked = {key: int(values[0]) for key, values in parse_qs(parts.query).items()}
        start, end = asked["offset"], asked["offset"] + min(asked["limit"], 100)
        more = end < len(rows) or self.endless
        # A proxy in between makes NetBox write a name that leads nowhere from here.
        following = f"http://inside.invalid{parts.path}?limit=100&offset={end}" if more else None
        return {"count": len(rows), "next": following, "previous": None, "results": rows[start:end]}

    def settings(self, folder: Path, token: str = TOKEN, **more: Any) -> Settings:
        file = folder / "netbox_token"
        file.write_text(token)
        return Settings(netbox=NetBox(url=f"http://127.0.0.1:{self.server.server_port}", token_file=file, **more))


@pytest.fixture
def netbox() -> Iterator[Served]:
    served = Served()
    yield served
    served.server.shutdown()
    served.server.server_close()


def test_all_pages_are_read_from_our_own_address(netbox: Served, tmp_path: Path) -> None:
    (source,) = topologies(netbox.settings(tmp_path, roles=("server",)))
    guests = source.guests()
    assert len(guests) == 451
    assert guests[0].address == "10.0.0.11"
    assert {guest.node for guest in guests[1:]} == {"pve1"}
    assert len(netbox.asked) == 6
    source.guests()
    assert len(netbox.asked) == 6


def test_a_guest_in_one_and_not_in_the_other_is_found(netbox: Served, tmp_path: Path) -> None:
    netbox.devices = [device("pve1")]
    netbox.machines = [
        machine("mosquitto", "pve1", 142),
        machine("forgotten", "pve1"),
        machine("old", "pve1", status="decommissioning"),
    ]
    (source,) = topologies(netbox.settings(tmp_path))
    strangers, unknown = compare([Host(name="pve1"), Host(name="ct142"), Host(name="ct201")], source.guests())
    assert [guest.name for guest in strangers] == ["forgotten"]
    assert unknown == ["ct201"]


def test_a_refused_token_is_blind_and_is_not_told(netbox: Served, tmp_path: Path) -> None:
    (source,) = topologies(netbox.settings(tmp_path, token="other-token"))
    with pytest.raises(SettingsError, match="may not read") as caught:
        source.guests()
    assert "other-token" not in str(caught.value)


@pytest.mark.parametrize(
    "rows", [[{"id": 1, "name": None, "status": {"value": "active"}}], "nothing", [["a", "b"]]], ids=str
)
def test_another_form_than_published_is_a_reason(netbox: Served, tmp_path: Path, rows: Any) -> None:
    netbox.machines = rows
    (source,) = topologies(netbox.settings(tmp_path))
    with pytest.raises(AiopsError, match="netbox"):
        source.guests()


def test_pages_without_an_end_are_left(netbox: Served, tmp_path: Path) -> None:
    netbox.endless = True
    (source,) = topologies(netbox.settings(tmp_path))
    with pytest.raises(SettingsError, match="do not come to an end"):
        source.guests()


def test_nobody_answers_is_no_empty_fleet(netbox: Served, tmp_path: Path) -> None:
    settings = netbox.settings(tmp_path)
    netbox.server.shutdown()
    netbox.server.server_close()
    with pytest.raises(BusError):
        topologies(settings)[0].guests()
