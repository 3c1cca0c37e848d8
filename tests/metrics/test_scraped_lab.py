"""The dashboard with data: a real host with real faults, seen and repaired, scraped by a real VictoriaMetrics."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aiops.domain.incident import Incident, State
from aiops.settings import load_settings
from tasks.local import Local, running
from tasks.real_hosts import POLICY, booted, lab
from tests.metrics.queries import metric_queries
from tests.metrics.victoria import Victoria, chosen, exporter
from tests.pipeline.test_real_hosts import Real

pytestmark = [pytest.mark.lab, pytest.mark.victoriametrics, pytest.mark.timeout(600)]

NAME = f"soc{os.getpid()}"
ARCHIVE = "/var/lib/vz/dump/vzdump-lxc-105-2026_11_22-21_00_02.tar.zst"


class Host(Real):
    """The one host, under this module's name."""

    def break_(self, host: str, fault: str) -> None:
        lab("break", host, fault, "--name", NAME)

    def incident_for(self, kind: str, *states: State) -> Incident:
        """The incident about a finding of that kind, once it stands where it is expected."""

        def look() -> Incident | None:
            found = [one for one in self.services.ledger.search() if one.findings[0].kind == kind]
            return found[0] if found and found[0].state in states else None

        return self.wait_for(look, 240, f"{kind} is {states}")  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Host, Victoria]]:
    folder, ports = tmp_path_factory.mktemp("soc"), chosen()
    before = os.environ.get("AIOPS_CONFIG")
    with booted(folder, NAME, hosts=1) as settings:
        # Nobody has answered this provider's questions: it is asked, and fails, which is an outcome to be shown.
        llm = f'\n[[llm.providers]]\nname = "offline"\nfolder = "{folder}/questions"\n'
        extra = f"{settings}\n{POLICY}\n[correlation]\nbaseline = false\n{llm}{exporter(ports)}"
        try:
            with running(Local(folder / "system", extra=extra, flower_port=ports["flower"])) as local:
                os.environ["AIOPS_CONFIG"] = str(local.config)
                system = Host(local, load_settings())
                system.wait_online("detect", "incidents", "triage", "remediation", "notify")
                victoria = Victoria(folder / "victoria", ports)
                try:
                    yield system, victoria
                finally:
                    victoria.stop()
        finally:
            os.environ.pop("AIOPS_CONFIG", None)
            if before is not None:
                os.environ["AIOPS_CONFIG"] = before


def test_every_query_of_the_fourteen_panels_has_data_after_real_faults(
    real: tuple[Host, Victoria], say: Callable[[str], None]
) -> None:
    host, victoria = real
    for part in victoria.parts:
        victoria.wait(f'up{{part="{part}"}} == 1')
    victoria.wait("aiops_incidents_total")

    lab("exec", "--name", NAME, "ct201", "--", "mkdir", "-p", str(Path(ARCHIVE).parent))
    lab("exec", "--name", NAME, "ct201", "--", "dd", "if=/dev/urandom", f"of={ARCHIVE}", "bs=64k", "count=1")
    for fault in ("dead-service", "second-root"):
        host.break_("ct201", fault)
    host.sweep("health", "disk", "security", "backup", "certs")
    closed = host.incident_for("service.dead", State.RESOLVED, State.ESCALATED)
    assert closed.state is State.RESOLVED, [entry.text for entry in host.services.ledger.timeline(closed.id)]
    victoria.wait('aiops_llm_turns_total{provider="offline"} > 0')
    victoria.wait("aiops_incident_duration_seconds_count > 0")
    victoria.wait('aiops_remediations_total{outcome="success"} > 0')

    counted = {title: 0 for title, _ in metric_queries()}
    for title, expr in metric_queries():
        found = victoria.wait(expr, 30)
        assert all(re.fullmatch(r"-?[0-9.e+-]+", one["value"][1]) for one in found), (title, found)
        counted[title] += 1
    log = victoria.wait(f'aiops_incident_changed_timestamp_seconds{{incident="{closed.id}",state="resolved"}}', 30)
    assert [(one["metric"]["host"], one["metric"]["kind"]) for one in log] == [("ct201", "service.dead")]
    assert not victoria.ask(f'aiops_incident_changed_timestamp_seconds{{incident="{closed.id}",state!="resolved"}}')
    took = float(victoria.ask("aiops_incident_duration_seconds_sum")[0]["value"][1])
    say(f"{sum(counted.values())} queries of {len(counted)} panels have data. From detection to closing: {took:.1f} s")
    assert len(counted) == 14
