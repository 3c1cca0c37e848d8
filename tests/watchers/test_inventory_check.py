"""``aiops inventory check``: roles guessed, gaps and doubles named, and what another source knows otherwise."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from aiops.adapters.enriched_inventory import EnrichedInventory
from aiops.adapters.homelable import HomelableMap
from aiops.adapters.inventory import AnsibleInventory
from aiops.domain.guest import Guest
from aiops.domain.host import Host
from aiops.errors import SettingsError
from aiops.steps.inventory import check_inventory, guess_role
from aiops.steps.watch import Watcher
from tasks.cli import cli
from tests.incident_world import Hosts, World

MAP: dict[str, Any] = {
    "roots": [{"label": "Uplink", "nodeType": "isp"}],
    "peers": [{"label": "Lamp bridge", "nodeType": "iot", "hostname": None, "ipAddress": None}],
    "zones": [
        {
            "label": "pve1",
            "nodeType": "proxmox",
            "hostname": None,
            "ipAddress": "10.0.0.1",
            "children": [
                {"label": "Technitium DNS (2)", "nodeType": "lxc", "hostname": None, "ipAddress": None},
                {"label": "Photos", "nodeType": "vm", "hostname": None, "ipAddress": "10.0.0.77"},
                {"label": "Forgotten", "nodeType": "lxc", "hostname": None, "ipAddress": None},
            ],
        }
    ],
    "total": 6,
}
INVENTORY = """
[proxmox]
pve1 ansible_host=10.0.0.1 aiops_role=proxmox

[dns_servers]
technitium-dns-2

