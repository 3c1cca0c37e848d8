"""The attack corpus against every playbook of the catalogue: nothing of it gets as far as an executor."""

import dataclasses
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from aiops.adapters.memory_events import MemoryEvents
from aiops.adapters.memory_executions import MemoryExecutionLedger
from aiops.adapters.signing import KeySigner, KeyVerifier, generate_keys
from aiops.domain.host import Host
from aiops.domain.outcome import Outcome
from aiops.domain.policy import Floor
from aiops.domain.remediation import Remediation
from aiops.errors import RefusedError
from aiops.ports import RemediationServices
from aiops.remediations import SHIPPED, check_params, load
from aiops.steps.remediate import remediate
from tests.attacks import ATTACKS, example, shapes, texts
from tests.incident_world import Hosts
from tests.plans import NOON, approved

CATALOGUE = load(SHIPPED)
each = pytest.mark.parametrize("remediation", CATALOGUE.values(), ids=CATALOGUE)


class Reached:
    """An executor, a permit: whoever gets here would have been executed."""

    def __init__(self) -> None:
        self.params: list[Any] = []

    def valid(self) -> bool:
        return True

    def run(self, plan: Any, *_: Any) -> Outcome:
        self.params.append(plan.plan.params)
        return Outcome(plan=plan.plan.id, incident=plan.plan.incident, status="success", finished_at=NOON)


class Worker:
    """CT196 with a real key, the real catalogue and an executor that only notes what it was told."""

    def __init__(self, folder: Path) -> None:
        generate_keys(folder / "key", folder / "key.pem")
        self.signer = KeySigner(folder / "key")
        self.reached = Reached()
        self.count = 0
        self.services = RemediationServices(
            inventory=Hosts(Host(name="web1", role="web")),
            executions=MemoryExecutionLedger(clock=lambda: NOON),
            executor=self.reached,
            verifier=KeyVerifier(folder / "key.pem"),
            permit=self.reached,
            floor=Floor(starts_per_hour=10_000),
            catalogue=CATALOGUE,
            events=MemoryEvents(),
            clock=lambda: NOON,
        )

    def ring(self, remediation: Remediation, params: dict[str, Any]) -> Outcome:
        self.count += 1
        plan = approved(
            id=f"pln-{self.count}",
            remediation=remediation.id,
            playbook_digest=remediation.digest,
            params=params,
            timeout=remediation.timeout,
            risk=remediation.risk,
        )
        if remediation.destructive:
            typed = plan.approval.model_copy(update={"typed": "web1"})
            plan = plan.model_copy(update={"approval": typed})
        return remediate(self.signer.sign(plan), self.services)


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Worker:
    return Worker(tmp_path_factory.mktemp("worker"))


@each
def test_the_example_of_its_manifest_is_a_call_that_would_run(worker: Worker, remediation: Remediation) -> None:
    before = len(worker.reached.params)
    assert worker.ring(remediation, example(remediation)).status == "success"
    assert len(worker.reached.params) == before + 1


@each
def test_no_attack_passes_any_of_its_parameters(remediation: Remediation) -> None:
    honest = example(remediation)
    check_params(remediation, honest)
    passed, refusals = [], []
    for name, param in remediation.params.items():
        for sort, text in texts():
            for value in shapes(param, text):
                try:
                    check_params(remediation, honest | {name: value})
                except RefusedError as refusal:
                    refusals.append((refusal.reason, name in refusal.text))
                else:
                    passed.append((sort, name, value))
    assert passed == []
    assert set(refusals) <= {("params", True)}


@each
def test_one_attack_of_each_sort_in_a_signed_and_approved_plan_starts_nothing(
    worker: Worker, remediation: Remediation
) -> None:
    before = len(worker.reached.params)
    refused: Counter[str] = Counter()
    for name, param in remediation.params.items():
        for sort, some in ATTACKS.items():
            value = [some[0]] if param.type == "list" else some[0]
            with pytest.raises(RefusedError) as refusal:
                worker.ring(remediation, example(remediation) | {name: value})
            assert refusal.value.reason == "params"
            refused[sort] += 1
    for stowaway in ("ansible_become_exe", "ansible_connection", "no_such_parameter"):
        with pytest.raises(RefusedError):
            worker.ring(remediation, example(remediation) | {stowaway: "x"})
    assert len(worker.reached.params) == before
    assert set(refused.values()) <= {len(remediation.params)}


def test_a_destructive_plan_without_the_typed_name_is_refused_by_ct196_itself(worker: Worker) -> None:
    wipe = CATALOGUE["decommission"]
    careless = dataclasses.replace(worker.services)
    for typed in ("", "web2", "WEB1"):
        plan = approved(
            id=f"pln-typed{typed}",
            remediation=wipe.id,
            playbook_digest=wipe.digest,
            params={},
            timeout=wipe.timeout,
            risk="high",
        )
        plan = plan.model_copy(update={"approval": plan.approval.model_copy(update={"typed": typed})})
        with pytest.raises(RefusedError, match="typed the host's name"):
            remediate(worker.signer.sign(plan), careless)
