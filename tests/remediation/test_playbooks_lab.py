"""The shipped playbooks on real hosts: real systemd, dpkg, apt and sshd, an unprivileged login with sudo."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aiops.adapters.ansible_executor import AnsibleExecutor
from aiops.domain.host import Host
from aiops.domain.outcome import Outcome
from aiops.ports import Claim
from aiops.remediations import SHIPPED, check_params, load
from lab import enter, faults
from tests.plans import NOON, approved
from tests.remediation.conftest import Gate

pytestmark = [pytest.mark.lab, pytest.mark.slow]

PROJECT = Path(__file__).parents[2]
ACCOUNT = "repairer"
WAZUH = {"package": "wazuh-manager", "version": "4.14.4-1", "intruder": ["wazuh-agent"]}


class Fleet:
    """One host that is broken and repaired."""

    name = "ct201"

    def __init__(self, lab: str, state: dict[str, Any], key: Path) -> None:
        self.state = state
        self.inside = enter.find(self.name, lab)
        self.catalogue = load(SHIPPED)
        self.executor = AnsibleExecutor(SHIPPED, ACCOUNT, key, Path(state["known_hosts"]), Gate())

    def repair(self, playbook: str, **params: Any) -> Outcome:
        remediation = self.catalogue[playbook]
        whole = check_params(remediation, params)
        plan = approved(remediation=playbook, hosts=(self.name,), params=whole, timeout=remediation.timeout)
        host = Host(name=self.name, address=self.state["hosts"][self.name]["address"])
        claim = Claim(plan.plan.id, time.time_ns(), NOON, (self.name,))
        return self.executor.run(plan, remediation, [host], claim, lambda: True)

    def broken(self, fault: str) -> bool:
        return faults.named(fault).look(self.inside).present

    def break_(self, fault: str) -> None:
        one = faults.named(fault)
        one.prepare(self.inside)
        one.inject(self.inside)
        assert self.broken(fault)

    def run(self, *argv: str) -> str:
        return self.inside.run(*argv).out


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("lab")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "key")], check=True)
    (folder / "sudoers").write_text(f"{ACCOUNT} ALL=(root) NOPASSWD: ALL\n")
    name = f"fix{os.getpid()}"
    account = f"{ACCOUNT}:{folder}/key.pub:{folder}/sudoers"
    command = [sys.executable, "-m", "lab"]
    up = [*command, "up", "--hosts", "1", "--name", name, "--account", account, "--dir", str(folder / "lab"), "--json"]
    answer = subprocess.run([*up, "--die-with", str(os.getpid())], cwd=PROJECT, check=True, capture_output=True)
    yield Fleet(name, json.loads(answer.stdout), folder / "key")
    subprocess.run([*command, "down", "--name", name], cwd=PROJECT, check=True, capture_output=True)


def test_a_dead_service_is_restarted(fleet: Fleet) -> None:
    fleet.break_("dead-service")
    outcome = fleet.repair("restart_service", unit="cron.service")
    assert outcome.status == "success", outcome.reason
    assert "Restart the unit" in outcome.changes
    assert not fleet.broken("dead-service")


def test_a_service_that_does_not_stay_up_is_no_success(fleet: Fleet) -> None:
    fleet.break_("crash-loop")
    units = fleet.run(
        "systemctl", "list-units", "--plain", "--no-legend", "--state=activating,active", "--type=service"
    )
    looping = [
        line.split()[0]
        for line in units.splitlines()
        if fleet.run("systemctl", "show", "--value", "-p", "NRestarts", line.split()[0]).strip() not in ("0", "")
    ]
    outcome = fleet.repair("restart_service", unit=looping[0])
    assert outcome.status == "failure"
    assert "does not stay up" in outcome.reason
    faults.named("crash-loop").heal(fleet.inside)


def test_the_wazuh_incident_is_repaired(fleet: Fleet) -> None:
    fleet.break_("agent-removes-manager")
    outcome = fleet.repair("restore_removed_package", **WAZUH)
    assert outcome.status == "success", outcome.reason
    assert "purge wazuh-agent, install and hold wazuh-manager=4.14.4-1" in outcome.changes
    assert "client.keys" in outcome.changes
    assert not fleet.broken("agent-removes-manager"), "38 of 38 agents"
    assert fleet.run("dpkg-query", "-W", "-f=${db:Status-Abbrev}", "wazuh-manager") == "hi "
    assert fleet.run("stat", "-c", "%U:%a", "/var/ossec/etc/client.keys").strip() == "root:640"

    again = fleet.repair("restore_removed_package", **WAZUH)
    assert again.status == "success", again.reason
    assert again.recap["ct201"]["changed"] == 0
    assert again.changes == ""


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"intruder": ["lab-oldtool"]}, "would also remove wazuh-agent"),
        ({"version": "9.9.9-1"}, "9.9.9-1"),
        ({"package": "no-such-package"}, "no-such-package"),
    ],
)
def test_a_package_is_not_restored_at_a_price_that_the_plan_does_not_name(
    fleet: Fleet, change: dict[str, Any], reason: str
) -> None:
    fleet.break_("agent-removes-manager")
    outcome = fleet.repair("restore_removed_package", **WAZUH | change)
    assert outcome.status == "failure"
    assert outcome.reason.startswith("check mode failed, nothing was changed")
    assert reason in outcome.reason
    assert fleet.run("dpkg-query", "-W", "-f=${db:Status-Abbrev}", "wazuh-agent") == "ii "


def test_a_service_whose_package_is_gone_is_not_restarted(fleet: Fleet) -> None:
    fleet.break_("agent-removes-manager")
    before = fleet.run("pgrep", "-f", "wazuh-remoted")
    outcome = fleet.repair("restart_service", unit="wazuh-manager.service")
    assert outcome.status == "failure"
    assert "nothing was changed" in outcome.reason
    assert fleet.run("pgrep", "-f", "wazuh-remoted") == before


def test_backup_leftovers_are_deleted_and_a_running_backup_is_not(fleet: Fleet) -> None:
    fleet.break_("vzdump-orphans")
    running = faults.named("vzdump-running")
    running.inject(fleet.inside)
    found = fleet.run("find", "/var/tmp", "-maxdepth", "1", "-name", "vzdumptmp*").split()
    assert len(found) >= 2
    outcome = fleet.repair("clean_vzdump_orphans", directories=found)
    assert outcome.status == "success", outcome.reason
    assert not fleet.broken("vzdump-orphans")
    assert not running.look(fleet.inside).harmed
    assert len(fleet.run("find", "/var/tmp", "-maxdepth", "1", "-name", "vzdumptmp*").split()) == 1
    running.heal(fleet.inside)


def test_a_young_leftover_stays(fleet: Fleet) -> None:
    fleet.run("mkdir", "-p", "/tmp/vzdumptmp999999_100")
    assert fleet.repair("clean_vzdump_orphans", directories=["/tmp/vzdumptmp999999_100"]).status == "success"
    assert fleet.run("ls", "-d", "/tmp/vzdumptmp999999_100")


def test_a_link_in_the_place_of_a_leftover_is_not_followed(fleet: Fleet) -> None:
    fleet.run("mkdir", "-p", "/root/precious")
    fleet.run("ln", "-sfn", "/root/precious", "/tmp/vzdumptmp999998_100")
    fleet.run("touch", "-h", "-d", "2 days ago", "/tmp/vzdumptmp999998_100", "/root/precious")
    fleet.repair("clean_vzdump_orphans", directories=["/tmp/vzdumptmp999998_100"])
    assert fleet.run("ls", "-d", "/root/precious")


def test_only_caches_on_the_full_filesystem_are_freed(fleet: Fleet) -> None:
    cached = "/var/cache/apt/archives/big_1_all.deb"
    fleet.run("dd", "if=/dev/zero", f"of={cached}", "bs=1M", "count=8", "status=none")
    refused = fleet.repair("clean_disk", mount="/srv/data")
    assert refused.status == "failure"
    assert "nothing that this playbook may delete lies on /srv/data" in refused.reason
    assert fleet.run("ls", cached)
    outcome = fleet.repair("clean_disk", mount="/")
    assert outcome.status == "success", outcome.reason
    assert "8 MiB of downloaded packages" in outcome.changes
    assert fleet.run("find", "/var/cache/apt/archives", "-name", "*.deb") == ""
