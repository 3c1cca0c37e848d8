"""A certificate that ends soon, end to end on a real host: seen, renewed by the host's own unit, closed by the guardian."""

import os
import re
from collections.abc import Iterator

import pytest

from aiops.domain.incident import State
from aiops.settings import load_settings
from tasks.real_hosts import beside, booted, lab
from tests.pipeline.test_real_hosts import Real

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(900)]

NAME = f"cert{os.getpid()}"
POLICY = '[policy]\ndefault = "auto"\n'
RENEWAL = """
[playbooks.renew_certificate]
unit = "lab-certificate.service"
server = "nginx.service"
files = ["/etc/ssl/lab/site.pem", "/etc/ssl/lab/site.key"]
"""


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    """One host whose inventory says where it serves its certificate, since a file alone does not."""
    folder = tmp_path_factory.mktemp("cert")
    with booted(folder, NAME, hosts=1) as settings:
        inventory = folder / "lab" / "inventory.yml"
        text = inventory.read_text()
        address = re.search(r"ansible_host: (\S+)", text)
        assert address
        served = f"aiops_tls: ct201@{address[1]}:443"
        inventory.write_text(text.replace("      aiops_role:", f"      {served}\n      aiops_role:"))
        more = f'{RENEWAL}\n[web]\nca_file = "{folder}/lab/ca.pem"\n'
        with beside(folder / "system", settings, policy=POLICY, more=more) as local:
            system = Real(local, load_settings())
            system.wait_for(
                lambda: len({event["context"]["queue"] for event in system.events(type="worker.online")}) >= 5,
                150,
                "it is up",
            )
            yield system


def kinds(real: Real) -> set[str]:
    """What the guardian sees now; an undo's incident holds its own request besides."""
    found = {finding.kind for one in real.services.ledger.live() for finding in one.findings if finding.host == "ct201"}
    return {kind for kind in found if kind.startswith("cert.")}


def test_it_is_renewed_without_a_human_and_closed_by_the_guardian_that_saw_it(real: Real) -> None:
    lab("break", "ct201", "cert-expiring", "--name", NAME)
    real.sweep("certs", host="ct201")
    incident = real.incident_of("ct201", State.RESOLVED, State.ESCALATED, seconds=300)

    assert incident.state is State.RESOLVED, [entry.text for entry in real.services.ledger.timeline(incident.id)]
    assert {finding.kind for finding in incident.findings} == {"cert.expiring"}
    plan = real.services.ledger.plan_of(incident.id)
    assert plan
    assert (plan.remediation, plan.params["unit"]) == ("renew_certificate", "lab-certificate.service")
    assert real.starts() == 1

    real.sweep("certs", host="ct201")
    assert kinds(real) == set()


def test_the_renewal_is_taken_back_by_a_plan_that_a_human_approves(real: Real) -> None:
    (repaired,) = real.services.ledger.search(host="ct201", limit=1)
    asked = real.command("undo", repaired.id, "--why", "the old one is pinned", code=None)
    undo = real.incident_of("ct201", State.AWAITING_APPROVAL)
    plan = real.services.ledger.plan_of(undo.id)
    assert plan
    assert plan.remediation == "undo_renew_certificate", asked
    real.command("approve", undo.id)
    real.wait_for(lambda: real.services.ledger.outcome(plan.id), 200, "it has run")
    outcome = real.services.ledger.outcome(plan.id)
    assert outcome
    assert outcome.status == "success", outcome.reason
    real.sweep("certs", host="ct201")
    assert kinds(real) == {"cert.expiring"}
