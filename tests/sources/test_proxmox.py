"""The whole way from a Proxmox node on HTTPS to findings on the right hosts."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from aiops.adapters.memory_events import MemoryEvents
from aiops.adapters.once_a_sweep import OnceASweep
from aiops.adapters.proxmox_api import ProxmoxApi
from aiops.adapters.proxmox_witness import ProxmoxWitness
from aiops.detectors import load
from aiops.domain.host import Host
from aiops.domain.sweep import Patrol, Sweep
from aiops.errors import SettingsError
from aiops.ports import DetectionServices
from aiops.steps.detect import detect
from aiops.steps.patrol import patrol
from tests.incident_world import Hosts
from tests.sources.pve import AUDITOR, SECRET, TOKEN, Node
from tests.watchers.test_proxmox import free_port

HOSTS = (
    Host(name="pve1", role="proxmox"),
    Host(name="pve2", role="proxmox"),
    Host(name="ct142", role="mqtt", labels={"node": "pve1"}),
    Host(name="web", role="web", labels={"node": "pve2"}),
)
NO_SPACE = """INFO: Starting Backup of VM 142 (lxc)
ERROR: Backup of VM 142 failed - No space left on device
INFO: Starting Backup of VM 201 (lxc)
INFO: Finished Backup of VM 201 (00:00:40)
INFO: Backup job finished with errors
TASK ERROR: job errors
"""
NOT_TOLD = """INFO: Starting Backup of VM 142 (lxc)
INFO: Finished Backup of VM 142 (00:00:40)
INFO: Backup job finished successfully
TASK ERROR: could not notify via target `mail-to-root`
"""


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    served = Node(tmp_path, int(time.time()))
    yield served
    served.close()


class NoShell:
    def run(self, host: Host, script: str, seconds: float) -> Any:
        raise AssertionError("nobody asked for a login")

    def close(self) -> None: ...


def services(*nodes: tuple[str, str], ca: Path, hosts: tuple[Host, ...] = HOSTS, secret: str = SECRET) -> Any:
    asked = [(name, ProxmoxApi(address, TOKEN, lambda: secret, ca)) for name, address in nodes]
    witness = OnceASweep(ProxmoxWitness(asked))
    return DetectionServices(Hosts(*hosts), NoShell(), MemoryEvents(), witnesses={"proxmox": witness})


def sweep(given: Any, name: str = "sweep-1", hosts: tuple[str, ...] = ()) -> Sweep:
    return detect(
        Patrol(sweep=name, detectors=("proxmox",), hosts=hosts, requested_at=datetime.now(UTC)), given, load()
    )


def told(seen: Sweep) -> set[tuple[str, str, str]]:
    return {(finding.host, finding.kind, finding.subject) for finding in seen.findings}


def test_each_finding_lands_on_the_host_it_is_about(node: Node) -> None:
    node.ended("pve1", "vzdump", "job errors", NO_SPACE)
    node.stopped = {201}
    seen = sweep(services(("pve1", node.address), ca=node.ca))
    assert seen.blind == ()
    assert told(seen) == {
        ("pve1", "storage.full", "pve1/local"),
        ("pve2", "storage.full", "pve2/local"),
        ("pve1", "task.failed", "vzdump:142"),
        ("ct142", "guest.unprotected", "142"),
        ("web", "guest.stopped", "201"),
    }


def test_a_backup_whose_mail_was_not_sent_has_not_failed(node: Node) -> None:
    node.ended("pve1", "vzdump", "could not notify via target `mail-to-root`", NOT_TOLD)
    assert "task.failed" not in {kind for _, kind, _ in told(sweep(services(("pve1", node.address), ca=node.ca)))}


def test_a_failure_is_taken_back_by_the_same_task_ending_well(node: Node) -> None:
    node.ended("pve2", "vzmigrate", "migration aborted", ago=7200, about="201")
    given = services(("pve1", node.address), ca=node.ca)
    assert ("pve2", "task.failed", "vzmigrate:201") in told(sweep(given))
    node.ended("pve2", "vzmigrate", "OK", ago=60, about="201")
    assert ("pve2", "task.failed", "vzmigrate:201") not in told(sweep(given, "sweep-2"))


def test_three_shards_of_a_sweep_ask_once_and_a_verification_asks_anew(node: Node) -> None:
    given = services(("pve1", node.address), ca=node.ca)
    sweep(given, hosts=("pve1",))
    asked = len(node.asked)
    sweep(given, hosts=("pve2", "web"))
    sweep(given, hosts=("ct142",))
    assert len(node.asked) == asked
    sweep(given, "verify-1", hosts=("pve1",))
    assert len(node.asked) > asked


@pytest.mark.parametrize(
    ("rights", "dark"),
    [
        ({}, {"proxmox-nodes", "proxmox-storages", "proxmox-guests", "proxmox-tasks", "proxmox-cover"}),
        ({"/vms": AUDITOR}, {"proxmox-nodes", "proxmox-storages", "proxmox-tasks", "proxmox-cover"}),
        ({"/nodes": AUDITOR, "/storage": AUDITOR}, {"proxmox-nodes", "proxmox-guests", "proxmox-cover"}),
        ({"/": {"Sys.Audit": 0}}, {"proxmox-storages", "proxmox-guests", "proxmox-tasks", "proxmox-cover"}),
    ],
)
def test_what_the_token_may_not_see_is_blind_and_never_an_empty_list(
    node: Node, rights: dict[str, dict[str, int]], dark: set[str]
) -> None:
    node.rights = rights
    seen = sweep(services(("pve1", node.address), ca=node.ca))
    assert {entry.probe for entry in seen.blind} == dark
    assert all("lacks" in entry.reason and "PVEAuditor" in entry.remedy for entry in seen.blind)
    kinds = {kind for kinds in seen.looked_at.values() for kind in kinds}
    assert ("task.failed" in kinds) == ("proxmox-tasks" not in dark)


def test_a_refused_token_is_one_trouble_of_all_hosts_and_its_secret_is_not_told(node: Node) -> None:
    seen = sweep(services(("pve1", node.address), ca=node.ca, secret="wrong-secret"))
    assert {entry.host for entry in seen.blind} == {host.name for host in HOSTS}
    assert all(entry.shared and "401" in entry.reason and "wrong-secret" not in entry.reason for entry in seen.blind)
    assert seen.looked_at == {}


def test_a_node_that_cannot_tell_of_its_tasks_blinds_itself_and_its_guests_only(node: Node) -> None:
    node.broken["/nodes/pve2/tasks"] = 596
    seen = sweep(services(("pve1", node.address), ca=node.ca))
    assert {(entry.host, entry.probe) for entry in seen.blind} == {("pve2", "proxmox-tasks"), ("web", "proxmox-tasks")}
    assert seen.looked("pve1", "task.failed")


def test_a_dead_node_whose_cluster_answers_elsewhere_hides_nothing(node: Node) -> None:
    given = services(("pve2", f"127.0.0.1:{free_port()}"), ("pve1", node.address), ca=node.ca)
    assert sweep(given).blind == ()


def test_nobody_answers_and_everybody_is_blind(node: Node) -> None:
    seen = sweep(services(("pve1", f"127.0.0.1:{free_port()}"), ca=node.ca))
    assert {entry.host for entry in seen.blind} == {host.name for host in HOSTS}


def test_a_node_that_stands_alone_and_sleeps_by_design_blinds_nobody(node: Node) -> None:
    asleep = Host(name="pve3", role="proxmox", expected_state="on_demand")
    given = services(("pve1", node.address), ("pve3", f"127.0.0.1:{free_port()}"), ca=node.ca, hosts=(*HOSTS, asleep))
    seen = sweep(given)
    assert seen.blind == ()
    assert seen.asleep == ("pve3",)


def test_what_is_about_no_host_of_ours_is_told_where_the_source_runs(node: Node) -> None:
    given = services(("pve1", node.address), ca=node.ca, hosts=HOSTS[:1])
    assert ("pve1", "storage.full", "pve2/local") in told(sweep(given))


def test_a_source_that_no_host_is_cannot_speak_of_strangers(node: Node) -> None:
    seen = sweep(services(("elsewhere", node.address), ca=node.ca, hosts=(Host(name="laptop"),)))
    assert seen.blind
    assert all("no host of the inventory is" in entry.reason for entry in seen.blind)


def test_a_guardian_whose_source_is_not_set_up_is_left_out_and_a_human_is_told(node: Node) -> None:
    bare = replace(services(("pve1", node.address), ca=node.ca), witnesses={})
    assert patrol("s", ["proxmox"], bare, load(), started_by="beat") == []
    (order,) = patrol("s", ["proxmox", "health"], bare, load(), started_by="beat")
    assert order.detectors == ("health",)
    with pytest.raises(SettingsError, match="not set up"):
        patrol("s", ["proxmox"], bare, load())
