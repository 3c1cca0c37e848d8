"""Every guardian on real hosts through the running system: quiet for thirty sweeps, then it sees its fault, and only there."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from aiops import bootstrap
from aiops.domain.severity import Severity
from aiops.domain.sweep import Sweep
from aiops.ports import IncidentServices
from aiops.settings import load_settings
from aiops.steps import detectors
from lab.faults.config_archive_old import ARCHIVE
from tasks.real_hosts import fleet, lab
from tests.system import System

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(900)]

SWEEPS = int(os.environ.get("QUIET_SWEEPS", "30"))
"""On Debian 12; a third of them on Debian 13."""
ALL = sorted(set(detectors()) - {"log-store", "logs", "metrics", "mirrors", "pbs", "proxmox", "releases"})
"""Guardians that look at the hosts themselves; what other systems are asked for is tested in tests/sources."""
FAULTS = {
    "health": ("dead-service", "service.dead"),
    "disk": ("vzdump-orphans", "disk.vzdump_orphan"),
    "audit-dpkg-rc": ("dpkg-rc", "package.leftover"),
    "security": ("second-root", "security.root_account"),
    "soc": ("guessed-logins", "soc.brute_force"),
    "certs": ("cert-expiring", "cert.expiring"),
    "upgrade-check": ("upgrade-waiting", "upgrade.pending"),
    "backup": ("backup-failed", "backup.failed"),
    "config-backup": ("config-archive-old", "config.old"),
    "drives": ("pool-degraded", "drive.pool_degraded"),
    "headscale": ("vpn-machine-away", "headscale.offline"),
    "wazuh": ("agents-silent", "wazuh.agents_missing"),
}
"""By guardian: a fault of the lab, and the kind it is seen as."""

SETTINGS = """
[correlation]
baseline = true

[detectors.config-backup]
archives = ["/var/backups/config/*.age"]

[detectors.wazuh]
reconnect_minutes = 0
"""
WATCH_ONLY = '[policy]\ndefault = "never"\n'


@dataclass
class Hosts(System):
    """The system and the name of its lab."""

    lab: str = ""
    release: str = ""
    services: IncidentServices = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.services = bootstrap.incidents(self.settings)

    def sweep(self, *guardians: str) -> list[Sweep]:
        """What beat's own message comes to: patrol, detect, correlate, the ledger."""
        given = {"started_by": "beat"}
        asked = self.producer().send_task("patrol", args=(list(guardians or ALL),), kwargs=given).id
        return self.wait_for(lambda: self.services.ledger.sweep(asked), 60, "the sweep is in the ledger")  # type: ignore[no-any-return]


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def hosts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    """Two hosts of one release that are upgraded and have all that every guardian expects."""
    folder, name = tmp_path_factory.mktemp(request.param), f"quiet{os.getpid()}"
    with fleet(folder, name, hosts=2, release=request.param, policy=WATCH_ONLY, more=SETTINGS) as local:
        for host in ("ct201", "ct202"):
            lab("exec", "--name", name, host, "--", "apt-get", "-q", "update")
            lab("exec", "--name", name, host, "--", "apt-get", "-qy", "full-upgrade")
            lab("exec", "--name", name, host, "--", "install", "-D", "/dev/null", ARCHIVE)
            lab("heal", "--name", name, host, "config-archive-old")
        system = Hosts(local, load_settings(), lab=name, release=request.param)
        system.wait_online("detect", "incidents")
        yield system


def loud(shards: list[Sweep]) -> list[str]:
    """Every finding above info, in words."""
    return [
        f"{finding.host} {finding.kind} {finding.subject}: {finding.summary}"
        for shard in shards
        for finding in shard.findings
        if finding.severity.rank > Severity.INFO.rank
    ]


def test_a_healthy_upgraded_fleet_left_alone_gives_no_false_alarm(hosts: Hosts, say: Callable[[str], None]) -> None:
    began, blind = time.monotonic(), set()
    times = SWEEPS if hosts.release == "bookworm" else SWEEPS // 3
    for _ in range(times):
        shards = hosts.sweep()
        assert {host for shard in shards for host in shard.looked_at} == {"ct201", "ct202"}
        assert loud(shards) == []
        blind |= {f"{one.host} {one.detector}: {one.reason}" for shard in shards for one in shard.blind}
    took = f"{times} sweeps of {len(ALL)} guardians on 2 hosts in {time.monotonic() - began:.0f} s"
    say(f"{took}: 0 findings above info; blind: {', '.join(sorted(blind)) or 'nowhere'}")
    opened = hosts.services.ledger.search()
    assert [one.title for one in opened if one.severity.rank > Severity.INFO.rank] == []


def test_every_guardian_has_a_fault_of_its_own_here() -> None:
    assert sorted(FAULTS) == ALL


@pytest.mark.parametrize("guardian", ALL)
def test_a_guardian_sees_its_fault_and_nothing_on_the_healthy_host_beside(
    hosts: Hosts, guardian: str, say: Callable[[str], None]
) -> None:
    fault, kind = FAULTS[guardian]
    before = loud(hosts.sweep(guardian))
    lab("break", "--name", hosts.lab, "ct201", fault)
    broken = time.monotonic()
    try:
        seen = loud(hosts.sweep(guardian))
        say(f"{guardian}: {fault} seen as {kind} {time.monotonic() - broken:.1f} s after it was injected")
    finally:
        lab("heal", "--name", hosts.lab, "ct201", fault)

    assert before == []
    assert any(words.startswith(f"ct201 {kind} ") for words in seen), seen
    assert [words for words in seen if not words.startswith("ct201 ")] == []
    assert loud(hosts.sweep(guardian)) == []
