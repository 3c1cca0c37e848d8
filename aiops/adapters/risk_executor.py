"""Sends a plan to one executor or another, by its risk."""

from collections.abc import Callable, Sequence
from typing import get_args

from aiops.domain.host import Host
from aiops.domain.outcome import Outcome
from aiops.domain.plan import ApprovedPlan
from aiops.domain.remediation import Remediation, Risk
from aiops.ports import Claim, Executor

_RISING: tuple[Risk, ...] = get_args(Risk)


class RiskExecutor:
    """Plans of ``from_risk`` and higher go to ``above``, the others to ``below``; nothing falls back from one to the other."""

    def __init__(self, below: Executor, above: Executor, from_risk: Risk) -> None:
        self._below, self._above, self._least = below, above, _RISING.index(from_risk)

    def run(
        self,
        approved: ApprovedPlan,
        remediation: Remediation,
        hosts: Sequence[Host],
        claim: Claim,
        beat: Callable[[], bool],
    ) -> Outcome:
        """See the port. The higher counts of what the plan says and what the catalogue here says."""
        risk = max(_RISING.index(approved.plan.risk), _RISING.index(remediation.risk))
        chosen = self._above if risk >= self._least else self._below
        return chosen.run(approved, remediation, hosts, claim, beat)
