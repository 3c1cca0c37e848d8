"""Which executor a plan goes to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from aiops import bootstrap
from aiops.adapters.ansible_executor import AnsibleExecutor
from aiops.adapters.risk_executor import RiskExecutor
from aiops.adapters.semaphore_executor import SemaphoreExecutor
from aiops.domain.host import Host
from aiops.domain.outcome import Outcome
from aiops.domain.plan import ApprovedPlan
from aiops.domain.remediation import Remediation, Risk
from aiops.errors import SettingsError
from aiops.ports import Claim
from aiops.settings import Semaphore, Settings
from tests.plans import NOON, approved, outcome

RISKS: tuple[Risk, ...] = ("read_only", "low", "medium", "high")


@dataclass
class Recorder:
    """An executor that says who it is."""

    plans: list[str] = field(default_factory=list)

    def run(
        self,
        approved: ApprovedPlan,
        remediation: Remediation,
        hosts: Sequence[Host],
        claim: Claim,
        beat: Callable[[], bool],
    ) -> Outcome:
        self.plans.append(approved.plan.id)
        return outcome("failure")


class Gate:
    def valid(self) -> bool:
        return True


def _entry(risk: Risk) -> Remediation:
    return Remediation(
        id="mark",
        title="",
        description="",
        risk=risk,
        approval="auto",
        verify=("health",),
        rollback="None.",
        digest="0" * 64,
    )


def _went(plan_risk: Risk, entry_risk: Risk, from_risk: Risk) -> str:
    below, above = Recorder(), Recorder()
    plan = approved(risk=plan_risk)
    claim = Claim(plan.plan.id, 1, NOON + timedelta(seconds=30))
    RiskExecutor(below, above, from_risk).run(plan, _entry(entry_risk), [], claim, lambda: True)
    assert len(below.plans) + len(above.plans) == 1, "a plan that failed in one place is never tried in the other"
    return "above" if above.plans else "below"


@pytest.mark.parametrize("from_risk", RISKS)
@pytest.mark.parametrize("risk", RISKS)
def test_a_plan_goes_by_its_risk(risk: Risk, from_risk: Risk) -> None:
    expected = "above" if RISKS.index(risk) >= RISKS.index(from_risk) else "below"
    assert _went(risk, risk, from_risk) == expected


def test_the_higher_of_plan_and_catalogue_counts() -> None:
    assert _went("low", "high", "medium") == "above"
    assert _went("high", "low", "medium") == "above"


def test_without_semaphore_everything_is_run_from_here(tmp_path: Path) -> None:
    assert isinstance(bootstrap.executor(Settings(state=tmp_path), Gate()), AnsibleExecutor)


def test_with_semaphore_low_risk_is_run_from_here_and_the_rest_there(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("x")
    there = Semaphore(url="https://ct202.example.org", token_file=token, inventory=3, templates={"mark": 7})
    chosen = bootstrap.executor(Settings(state=tmp_path, semaphore=there), Gate())
    assert isinstance(chosen, RiskExecutor)
    assert isinstance(chosen._below, AnsibleExecutor)
    assert isinstance(chosen._above, SemaphoreExecutor)


def test_semaphore_without_its_inventory_is_refused() -> None:
    with pytest.raises(ValueError, match="inventory"):
        Semaphore(url="https://ct202.example.org")


def test_an_address_that_is_none_is_said_at_the_start(tmp_path: Path) -> None:
    there = Semaphore(url="ct202", inventory=3)
    with pytest.raises(SettingsError, match=r"semaphore\.url"):
        bootstrap.executor(Settings(state=tmp_path, semaphore=there), Gate())
