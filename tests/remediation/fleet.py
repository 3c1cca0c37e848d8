"""One real host that is broken and repaired, shared by all tests of the shipped playbooks."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiops.adapters.ansible_executor import AnsibleExecutor
from aiops.domain.host import Host
from aiops.domain.outcome import Outcome
from aiops.ports import Claim
from aiops.remediations import SHIPPED, check_params, load
from lab import enter, faults
from tests.plans import NOON, approved

PROJECT = Path(__file__).parents[2]
ACCOUNT = "repairer"


@dataclass
class Gate:
    """A permit whose answer a test sets."""

    open: bool = True

    def valid(self) -> bool:
        return self.open


class Fleet:
    """One host that is broken and repaired."""

    name = "ct201"

    def __init__(self, lab: str, state: dict[str, Any], key: Path) -> None:
        self.state = state
        self.inside = enter.find(self.name, lab)
        self.catalogue = load(SHIPPED)
        self.gate = Gate()
        self.executor = AnsibleExecutor(SHIPPED, ACCOUNT, key, Path(state["known_hosts"]), self.gate)

    def repair(self, playbook: str, **params: Any) -> Outcome:
        remediation = self.catalogue[playbook]
        whole = check_params(remediation, params)
        plan = approved(remediation=playbook, hosts=(self.name,), params=whole, timeout=remediation.timeout)
        host = Host(name=self.name, address=self.state["hosts"][self.name]["address"])
        claim = Claim(plan.plan.id, time.time_ns(), NOON, (self.name,))
        return self.executor.run(plan, remediation, [host], claim, lambda: True)

    def broken(self, fault: str) -> bool:
        return faults.named(fault).look(self.inside).present

    def break_(self, fault: str) -> None:
        one = faults.named(fault)
        one.prepare(self.inside)
        one.inject(self.inside)
        assert self.broken(fault)

    def run(self, *argv: str) -> str:
        return self.inside.run(*argv).out

    def wait(self, condition: Callable[[], bool], seconds: float = 15) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"not within {seconds} s"
            time.sleep(0.2)

    def mended(self, playbook: str, **params: Any) -> Outcome:
        """A repair that worked, announced in check mode what it did, and has nothing left to do the second time."""
        first = self.repair(playbook, **params)
        assert first.status == "success", first.reason
        assert first.changes
        self.quiet(playbook, **params)
        return first

    def quiet(self, playbook: str, **params: Any) -> Outcome:
        """A run that finds nothing to do."""
        outcome = self.repair(playbook, **params)
        assert outcome.status == "success", outcome.reason
        assert outcome.changes == ""
        assert outcome.recap[self.name]["changed"] == 0
        return outcome

    def looked(self, playbook: str, **params: Any) -> Outcome:
        """Check mode alone: a permit that is gone stops the run right after it."""
        self.gate.open = False
        try:
            outcome = self.repair(playbook, **params)
        finally:
            self.gate.open = True
        assert outcome.status == "skipped", outcome.reason
        return outcome


@contextmanager
def started(folder: Path) -> Iterator[Fleet]:
    """A lab of one host, with the account that repairs it; ``folder`` takes its files."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "key")], check=True)
    (folder / "sudoers").write_text(f"{ACCOUNT} ALL=(root) NOPASSWD: ALL\n")
    name = f"fix{os.getpid()}"
    account = f"{ACCOUNT}:{folder}/key.pub:{folder}/sudoers"
    command = [sys.executable, "-m", "lab"]
    up = [*command, "up", "--hosts", "1", "--name", name, "--account", account, "--dir", str(folder / "lab"), "--json"]
    answer = subprocess.run([*up, "--die-with", str(os.getpid())], cwd=PROJECT, check=True, capture_output=True)
    try:
        yield Fleet(name, json.loads(answer.stdout), folder / "key")
    finally:
        subprocess.run([*command, "down", "--name", name], cwd=PROJECT, check=True, capture_output=True)
