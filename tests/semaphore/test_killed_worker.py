"""CT196's worker killed at the borders of a run through Semaphore: one start at most, even when its ledger is lost as well."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from aiops.adapters.execution_ledger import SqliteExecutionLedger
from aiops.adapters.semaphore_api import SemaphoreApi
from aiops.adapters.semaphore_executor import SemaphoreExecutor
from aiops.adapters.semaphore_guard import Expected
from aiops.adapters.signing import KeySigner, KeyVerifier, generate_keys
from aiops.domain.outcome import Outcome
from aiops.domain.plan import SignedPlan
from aiops.domain.policy import Floor
from aiops.ports import RemediationServices
from aiops.steps.remediate import reap, remediate
from tests.plans import approved_now
from tests.remediation.test_at_most_once import BEGUN, OneHost, Silent
from tests.semaphore.conftest import FAST, WEB1, Gate, remediation
from tests.semaphore.server import TOKEN, Fault, Script, Semaphore

LEASE = 3.0


def services(folder: Path, url: str, ledger: str) -> RemediationServices:
    """A worker that does not look for what a dead one left in Semaphore."""
    api = SemaphoreApi(url, 1, lambda: TOKEN, seconds=5)
    return RemediationServices(
        inventory=OneHost(WEB1),
        executions=SqliteExecutionLedger(folder / ledger, clock=lambda: BEGUN),
        executor=SemaphoreExecutor(api, Expected(3, {"mark": 7}), Gate(), FAST),
        verifier=KeyVerifier(folder / "plans.pem"),
        permit=Gate(),
        floor=Floor(),
        catalogue={"mark": remediation()},
        events=Silent(),
        lease_seconds=LEASE,
    )


def work(folder: Path, url: str, signed: SignedPlan) -> None:
    """What the worker's process does at a ring of the doorbell."""
    remediate(signed, services(folder, url, "executions.db"))


@dataclass
class Site:
    """A worker that can be killed, and what it left."""

    folder: Path
    server: Semaphore
    processes: list[BaseProcess] = field(default_factory=list)
    opened: list[RemediationServices] = field(default_factory=list)

    def sign(self) -> SignedPlan:
        generate_keys(self.folder / "plans.key", self.folder / "plans.pem")
        plan = approved_now(remediation="mark", params={"word": "hello"}, risk="medium", timeout=60)
        return KeySigner(self.folder / "plans.key").sign(plan)

    def services(self, ledger: str = "executions.db", *, traces: bool = False) -> RemediationServices:
        made = services(self.folder, self.server.url, ledger)
        if traces:
            assert isinstance(made.executor, SemaphoreExecutor)
            made = replace(made, tracer=made.executor)
        self.opened.append(made)
        return made

    def ring_and_kill(self, signed: SignedPlan, when: Callable[[], bool]) -> None:
        spawn = multiprocessing.get_context("spawn")
        process = spawn.Process(target=work, args=(self.folder, self.server.url, signed))
        process.start()
        self.processes.append(process)
        deadline = time.monotonic() + 60
        while not when():
            assert time.monotonic() < deadline
            time.sleep(0.005)
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()

    def lost(self) -> list[Outcome]:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if found := reap(self.services()):
                return found
            time.sleep(0.2)
        return []


@pytest.fixture
def site(tmp_path: Path, semaphore: Semaphore) -> Iterator[Site]:
    made = Site(tmp_path, semaphore)
    yield made
    for process in made.processes:
        process.kill()
        process.join()
    for opened in made.opened:
        assert isinstance(opened.executions, SqliteExecutionLedger)
        opened.executions.close()


def _before_the_check(server: Semaphore) -> Callable[[], bool]:
    server.faults = [Fault("tasks/last", "hang")]
    return lambda: any(path.endswith("/tasks/last") for _, path, _ in list(server.asked))


def _in_check_mode(server: Semaphore) -> Callable[[], bool]:
    server.check = Script(["running"])
    return lambda: any(row.looks > 2 for row in list(server.rows.values()))


def _at_the_start_of_the_run(server: Semaphore) -> Callable[[], bool]:
    server.faults = [Fault(r"^POST .*/tasks$", "", times=1), Fault(r"^POST .*/tasks$", "lose")]
    server.real = Script(["running"] * 30 + ["success"])
    return lambda: bool(server.runs)


def _in_the_run(server: Semaphore) -> Callable[[], bool]:
    server.real = Script(["running"] * 30 + ["success"])
    return lambda: any(row.looks > 2 for row in list(server.runs))


@pytest.mark.slow
@pytest.mark.parametrize("border", [_before_the_check, _in_check_mode, _at_the_start_of_the_run, _in_the_run])
def test_a_killed_worker_s_plan_is_started_once_at_most(
    site: Site, border: Callable[[Semaphore], Callable[[], bool]]
) -> None:
    signed = site.sign()
    site.ring_and_kill(signed, border(site.server))
    before = len(site.server.runs)
    assert before == (border in (_at_the_start_of_the_run, _in_the_run))

    again = remediate(signed, site.services())
    assert (again.status, again.reason.partition(":")[0]) == ("skipped", "running")
    (lost,) = site.lost()
    assert (lost.status, lost.incident) == ("unknown", "inc-20261123-k3f9qd")
    assert remediate(signed, site.services()).status == "unknown"
    assert len(site.server.runs) == before

    site.server.faults, site.server.check, site.server.real = [], Script(), Script()
    amnesia = [remediate(signed, site.services(f"lost{number}.db")) for number in range(3)]
    assert len(site.server.runs) == 1, "whoever comes with an empty ledger finds the run in Semaphore"
    assert amnesia[-1].status == "success"


@pytest.mark.slow
def test_a_run_that_outlived_its_worker_is_followed_to_its_end(site: Site) -> None:
    signed = site.sign()
    running = _in_the_run(site.server)
    site.server.real = Script(["running"])
    site.ring_and_kill(signed, running)
    survivor = site.services(traces=True)
    _wait_until(lambda: bool(survivor.executions.expired(survivor.clock())))

    assert reap(survivor) == [], "it still runs, so nobody says that it ended"
    assert remediate(signed, survivor).reason.startswith("running")
    site.server.runs[0].script = Script(["success"])
    (ended,) = reap(survivor)
    assert (ended.status, ended.fence > 0, ended.recap["web1"]["failures"]) == ("success", True, 0)
    assert "the worker that had started task" in ended.transcript
    assert reap(survivor) == []
    assert remediate(signed, survivor).status == "success"
    assert len(site.server.runs) == 1


@pytest.mark.slow
def test_a_run_that_never_began_in_semaphore_is_unknown(site: Site) -> None:
    signed = site.sign()
    site.ring_and_kill(signed, _in_check_mode(site.server))
    survivor = site.services(traces=True)
    _wait_until(lambda: bool(survivor.executions.expired(survivor.clock())))
    (lost,) = reap(survivor)
    assert lost.status == "unknown"
    assert site.server.runs == []


def _wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)
