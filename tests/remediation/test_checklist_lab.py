"""A host is taken in, proved, taken out, and each of it is taken back: on a real host."""

import subprocess
from pathlib import Path

import pytest

from lab import faults
from tests.remediation.fleet import Fleet

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(1500)]

KEYS = "/root/.ssh/authorized_keys"
ELEVEN = {
    *("DNS", "HTTPS", "NetBox", "Ansible", "Semaphore's key", "Homepage", "Beszel", "Wazuh", "Patchmon", "logs"),
    "documentation",
}


@pytest.fixture(scope="module")
def semaphore_key(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("semaphore") / "key"
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "semaphore@ct202", "-f", str(path)], check=True
    )
    return Path(f"{path}.pub").read_text().strip()


def points(transcript: str) -> dict[str, str]:
    last = transcript.rpartition("## Run")[2]
    return dict(line.strip().rsplit(": ", 1) for line in last.splitlines() if line.startswith("      "))


def state(fleet: Fleet, *units: str) -> list[str]:
    shown = fleet.inside.out("systemctl", "show", "--property=ActiveState,UnitFileState", "--value", "--", *units)
    return shown.split()


def test_a_host_is_taken_in_and_the_way_back_leaves_it_as_it_was(fleet: Fleet, semaphore_key: str) -> None:
    faults.named("log-shipper-broken").prepare(fleet.inside)
    fleet.run("apt-get", "purge", "--yes", "--quiet", "promtail")
    assert not fleet.inside.exists(KEYS)
    wanted = {"name": "ct201", "agents": ["promtail"], "semaphore_key": semaphore_key, "settle_seconds": 1}

    announced = fleet.looked("commission", **wanted)
    assert "to be installed: promtail" in announced.changes
    assert "Semaphore is let in" in announced.changes
    assert state(fleet, "promtail.service") == ["inactive"]
    assert not fleet.inside.exists(KEYS)

    done = fleet.mended("commission", **wanted)
    told = points(done.transcript)
    assert set(told) == ELEVEN
    assert {told[name] for name in ("Ansible", "DNS", "Semaphore's key", "logs")} == {"done"}
    assert {told[name] for name in ("NetBox", "Homepage", "documentation", "HTTPS", "Beszel")} == {"open"}
    assert state(fleet, "promtail.service") == ["active", "enabled"]
    assert fleet.inside.read(KEYS) == f"{semaphore_key}\n"

    proved = fleet.quiet("post_commission", name="ct201", points=["dns", "semaphore"], tries=1)
    assert points(proved.transcript) == {"dns": "done", "semaphore": "done"}
    lacking = fleet.repair("post_commission", name="ct201", points=["beszel"], tries=1)
    assert "missing: beszel" in lacking.reason

    fleet.inside.write(KEYS, f"{semaphore_key}\n# a human was here\n")
    drifted = fleet.repair("undo_commission", of="commission")
    assert "check mode failed, nothing was changed" in drifted.reason
    assert "it has changed since: keys " in drifted.reason
    fleet.inside.write(KEYS, f"{semaphore_key}\n")

    fleet.mended("undo_commission", of="commission")
    assert state(fleet, "promtail.service") == ["inactive"]
    assert not fleet.inside.exists(KEYS)


def test_the_agent_is_never_installed_beside_the_manager(fleet: Fleet) -> None:
    faults.named("agent-removes-manager").heal(fleet.inside)
    faults.named("agent-removes-manager").prepare(fleet.inside)
    outcome = fleet.repair("commission", name="ct201", agents=["wazuh-agent"])
    assert "its agent would drive it out" in outcome.reason
    assert fleet.inside.out("dpkg-query", "-W", "-f=${db:Status-Abbrev}", "wazuh-manager")[1:2] == "i"


def test_a_host_is_taken_out_and_taken_back_in(fleet: Fleet, semaphore_key: str) -> None:
    faults.named("log-shipper-broken").prepare(fleet.inside)
    fleet.run("mkdir", "-p", "/root/.ssh")
    fleet.inside.write(KEYS, f"ssh-ed25519 AAAA somebody\n{semaphore_key}\n")
    kept = fleet.inside.read(KEYS)
    leaving = {"services": ["cron.service"]}

    announced = fleet.looked("decommission", **leaving)
    assert "to be stopped for good: cron.service, promtail.service; Semaphore is shut out" in announced.changes
    assert state(fleet, "cron.service") == ["active", "enabled"]

    done = fleet.mended("decommission", **leaving)
    told = points(done.transcript)
    assert {told[name] for name in ("logs", "services", "Semaphore's key")} == {"done"}
    assert {told[name] for name in ("DNS", "NetBox", "the host itself", "documentation")} == {"open"}
    assert state(fleet, "cron.service", "promtail.service") == ["inactive", "disabled"] * 2
    assert "semaphore" not in fleet.inside.read(KEYS)
    assert "AAAA somebody" in fleet.inside.read(KEYS)

    fleet.mended("undo_commission", of="decommission")
    assert state(fleet, "cron.service", "promtail.service") == ["active", "enabled"] * 2
    assert fleet.inside.read(KEYS) == kept
    fleet.run("rm", KEYS)


def test_what_keeps_a_host_within_reach_is_never_stopped(fleet: Fleet) -> None:
    outcome = fleet.repair("decommission", services=["ssh.service"])
    assert "ssh.service must stay" in outcome.reason
    assert state(fleet, "ssh.service")[0] == "active"
