"""An unknown fault on a real host: an agent looks, proposes, a human approves, it is repaired, and the detector closes it."""

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from aiops.domain.incident import State
from aiops.remediations import SHIPPED
from aiops.settings import load_settings
from tasks.real_hosts import fleet, lab
from tests.pipeline.test_real_hosts import Real
from tests.sessions.model import Model, call, calls, scripted

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(500)]

NAME = f"session{os.getpid()}"
POLICY = '[policy]\ndefault = "ask"\n'


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    with scripted() as running:
        yield running


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, model: Model) -> Iterator[Real]:
    """One host, and a catalogue in which nothing says that it fixes a dead service: so nobody knows the fault."""
    folder = tmp_path_factory.mktemp("session")
    shutil.copytree(SHIPPED.parent, folder / "ansible")
    manifest = folder / "ansible" / "playbooks" / "restart_service.meta.yml"
    claim = "        - kind: service.dead\n          params: {unit: subject}\n          precedence: 5\n"
    assert claim in manifest.read_text()
    manifest.write_text(manifest.read_text().replace(f"      fixes:\n{claim}", "      fixes: []\n"))
    more = f'\n[session]\napi_base = "{model.base}"\nmodel = "scripted"\nseconds = 120\n'
    repair = f'playbooks = "{folder}/ansible/playbooks"\n'
    with fleet(folder, NAME, hosts=1, policy=POLICY, repair=repair, more=more) as local:
        system = Real(local, load_settings())
        system.wait_for(
            lambda: len({event["context"]["queue"] for event in system.events(type="worker.online")}) >= 5,
            150,
            "it is up",
        )
        yield system


def scripted_operator(request: dict[str, Any]) -> dict[str, Any]:
    """What a sensible model would do: read, then propose what the evidence points to."""
    said = [str(message["content"]) for message in request["messages"] if message["role"] == "tool"]
    if not said:
        return call("incident")
    if len(said) == 1:
        return calls(("catalogue", "{}"), ("playbook", '{"id": "restart_service"}'))
    assert "cron.service" in said[0]
    return call(
        "propose_plan",
        playbook="restart_service",
        host="ct201",
        params={"unit": "cron.service"},
        reason="cron was killed and nothing starts it again; a restart brings it back",
    )


def test_an_unknown_fault_is_mended_by_an_agents_proposal_a_humans_approval_and_nothing_else(
    real: Real, model: Model
) -> None:
    model.script = scripted_operator
    lab("break", "ct201", "dead-service", "--name", NAME)
    real.sweep("health", host="ct201")
    incident = real.incident_of("ct201", State.ESCALATED, seconds=150)

    real.command("investigate", incident.id)
    real.incident_of("ct201", State.AWAITING_APPROVAL, seconds=150)
    assert real.starts() == 0
    assert (
        lab("exec", "--name", NAME, "ct201", "--", "systemctl", "is-active", "cron.service", check=False).strip()
        != "active"
    )
    real.command("approve", incident.id)

    resolved = real.incident_of("ct201", State.RESOLVED, seconds=200)
    assert resolved.id == incident.id
    assert lab("exec", "--name", NAME, "ct201", "--", "systemctl", "is-active", "cron.service").strip() == "active"
    assert real.starts() == 1
    steps = [entry.step for entry in real.services.ledger.timeline(incident.id)]
    assert steps.index("session") < steps.index("approve") < steps.index("remediate") < steps.index("close")
    filed = real.wait_for(
        lambda: (found := real.command("records")) and len(found["filed"]) == 2 and found, 90, "filed"
    )
    assert {one["incident"] for one in filed["filed"]} == {incident.id}
    opened = [
        event["context"].get("session") or event["context"]["plan"] for event in real.events(type="session.opened")
    ]
    closed = [
        event["context"].get("session") or event["context"]["plan"] for event in real.events(type="session.closed")
    ]
    assert [name.partition("-")[0] for name in opened] == ["session", "plan"]
    assert closed == opened
