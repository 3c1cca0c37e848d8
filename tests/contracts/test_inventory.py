"""The port Inventory: a file of Ansible's, and just this machine."""

import os
from pathlib import Path

import pytest

from aiops.adapters.inventory import AnsibleInventory, LocalInventory
from aiops.domain.host import Host
from aiops.errors import SettingsError, UnknownError
from aiops.ports import Inventory

FLEET = """
all:
  vars:
    aiops_role: server
    anything: "{{ not our business }}"
    secret: !vault |
      $ANSIBLE_VAULT;1.1;AES256
  hosts:
    pve3:
      ansible_host: 10.0.0.3
      aiops_expected_state: on_demand
    workstation:
      ansible_connection: local
  children:
    dns:
      vars: {aiops_pair: technitium, aiops_role: dns}
      hosts:
        ct1[10:12]:
        dns-two:
          ansible_host: 10.0.0.53
          ansible_port: 2222
          aiops_http: https://dns.example.org/ http://10.0.0.53:5380/
      children:
        dns_primary:
    dns_primary:
      vars: {aiops_role: dns-primary}
      hosts:
        ct110:
"""


def written(folder: Path, text: str, name: str = "hosts.yml") -> AnsibleInventory:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return AnsibleInventory(path)


@pytest.fixture(params=["ansible", "local"])
def inventory(request: pytest.FixtureRequest, tmp_path: Path) -> Inventory:
    return written(tmp_path, FLEET) if request.param == "ansible" else LocalInventory()


def test_there_is_at_least_one_host_and_each_is_found_by_its_name(inventory: Inventory) -> None:
    assert inventory.hosts()
    assert [inventory.find(host.name) for host in inventory.hosts()] == list(inventory.hosts())


def test_names_are_unique(inventory: Inventory) -> None:
    names = [host.name for host in inventory.hosts()]
    assert len(names) == len(set(names))


def test_a_host_nobody_knows_is_not_found(inventory: Inventory) -> None:
    with pytest.raises(UnknownError, match="nosuch"):
        inventory.find("nosuch")


def test_this_machine_is_local_and_a_workstation() -> None:
    (host,) = LocalInventory("my box").hosts()
    assert host == Host(name="my-box", local=True, role="workstation")


def test_hosts_keep_the_order_of_the_file(tmp_path: Path) -> None:
    names = [host.name for host in written(tmp_path, FLEET).hosts()]
    assert names == ["pve3", "workstation", "ct110", "ct111", "ct112", "dns-two"]


def test_variables_of_hosts_and_groups_are_read(tmp_path: Path) -> None:
    inventory = written(tmp_path, FLEET)
    assert inventory.find("pve3") == Host(name="pve3", address="10.0.0.3", role="server", expected_state="on_demand")
    assert inventory.find("workstation") == Host(name="workstation", local=True, role="server")
    assert inventory.find("ct111") == Host(name="ct111", role="dns", pair="technitium")
    assert inventory.find("dns-two") == Host(
        name="dns-two",
        address="10.0.0.53",
        port=2222,
        role="dns",
        pair="technitium",
        labels={"http": "https://dns.example.org/ http://10.0.0.53:5380/"},
    )


def test_a_child_group_wins_over_its_parent(tmp_path: Path) -> None:
    assert written(tmp_path, FLEET).find("ct110").role == "dns-primary"


def test_a_host_wins_over_its_groups(tmp_path: Path) -> None:
    text = "web: {vars: {aiops_role: web}, hosts: {a: {aiops_role: special}, b: }}\n"
    inventory = written(tmp_path, text)
    assert [host.role for host in inventory.hosts()] == ["special", "web"]


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    inventory = written(tmp_path, "all: {hosts: {a: }}\n")
    assert [host.name for host in inventory.hosts()] == ["a"]
    path = tmp_path / "hosts.yml"
    path.write_text("all: {hosts: {a: , bee: }}\n", encoding="utf-8")
    os.utime(path, ns=(1, 1))
    assert [host.name for host in inventory.hosts()] == ["a", "bee"]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("all:\n  hosts:\n   a: {\n", 4, "no YAML"),
        ("all:\n  hosts: [a, b]\n", 2, "must be a mapping"),
        ("all:\n  host:\n    a:\n", 2, "'host'"),
        ("all:\n  hosts:\n    a:\n      ansible_port: many\n", 4, "ansible_port"),
        ("all:\n  hosts:\n    a:\n      ansible_port: 70000\n", 4, "ansible_port"),
        ("all:\n  hosts:\n    a:\n      aiops_expected_state: asleep\n", 4, "aiops_expected_state"),
        ("all:\n  hosts:\n    a:\n      aiops_role: [x]\n", 4, "one value"),
        ("all:\n  hosts:\n    a:\n      ansible_host: '{{ ip }}'\n", 4, "template"),
        ("all:\n  hosts:\n    'a b':\n", 3, "its name"),
        ("a:\n  children:\n    b:\n      children:\n        a:\n  hosts:\n    x:\n", 5, "its own child"),
        ("\n", 1, "empty"),
        ("all:\n", 1, "no host"),
        ("- a\n", 1, "must be a mapping"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, text: str, line: int, reason: str) -> None:
    with pytest.raises(SettingsError) as caught:
        written(tmp_path, text).hosts()
    assert caught.value.where == f"{tmp_path}/hosts.yml:{line}"
    assert reason in caught.value.reason


@pytest.mark.parametrize("name", ["hosts", "hosts.ini"])
def test_an_inventory_in_the_ini_format_says_how_to_convert_it(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match="ansible-inventory"):
        written(tmp_path, "[web]\nweb1 ansible_host=10.0.0.1\n", name).hosts()


def test_a_missing_file_is_a_matter_of_settings(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        AnsibleInventory(tmp_path / "nosuch.yml").hosts()


def test_a_mistake_does_not_hide_behind_the_last_good_reading(tmp_path: Path) -> None:
    inventory = written(tmp_path, "all: {hosts: {a: }}\n")
    inventory.hosts()
    (tmp_path / "hosts.yml").write_text("all: [", encoding="utf-8")
    for _ in range(2):
        with pytest.raises(SettingsError):
            inventory.hosts()
