"""One test server, one executor in front of it, and the little that a test changes about either."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from aiops.adapters.semaphore_api import SemaphoreApi
from aiops.adapters.semaphore_executor import SemaphoreExecutor
from aiops.adapters.semaphore_guard import Expected
from aiops.adapters.semaphore_tasks import Pace
from aiops.domain.host import Host
from aiops.domain.outcome import Outcome
from aiops.domain.remediation import Param, Remediation
from aiops.ports import Archive, Claim
from tests.plans import NOON, approved
from tests.semaphore.server import TOKEN, Semaphore, serving

PLAN, INCIDENT = "pln-20261123-abc234", "inc-20261123-k3f9qd"
WEB1 = Host(name="web1", address="192.0.2.1", role="web")
FAST = Pace(poll=0.01, beat=0.05, stop=0.15, look=0.2)
WORD = Param(description="", pattern=r"(?s).*")


def remediation(name: str = "mark", **changes: Any) -> Remediation:
    fields: dict[str, Any] = {
        "id": name,
        "title": "Leave a mark",
        "description": "Leaves a mark.",
        "risk": "medium",
        "approval": "auto",
        "max_hosts": 3,
        "timeout": 100,
        "verify": ("health",),
        "rollback": "None.",
        "digest": "0" * 64,
        "params": {"word": WORD},
    }
    return Remediation.model_validate(fields | changes)


@dataclass
class Gate:
    """A permit whose answer a test sets."""

    open: bool = True

    def valid(self) -> bool:
        return self.open


@dataclass
class Desk:
    """The executor's side."""

    server: Semaphore
    gate: Gate = field(default_factory=Gate)
    now: datetime = NOON
    token: str = TOKEN
    seconds: float = 2.0
    pace: Pace = FAST
    templates: dict[str, int] = field(default_factory=lambda: {"mark": 7})
    archive: Archive | None = None

    def api(self) -> SemaphoreApi:
        return SemaphoreApi(self.server.url, 1, lambda: self.token, seconds=self.seconds)

    def executor(self) -> SemaphoreExecutor:
        expected = Expected(3, self.templates)
        return SemaphoreExecutor(
            self.api(), expected, self.gate, self.pace, archive=self.archive, clock=lambda: self.now
        )

    def run(
        self,
        *,
        hosts: tuple[Host, ...] = (WEB1,),
        beat: Callable[[], bool] = lambda: True,
        timeout: int = 20,
        entry: Remediation | None = None,
        params: dict[str, Any] | None = None,
    ) -> Outcome:
        entry = entry or remediation()
        plan = approved(
            remediation=entry.id,
            hosts=tuple(host.name for host in hosts),
            params={"word": "hello"} if params is None else params,
            timeout=timeout,
        )
        claim = Claim(plan.plan.id, 1001, NOON + timedelta(seconds=30), plan.plan.hosts)
        return self.executor().run(plan, entry, hosts, claim, beat)


@pytest.fixture
def semaphore() -> Iterator[Semaphore]:
    with serving() as server:
        yield server


@pytest.fixture
def desk(semaphore: Semaphore) -> Desk:
    return Desk(semaphore)
