"""Both executors, the same cases: real ansible-playbook, started by ourselves or by Semaphore."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from aiops.adapters.ansible_executor import AnsibleExecutor
from aiops.adapters.semaphore_api import SemaphoreApi
from aiops.adapters.semaphore_executor import SemaphoreExecutor
from aiops.adapters.semaphore_guard import Expected
from aiops.adapters.semaphore_tasks import Pace
from aiops.domain.host import Host
from aiops.domain.outcome import Outcome
from aiops.ports import Claim, Executor
from tests.plans import NOON, approved
from tests.remediation.conftest import PLAYBOOK, Gate, equip, remediation
from tests.semaphore.server import TOKEN, serving

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:.*forkpty.*:DeprecationWarning"),
]

REFUSES = PLAYBOOK.replace(
    "  tasks:\n",
    "  tasks:\n    - name: Refuse\n      ansible.builtin.assert:\n        that: false\n        fail_msg: not this one\n",
)
SLOW = """---
- name: Work for long
  hosts: all
  become: true
  gather_facts: false
  tasks:
    - name: Begin
      ansible.builtin.copy:
        content: begun
        dest: "{{ place }}"
        mode: "0644"
    - name: Work
      ansible.builtin.command:
        argv: [sleep, "30"]
"""
HOSTS = "{all: {hosts: {%s: {}, db1: {}}, vars: {ansible_connection: local, ansible_become: false}}}\n"


@dataclass
class Bench:
    """One executor, and the file that its playbooks write."""

    folder: Path
    executor: Executor
    host: Host
    gate: Gate
    fence: int = 2000
    beat: Callable[[], bool] = field(default=lambda: True)

    @property
    def mark(self) -> str:
        path = self.folder / "mark"
        return path.read_text() if path.exists() else ""

    def run(self, name: str = "mark", text: str = PLAYBOOK, *, timeout: int = 60) -> Outcome:
        (self.folder / "ansible" / "playbooks" / f"{name}.yml").write_text(text)
        self.fence += 1
        plan = approved(
            id=f"pln-{self.fence}",
            remediation=name,
            hosts=(self.host.name,),
            params={"word": "hello", "place": str(self.folder / "mark")},
            timeout=timeout,
        )
        claim = Claim(plan.plan.id, self.fence, NOON + timedelta(seconds=30), (self.host.name,))
        return self.executor.run(plan, remediation(name), [self.host], claim, self.beat)


@pytest.fixture(params=[pytest.param("ansible", marks=pytest.mark.root), "semaphore"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    gate = Gate()
    equip(tmp_path)
    if request.param == "ansible":
        playbooks, fence = tmp_path / "ansible" / "playbooks", str(tmp_path / "fence")
        here = AnsibleExecutor(playbooks, "root", tmp_path / "key", tmp_path / "none", gate, fence_folder=fence)
        yield Bench(tmp_path, here, Host(name="web1", local=True), gate)
        return
    (tmp_path / "ansible" / "hosts.yml").write_text(HOSTS % "web1")
    (tmp_path / "ansible" / "semaphore.cfg").write_text("[defaults]\ninterpreter_python = /usr/bin/python3\n")
    with serving(tmp_path / "ansible") as server:
        for number, name in enumerate(("mark", "refuses", "long"), 7):
            server.template(number, name)
        api = SemaphoreApi(server.url, 1, lambda: TOKEN, seconds=5)
        expected = Expected(3, {"mark": 7, "refuses": 8, "long": 9})
        there = SemaphoreExecutor(api, expected, gate, Pace(poll=0.1, beat=0.5, stop=5), clock=lambda: NOON)
        yield Bench(tmp_path, there, Host(name="web1", address="192.0.2.1"), gate)


def test_a_plan_is_announced_and_then_done(bench: Bench) -> None:
    outcome = bench.run()
    assert outcome.status == "success", outcome.reason
    assert bench.mark == "hello\n"
    assert outcome.recap == {"web1": {"ok": 1, "changed": 1, "failures": 0, "unreachable": 0, "skipped": 0}}
    assert "web1: Write what was asked for" in outcome.changes
    assert "+hello" in outcome.changes
    assert outcome.started_at is not None
    assert "## Check mode" in outcome.transcript
    assert "- `web1` Write what was asked for: changed" in outcome.transcript.partition("## Run")[2]


def test_a_failing_check_changes_nothing(bench: Bench) -> None:
    outcome = bench.run("refuses", REFUSES)
    assert outcome.status == "failure"
    assert outcome.reason == "check mode failed, nothing was changed: web1: Refuse: not this one"
    assert (bench.mark, outcome.started_at) == ("", None)


def test_without_a_permit_after_the_check_nothing_is_changed(bench: Bench) -> None:
    bench.gate.open = False
    outcome = bench.run()
    assert (outcome.status, outcome.reason.partition(":")[0]) == ("skipped", "frozen")
    assert (bench.mark, outcome.started_at) == ("", None)
    assert "+hello" in outcome.changes


def test_a_run_whose_claim_is_lost_is_ended_and_unknown(bench: Bench) -> None:
    bench.beat = lambda: not bench.mark
    outcome = bench.run("long", SLOW)
    assert outcome.status == "unknown"
    assert "its claim was lost" in outcome.reason
    assert bench.mark == "begun"
