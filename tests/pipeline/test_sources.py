"""A source beyond SSH through the whole system: what Proxmox says becomes an incident; a Proxmox that is dead is blind."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from aiops import bootstrap
from aiops.domain.incident import Incident, State
from aiops.domain.sweep import Sweep
from aiops.ports import IncidentLedger
from tests.sources.pve import SECRET, TOKEN, Node
from tests.system import System

pytestmark = pytest.mark.slow

pytest.importorskip("proxmoxer", reason="the extra aiops[proxmox] is not installed")

ROOT = Path(__file__).parents[2]
INVENTORY = """
fleet:
  hosts:
    pve1: {aiops_role: proxmox}
    pve2: {aiops_role: proxmox}
    ct142: {aiops_role: mqtt, aiops_node: pve1}
    web: {aiops_role: web, aiops_node: pve2}
"""
FLEET = {"pve1", "pve2", "ct142", "web"}


@dataclass
class Homelab(System):
    """The system and the node that it asks."""

    node: Node

    def command(self, *words: str) -> Any:
        """What the ``aiops`` command says with --json; 1 is something wrong in the fleet."""
        done = subprocess.run(
            [sys.executable, "-m", "tasks.cli", *words, "--json"],
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=90,
            check=False,
            env=dict(os.environ),
        )
        assert done.returncode in (0, 1), done.stdout + done.stderr
        return json.loads(done.stdout)

    def sweep(self) -> Sweep:
        """What beat's own message comes to."""
        asked = self.producer().send_task("patrol", args=(["proxmox"],), kwargs={"started_by": "beat"}).id
        (shard,) = self.wait_for(lambda: self.ledger().sweep(asked), 60, "the sweep is in the ledger")
        return shard  # type: ignore[no-any-return]

    def ledger(self) -> IncidentLedger:
        return bootstrap.incidents(self.settings).ledger

    def stopped(self) -> Incident | None:
        """The open incident of a guest that stands still."""
        return next(
            (one for one in self.ledger().live() if "guest.stopped" in {each.kind for each in one.states}), None
        )


@pytest.fixture(scope="module")
def homelab(start_system: Callable[..., System], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Homelab]:
    folder = tmp_path_factory.mktemp("proxmox")
    node = Node(folder, int(time.time()))
    (folder / "hosts.yml").write_text(INVENTORY)
    secret = folder / "token"
    secret.touch(mode=0o600)
    secret.write_text(SECRET)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "probe_key")], check=True)
    extra = f"""
[fleet]
inventory = "{folder}/hosts.yml"

[ssh]
key_file = "{folder}/probe_key"
known_hosts = "{folder}/known_hosts"

[proxmox]
nodes = ["{node.address}"]
token = "{TOKEN}"
token_file = "{secret}"
ca_file = "{node.ca}"
host = "pve1"
"""
    started = start_system(only=("detect", "incidents", "remediation", "notify"), extra=extra)
    started.wait_online("detect", "incidents", "remediation", "notify")
    yield Homelab(started.local, started.settings, node)
    node.close()


def test_what_the_api_says_is_shown_as_an_incident_of_the_guest_and_ends_when_it_says_otherwise(
    homelab: Homelab,
) -> None:
    first = homelab.sweep()
    assert (set(first.looked_at), first.blind) == (FLEET, ())
    assert homelab.stopped() is None

    homelab.node.stopped = {201}
    homelab.sweep()
    homelab.wait_for(homelab.stopped, 30, "the guest that stands still is an incident")
    (shown,) = [
        one
        for one in homelab.command("incidents", "--host", "web")
        if "guest.stopped" in {finding["kind"] for finding in one["findings"]}
    ]
    (finding,) = shown["findings"]
    assert (finding["host"], finding["detector"], finding["subject"]) == ("web", "proxmox", "201")

    homelab.node.stopped = set()
    homelab.sweep()
    homelab.wait_for(lambda: homelab.stopped() is None, 30, "it runs again, so it is over")


def test_an_api_that_is_dead_is_blind_with_its_reason_and_closes_nothing(homelab: Homelab) -> None:
    homelab.node.stopped = {201}
    homelab.sweep()
    incident = homelab.wait_for(homelab.stopped, 30, "it stands still again")
    homelab.node.close()
    assert homelab.sweep().looked_at == {}

    (line,) = [line for line in homelab.command("schedule")["guardians"] if line["what"] == "proxmox"]
    assert set(line["blind"]) == FLEET
    for probes in line["blind"].values():
        assert {"proxmox-nodes", "proxmox-guests"} <= set(probes)
        assert all("does not answer" in reason for reason in probes.values()), probes
    assert SECRET not in json.dumps(line)
    assert homelab.ledger().get(incident.id).state is not State.RESOLVED, "what nobody could look at is not over"
