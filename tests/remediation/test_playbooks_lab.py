"""The shipped playbooks on real hosts: real systemd, dpkg, apt and sshd, an unprivileged login with sudo."""

from typing import Any

import pytest

from lab import faults
from tests.remediation.fleet import Fleet

pytestmark = [pytest.mark.lab, pytest.mark.slow]

WAZUH = {"package": "wazuh-manager", "version": "4.14.4-1", "intruder": ["wazuh-agent"]}


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

    assert "install wazuh-manager=4.14.4-1 wazuh-agent-" in fleet.inside.read("/var/log/apt/history.log"), "asked for"

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
