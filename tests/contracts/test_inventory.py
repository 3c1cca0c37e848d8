"""The port Inventory: a file of Ansible's, and just this machine."""

import os
from pathlib import Path

import pytest
import yaml

from aiops.adapters import inventory_sources
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


INI = """
# the same fleet, as many have it
pve3 ansible_host=10.0.0.3 aiops_expected_state=on_demand
workstation ansible_connection=local

[all:vars]
aiops_role=server
anything = "{{ not our business }}"

[dns]
ct1[10:12]
dns-two:2222 ansible_host=10.0.0.53 aiops_http="https://dns.example.org/ http://10.0.0.53:5380/"  # a comment

[dns:vars]
aiops_pair=technitium
aiops_role = dns

[dns:children]
dns_primary

[dns_primary]
ct110

[dns_primary:vars]
aiops_role=dns-primary
"""


@pytest.mark.parametrize("name", ["hosts", "hosts.ini", "inventory.cfg"])
def test_an_inventory_in_the_ini_form_gives_the_same_hosts(tmp_path: Path, name: str) -> None:
    (tmp_path / "yaml").mkdir()
    expected = {host.name: host for host in written(tmp_path / "yaml", FLEET).hosts()}
    assert {host.name: host for host in written(tmp_path, INI, name).hosts()} == expected


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("[web]\nweb1 ansible_port=many\n", 2, "ansible_port"),
        ("[web]\nweb1 loose\n", 2, "no variable"),
        ("[web\nweb1\n[x]\n", 1, "no section"),
        ("[web:vars]\nnothing\n", 2, "no variable"),
        ('[web]\nweb1 note="open\n', 2, "quotation"),
        ("[web]\n", 1, "no host"),
    ],
)
def test_a_mistake_in_the_ini_form_is_named_with_its_line(tmp_path: Path, text: str, line: int, reason: str) -> None:
    with pytest.raises(SettingsError) as caught:
        written(tmp_path, text, "hosts.ini").hosts()
    assert caught.value.where == f"{tmp_path}/hosts.ini:{line}"
    assert reason in caught.value.reason


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    """Variables in folders beside the inventory, as a grown repository has them."""
    for name, text in {
        "group_vars/all.yml": "aiops_role: server\nntp: [a, b]\n",
        "group_vars/dns/main.yml": "aiops_role: dns\naiops_pair: technitium\n",
        "group_vars/dns/vault.yml": "$ANSIBLE_VAULT;1.1;AES256\n3061\n",
        "host_vars/ct101.yaml": "ansible_host: 10.0.0.101\naiops_node: pve1\n",
        "host_vars/ct102": "---\naiops_role: dns-two\nsecret: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n",
        "host_vars/empty.yml": "",
        "hosts.ini": "[dns]\nct101\nct102\n\n[others]\nempty aiops_role=lamp\npve1\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_variables_in_folders_beside_the_inventory_are_read_and_vaults_passed_over(beside: Path) -> None:
    found = {host.name: host for host in AnsibleInventory(beside / "hosts.ini").hosts()}
    assert found["ct101"] == Host(
        name="ct101", address="10.0.0.101", role="dns", pair="technitium", labels={"node": "pve1"}
    )
    assert found["ct102"].role == "dns-two"
    assert (found["empty"].role, found["pve1"].role) == ("lamp", "server")


def test_a_changed_folder_is_read_again(beside: Path) -> None:
    inventory = AnsibleInventory(beside / "hosts.ini")
    assert inventory.find("pve1").role == "server"
    (beside / "host_vars" / "pve1.yml").write_text("aiops_role: proxmox\n", encoding="utf-8")
    assert inventory.find("pve1").role == "proxmox"


def test_a_mistake_in_a_folder_is_named_with_its_file_and_line(beside: Path) -> None:
    (beside / "host_vars" / "pve1.yml").write_text("x: 1\naiops_role: [a]\n", encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        AnsibleInventory(beside / "hosts.ini").hosts()
    assert caught.value.where == f"{beside}/host_vars/pve1.yml:2"


def test_the_order_of_variables_is_ansibles_own(beside: Path) -> None:
    (beside / "group_vars" / "dns" / "vault.yml").unlink()
    (beside / "host_vars" / "ct102").write_text("aiops_role: dns-two\n", encoding="utf-8")
    (beside / "hosts.ini").write_text(
        "[dns]\nct101 aiops_pair=line\nct102\n[dns:vars]\naiops_role=inline\naiops_pair=inline\n", encoding="utf-8"
    )
    ours = {host.name: (host.role, host.pair) for host in AnsibleInventory(beside / "hosts.ini").hosts()}
    by_ansible = inventory_sources.by_ansible(beside / "hosts.ini")
    said = yaml.safe_load(by_ansible.replace("!vault", ""))["all"]["children"]["dns"]["hosts"]
    assert ours == {name: (values["aiops_role"], values["aiops_pair"]) for name, values in said.items()}


def test_a_folder_a_script_and_a_plugin_are_read_by_ansible(tmp_path: Path) -> None:
    folder = tmp_path / "inventory"
    folder.mkdir()
    (folder / "one.ini").write_text("[web]\nweb1 aiops_role=web\n", encoding="utf-8")
    (folder / "two.yml").write_text("all: {hosts: {pve1: {aiops_role: proxmox}}}\n", encoding="utf-8")
    assert {host.name: host.role for host in AnsibleInventory(folder).hosts()} == {"web1": "web", "pve1": "proxmox"}

    script = tmp_path / "dynamic.sh"
    script.write_text(
        '#!/bin/sh\necho \'{"web": {"hosts": ["web9"], "vars": {"aiops_role": "web"}}}\'\n', encoding="utf-8"
    )
    script.chmod(0o755)
    assert AnsibleInventory(script).find("web9").role == "web"

    plugin = tmp_path / "hosts.constructed.yml"
    plugin.write_text("plugin: no.such.plugin\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="ansible-inventory"):
        AnsibleInventory(plugin).hosts()


def test_each_host_knows_its_groups(tmp_path: Path) -> None:
    assert written(tmp_path, FLEET).groups()["ct110"] == ("dns", "dns_primary")
    assert written(tmp_path, INI, "hosts").groups()["pve3"] == ()


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