[lxc]
ct177 ansible_host=10.0.0.77
ct178 ansible_host=10.0.0.77
"""
"""Written for these tests."""


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "hosts.ini").write_text(INVENTORY, encoding="utf-8")
    (tmp_path / "map.json").write_text(json.dumps(MAP), encoding="utf-8")
    config = tmp_path / "aiops.toml"
    config.write_text(
        f'state = "{tmp_path}/state"\n[fleet]\ninventory = "{tmp_path}/hosts.ini"\nhomelable = "{tmp_path}/map.json"\n',
        encoding="utf-8",
    )
    monkeypatch.setenv("AIOPS_CONFIG", str(config))
    return tmp_path


@pytest.mark.parametrize(
    ("name", "groups", "role"),
    [
        ("wazuh", (), "siem"),
        ("ct234", ("lxc", "wazuh"), "siem"),
        ("technitium-dns-2", (), "dns"),
        ("pve3", ("debian",), "proxmox"),
        ("ct108", ("lxc", "dns_servers"), "dns"),
        ("step-ca", (), "ca"),
        ("ct160", ("containers", "kitchen_timers"), "kitchen-timers"),
        ("ct161", ("lxc", "debian12"), ""),
        ("cathedral", (), ""),
        ("ct162", ("red", "green"), ""),
    ],
)
def test_a_role_is_guessed_from_a_word_and_never_from_a_part_of_one(
    name: str, groups: tuple[str, ...], role: str
) -> None:
    assert guess_role(name, groups)[0] == role


def test_a_host_without_a_role_is_read_only_and_gets_a_proposal() -> None:
    (one,) = check_inventory([Host(name="mosquitto")], {}).hosts
    assert (one.role, one.guess, one.because) == ("", "mqtt", "mosquitto")
    assert "read-only for every playbook; set aiops_role: mqtt" in one.problems[0]


def test_doubles_strange_labels_and_lonely_pairs_are_named() -> None:
    hosts = [
        Host(
            name="a", role="web", address="10.0.0.1", labels={"node": "pve9", "http": "ftp://x https://ok.example.org/"}
        ),
        Host(name="b", role="web", address="10.0.0.1"),
        Host(name="B", role="web", pair="dns"),
        Host(name="c", role="web", port=2222, address="10.0.0.1"),
    ]
    problems = {one.host: one.problems for one in check_inventory(hosts, {}).hosts}
    assert problems == {
        "a": (
            "aiops_node names pve9, which is no host here",
            "aiops_http holds ftp://x, which is no address of a page",
            "b has the same address 10.0.0.1",
        ),
        "b": ("a has the same address 10.0.0.1", "B differs only in upper and lower case"),
        "B": ("it is alone in the pair dns", "b differs only in upper and lower case"),
        "c": (),
    }


@pytest.mark.parametrize(
    ("guest", "host", "same"),
    [
        (Guest(name="Technitium DNS (2)"), Host(name="technitium-dns-2"), True),
        (Guest(name="wiki", number=142), Host(name="ct142"), True),
        (Guest(name="wiki", number=14), Host(name="ct142"), False),
        (Guest(name="x", address="10.0.0.5"), Host(name="y", address="10.0.0.5"), True),
        (Guest(name="forgejo"), Host(name="forgejo.home.example.org"), True),
        (Guest(name="Forgejo Runner"), Host(name="forgejo"), False),
        (Guest(name="-"), Host(name="a"), False),
    ],
)
def test_a_guest_is_the_host_of_the_same_address_number_or_name(guest: Guest, host: Host, same: bool) -> None:  # noqa: FBT001
    assert guest.is_host(host) is same


def test_a_map_tells_what_runs_where_and_lamps_are_no_machines(fleet: Path) -> None:
    guests = HomelableMap(fleet / "map.json").guests()
    assert [(guest.name, guest.node, guest.kind) for guest in guests] == [
        ("pve1", "", "proxmox"),
        ("Technitium DNS (2)", "pve1", "lxc"),
        ("Photos", "pve1", "vm"),
        ("Forgotten", "pve1", "lxc"),
    ]


@pytest.mark.parametrize("text", ["", "[]", '{"zones": 3}', '{"zones": [{"nodeType": "lxc"}]}'])
def test_what_is_no_map_says_so(tmp_path: Path, text: str) -> None:
    (tmp_path / "map.json").write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=r"Homelable|label"):
        HomelableMap(tmp_path / "map.json").guests()


def test_hosts_get_the_node_they_run_on_and_the_inventorys_own_word_wins(fleet: Path) -> None:
    enriched = EnrichedInventory(AnsibleInventory(fleet / "hosts.ini"), [HomelableMap(fleet / "map.json")])
    assert {host.name: host.labels.get("node", "") for host in enriched.hosts()} == {
        "pve1": "",
        "technitium-dns-2": "pve1",
        "ct177": "pve1",
        "ct178": "pve1",
    }
    (fleet / "host_vars").mkdir()
    (fleet / "host_vars" / "ct177.yml").write_text("aiops_node: pve4\n", encoding="utf-8")
    assert enriched.find("ct177").labels["node"] == "pve4"
    (fleet / "map.json").write_text("broken", encoding="utf-8")
    assert enriched.find("technitium-dns-2").labels == {}


def test_the_command_shows_it_all_and_says_by_its_code_that_there_is_something_to_do(fleet: Path) -> None:
    shown = CliRunner().invoke(cli, ["inventory", "check"])
    assert shown.exit_code == 1
    assert "not in the inventory: Forgotten on pve1 (lxc, homelable)" in shown.stdout
    assert "dns?" in shown.stdout

    said = json.loads(CliRunner().invoke(cli, ["inventory", "check", "--json"]).stdout)
    assert [guest["name"] for guest in said["strangers"]] == ["Forgotten"]
    assert next(one for one in said["hosts"] if one["host"] == "ct178")["node"] == "pve1"

    (fleet / "map.json").write_text("broken", encoding="utf-8")
    blind = json.loads(CliRunner().invoke(cli, ["inventory", "check", "--json"]).stdout)
    assert (blind["strangers"], len(blind["blind"])) == ([], 1)


def test_a_machine_that_only_one_side_knows_is_a_finding_and_all_of_them_are_one_incident(tmp_path: Path) -> None:
    (tmp_path / "map.json").write_text(json.dumps(MAP), encoding="utf-8")
    hosts = Hosts(
        Host(name="pve1"), Host(name="technitium-dns-2"), Host(name="ct177", address="10.0.0.77"), Host(name="ghost")
    )
    world = World(tmp_path, inventory=hosts, topologies=[HomelableMap(tmp_path / "map.json")])
    watcher = Watcher(world.services)
    for _ in range(8):
        world.later(seconds=15)
        watcher.round({})
    incident = world.only()
    assert {finding.subject for finding in incident.findings} == {"Forgotten", "ghost"}
    assert watcher.troubles == ()

    hosts.known["forgotten"] = Host(name="forgotten")
    del hosts.known["ghost"]
    world.later(seconds=15)
    watcher.round({})
    assert world.only().state.value == "resolved"


def test_a_source_that_cannot_be_read_closes_nothing(tmp_path: Path) -> None:
    (tmp_path / "map.json").write_text(json.dumps(MAP), encoding="utf-8")
    world = World(tmp_path, inventory=Hosts(Host(name="pve1")), topologies=[HomelableMap(tmp_path / "map.json")])
    watcher = Watcher(world.services)
    watcher.round({})
    (tmp_path / "map.json").write_text("broken", encoding="utf-8")
    world.later(minutes=1)
    watcher.round({})
    assert world.only().state.open


@pytest.mark.skipif(
    not (Path(os.environ.get("AIOPS_REFERENCE", "../shared/reference")) / "data" / "topology.json").is_file(),
    reason="the operator's own map is not here; AIOPS_REFERENCE names its folder",
)
def test_the_operators_own_map_is_read_whole() -> None:
    path = Path(os.environ.get("AIOPS_REFERENCE", "../shared/reference")) / "data" / "topology.json"
    guests = HomelableMap(path).guests()
    zones = json.loads(path.read_text(encoding="utf-8"))["zones"]
    assert sum(bool(guest.node) for guest in guests) >= 50
    assert {guest.name for guest in guests if guest.kind == "proxmox"} == {zone["label"] for zone in zones}
