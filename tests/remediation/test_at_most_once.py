"""A worker that is killed in the middle of a run: its plan is never started a second time, and nobody is left in the dark."""

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

from aiops.adapters.execution_ledger import SqliteExecutionLedger
from aiops.adapters.signing import KeySigner, KeyVerifier, generate_keys
from aiops.domain.event import Event
from aiops.domain.host import Host
from aiops.domain.plan import SignedPlan
from aiops.domain.policy import Floor
from aiops.errors import UnknownError
from aiops.ports import RemediationServices
from aiops.steps.remediate import reap, remediate
from tests.plans import NOON, approved_now
from tests.remediation.conftest import Bench, Gate, end, processes_with, remediation

pytestmark = [pytest.mark.slow, pytest.mark.root]

BEGUN = datetime.now(UTC) - timedelta(minutes=1)


@dataclass(frozen=True)
class OneHost:
    """An inventory of one host."""

    host: Host

    def hosts(self) -> Sequence[Host]:
        return [self.host]

    def find(self, name: str) -> Host:
        if name != self.host.name:
            raise UnknownError("host", name)
        return self.host


class Silent:
    """Events go nowhere."""

    def publish(self, event: Event) -> None:
        pass

    def close(self) -> None:
        pass


def services(folder: Path, port: int, lease: float) -> RemediationServices:
    bench = Bench(folder, port)
    return RemediationServices(
        inventory=OneHost(bench.host),
        executions=SqliteExecutionLedger(folder / "executions.db", clock=lambda: BEGUN),
        executor=bench.executor(),
        verifier=KeyVerifier(folder / "plans.pem"),
        permit=Gate(),
        floor=Floor(),
        catalogue={"slow": remediation("slow"), "mark": remediation("mark")},
        events=Silent(),
        lease_seconds=lease,
    )


def work(folder: Path, port: int, signed: SignedPlan, lease: float) -> None:
    """What the worker's process does at a ring of the doorbell."""
    remediate(signed, services(folder, port, lease))


class Worker:
    """CT196, whose worker can be killed."""

    def __init__(self, bench: Bench) -> None:
        generate_keys(bench.folder / "plans.key", bench.folder / "plans.pem")
        self.bench = bench
        self.signer = KeySigner(bench.folder / "plans.key")
        self.services = services(bench.folder, bench.port, 10)
        self.processes: list[BaseProcess] = []

    def sign(self, remediation: str, seconds: str = "0", **changes: Any) -> SignedPlan:
        params = {"place": str(self.bench.folder / "mark"), "word": "hello", "seconds": seconds}
        plan = approved_now(remediation=remediation, params=params, **changes)
        return self.signer.sign(plan)

    def ring(self, signed: SignedPlan) -> BaseProcess:
        spawn = multiprocessing.get_context("spawn")
        process = spawn.Process(target=work, args=(self.bench.folder, self.bench.port, signed, 10))
        process.start()
        self.processes.append(process)
        return process

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.join()
        end(processes_with(str(self.bench.folder)))
        assert isinstance(self.services.executions, SqliteExecutionLedger)
        self.services.executions.close()


@pytest.fixture
def worker(bench: Bench) -> Iterator[Worker]:
    made = Worker(bench)
    yield made
    made.close()


def kill(process: BaseProcess) -> None:
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()


def wait_for_process(argument: str) -> None:
    """Until the task is at work: before that the orphan may end for other reasons."""
    deadline = time.monotonic() + 60
    while not processes_with(argument):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def until_reaped(worker: Worker) -> list[Any]:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found = reap(worker.services)
        if found:
            return found
        time.sleep(0.2)
    return []


def test_a_plan_whose_worker_was_killed_is_not_started_again(worker: Worker) -> None:
    signed = worker.sign("slow", "15.375")
    process = worker.ring(signed)
    wait_for_process("15.375")
    kill(process)

    again = remediate(signed, worker.services)
    assert (again.status, again.reason.partition(":")[0]) == ("skipped", "running")
    (lost,) = until_reaped(worker)
    assert (lost.status, lost.incident) == ("unknown", "inc-20261123-k3f9qd")
    assert remediate(signed, worker.services).model_dump(mode="json") == lost.model_dump(mode="json")
    assert worker.bench.mark.count("begun") == 1


def test_the_plan_that_a_human_allows_next_waits_for_the_task_that_the_dead_worker_left_behind(worker: Worker) -> None:
    process = worker.ring(worker.sign("slow", "25.125", id="p1"))
    wait_for_process("25.125")
    kill(process)
    (lost,) = until_reaped(worker)

    second = worker.sign("mark", id="p2", hosts=("web1",))
    busy = remediate(second, worker.services)
    assert (busy.status, busy.reason.partition(":")[0]) == ("skipped", "busy"), "nobody has looked at the host yet"
    worker.services.executions.release("p1", "operator", NOON)
    deadline = time.monotonic() + 60
    outcomes = [remediate(second, worker.services)]
    while outcomes[-1].status == "skipped" and time.monotonic() < deadline:
        outcomes.append(remediate(second, worker.services))
    assert "still working on this host" in outcomes[0].reason
    assert outcomes[-1].status == "success", outcomes[-1].reason
    assert outcomes[-1].fence > lost.fence
    time.sleep(3)
    assert worker.bench.mark == "hello\n", "the orphan's next task came after the newer run"


def test_two_rings_at_once_start_one_run(worker: Worker) -> None:
    signed = worker.sign("slow", "1")
    processes = [worker.ring(signed) for _ in range(3)]
    for process in processes:
        process.join(90)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert worker.bench.mark == "begun\nended\n"
    assert remediate(signed, worker.services).status == "success"
