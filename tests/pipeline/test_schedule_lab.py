"""The shipped crontab, real hosts, and nobody who asks for a look: three faults are seen within ten minutes, repaired and closed.

It waits for the real clock, so it has a target of its own: ``make schedule-proof``, about six minutes.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from aiops import bootstrap
from aiops.domain.incident import Incident, State
from aiops.ports import IncidentServices
from aiops.settings import load_settings
from beat_schedule import GUARDIANS
from tasks.real_hosts import fleet, lab
from tests.system import System

pytestmark = [pytest.mark.lab, pytest.mark.clock, pytest.mark.timeout(1200)]

FAULTS = {"ct201": "agent-removes-manager", "ct202": "dead-service", "ct203": "vzdump-orphans"}
WITHIN = timedelta(minutes=10)
"""From the injection to the incident: two lines of five minutes."""
NAME = f"clock{os.getpid()}"


@dataclass
class Watched(System):
    """The system, and how its incidents stand."""

    services: IncidentServices = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.services = bootstrap.incidents(self.settings)

    def first_of(self, host: str) -> Incident | None:
        found = self.services.ledger.search(host=host)
        return min(found, key=lambda incident: incident.opened_at) if found else None

    def ended(self) -> bool:
        """Whether nothing is left to do on any of the hosts."""
        found = [incident for host in FAULTS for incident in self.services.ledger.search(host=host)]
        over = (State.RESOLVED, State.ESCALATED)
        return {host for incident in found for host in incident.hosts} >= set(FAULTS) and all(
            incident.state in over for incident in found
        )


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("clock")
    with fleet(folder, NAME, hosts=len(FAULTS), roles=["ct201=wazuh"]) as local:
        system = Watched(local, load_settings())
        system.wait_online("detect", "incidents", "triage", "remediation", "notify")
        yield system


def test_the_urgent_guardians_run_every_five_minutes() -> None:
    urgent = {name for name, line in GUARDIANS.items() if line == timedelta(minutes=5)}
    assert {"health", "disk", "audit-dpkg-rc", "soc"} <= urgent


def test_three_faults_are_seen_within_ten_minutes_and_closed_with_no_hand_but_the_clocks(
    watched: Watched, say: Callable[[str], None]
) -> None:
    broken: dict[str, datetime] = {}
    for host, fault in FAULTS.items():
        lab("break", "--name", NAME, host, fault)
        broken[host] = datetime.now(UTC)

    watched.wait_for(
        lambda: all(watched.first_of(host) for host in FAULTS), WITHIN.total_seconds() + 60, "every fault is seen"
    )
    watched.wait_for(watched.ended, 480, "every incident has ended")

    for host, fault in FAULTS.items():
        incidents = watched.services.ledger.search(host=host)
        seen = watched.first_of(host)
        assert seen
        closed = max(incident.changed_at for incident in incidents)
        say(
            f"{fault}: seen {(seen.opened_at - broken[host]).total_seconds():.0f} s after it was injected, "
            f"closed after {(closed - broken[host]).total_seconds():.0f} s"
        )
        assert seen.opened_at - broken[host] < WITHIN
        assert {incident.state for incident in incidents} == {State.RESOLVED}, [one.title for one in incidents]
        assert '"absent"' in lab("check", "--json", "--name", NAME, host, fault, check=False)
    sweeps = watched.events(type="sweep.finished")
    started = {event["context"]["started_by"] for event in sweeps if event["context"]["purpose"] == "patrol"}
    assert started == {"beat"}
