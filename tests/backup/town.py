"""Proxmox nodes and a store for tests, in memory: port ``Nodes`` as it is promised, with programs that do what theirs do."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiops.adapters.execution_ledger import SqliteExecutionLedger
from aiops.adapters.memory_events import MemoryEvents
from aiops.domain.backup import BackupResult, Order, Scope, Sealed
from aiops.domain.host import Host
from aiops.errors import HostUnreachableError
from aiops.ports import BackupServices, Progress
from aiops.steps import advance_backup
from tests.incident_world import Hosts

MIDNIGHT = datetime(2026, 11, 22, 23, 8, tzinfo=UTC)
SCOPE = Scope(
    store="pve3", nodes=("pve1", "pve2"), storage="pbs", datastore="main", mac="52:54:00:12:34:56", restore_test=True
)
Answer = tuple[int, str]


class KilledError(BaseException):
    """The worker was killed here."""


class Trusting:
    """Ports ``Verifier`` and ``Permit`` for tests that are about something else."""

    def verify(self, signed: Any) -> Any:
        raise NotImplementedError

    def holds(self, purpose: str, text: str, signature: str, key: str) -> bool:
        return True

    def why_not(self, what: str, key: str) -> str:
        raise NotImplementedError

    def valid(self) -> bool:
        return True


@dataclass
class Town:
    """What each machine is and has done. ``wrong`` gives another answer for a step; ``kill_at`` ends the worker at that call."""

    cts: dict[str, list[str]] = field(default_factory=lambda: {"pve1": ["101", "102"], "pve2": ["201"]})
    vms: dict[str, list[str]] = field(default_factory=lambda: {"pve1": [], "pve2": ["205"]})
    awake: set[str] = field(default_factory=lambda: {"pve1", "pve2"})
    enabled: set[str] = field(default_factory=set)
    scratch: dict[str, str] = field(default_factory=dict)
    store_tasks: list[dict[str, object]] = field(default_factory=list)
    node_tasks: list[dict[str, object]] = field(default_factory=list)
    wrong: dict[str, Answer] = field(default_factory=dict)
    unreachable: dict[str, int] = field(default_factory=dict)
    slow: set[str] = field(default_factory=set)
    kill_at: int = -1
    kill_after: bool = False
    calls: int = 0
    done: list[str] = field(default_factory=list)
    steps: dict[tuple[str, str], Progress] = field(default_factory=dict)
    stopped: list[str] = field(default_factory=list)
    fence: int = 0

    def answers(self, host: Host) -> bool:
        return self._called(host, lambda: host.name in self.awake, must_answer=False)

    def start(self, host: Host, run: str, fence: int, step: str, argv: Sequence[str], seconds: float) -> Progress:
        return self._called(host, lambda: self._start(host.name, fence, step, list(argv)))

    def state(self, host: Host, run: str, fence: int, step: str) -> Progress:
        return self._called(host, lambda: self.steps.get((host.name, step), Progress(state="absent")))

    def stop(self, host: Host, run: str, fence: int) -> None:
        def end() -> None:
            self.stopped.append(host.name)
            for (name, step), progress in list(self.steps.items()):
                if name == host.name and progress.state == "running":
                    self.steps[name, step] = Progress(state="done", code=143, output="interrupted by signal")

        self._called(host, end)

    def _called(self, host: Host, do: Callable[[], Any], *, must_answer: bool = True) -> Any:
        number, self.calls = self.calls, self.calls + 1
        if number == self.kill_at and not self.kill_after:
            raise KilledError
        if must_answer and (host.name not in self.awake or self.unreachable.get(host.name, 0) > 0):
            self.unreachable[host.name] = self.unreachable.get(host.name, 0) - 1
            raise HostUnreachableError(host.name, "no route")
        answer = do()
        if number == self.kill_at:
            raise KilledError
        return answer

    def _start(self, host: str, fence: int, step: str, argv: list[str]) -> Progress:
        assert fence >= self.fence
        self.fence = fence
        if (host, step) in self.steps:
            return self.steps[host, step]
        self.done.append(f"{host}: {' '.join(argv)}")
        if step in self.slow:
            self.steps[host, step] = Progress(state="running")
            return self.steps[host, step]
        code, output = self.wrong[step] if step in self.wrong else self._run(host, argv)
        self.steps[host, step] = Progress(state="done", code=code, output=output)
        return self.steps[host, step]

    def _run(self, host: str, argv: list[str]) -> Answer:
        match argv:
            case ["wakeonlan", _] | ["pvenode", "wakeonlan", _]:
                self.awake.add("pve3")
            case ["pvesm", "set", _, "--disable", "0"]:
                self.enabled.add(host)
            case ["pvesm", "set", _, "--disable", "1"]:
                self.enabled.discard(host)
            case ["systemctl", "poweroff"]:
                self.awake.discard(host)
            case [("pct" | "qm") as tool, "list"]:
                guests = (self.cts if tool == "pct" else self.vms)[host]
                return 0, "VMID       Status     Lock         Name\n" + "".join(
                    f"{guest}        running                 guest{guest}\n" for guest in guests
                )
            case ["pvesh", "get", "/nodes/localhost/tasks", *_]:
                return 0, json.dumps(self.node_tasks)
            case ["proxmox-backup-manager", "task", *_]:
                return 0, json.dumps(self.store_tasks)
            case _:
                return self._guest(argv)
        return 0, ""

    def _guest(self, argv: list[str]) -> Answer:
        match argv:
            case ["pvesh", "get", "/cluster/nextid", "--vmid", number]:
                return (255, f"VM {number} already exists") if number in self.scratch else (0, f'"{number}"\n')
            case ["pvesm", "list", *_, guest]:
                rows = [f"pbs:backup/ct/{guest}/2026-11-2{n}T23:08:11Z pbs-ct backup 12345 {guest}" for n in (1, 2)]
                return 0, "\n".join(["Volid Format Type Size VMID", *rows])
            case ["pct", "restore", number, volume, *more]:
                assert number not in self.scratch
                assert "--force" not in more
                assert "2026-11-22" in volume
                self.scratch[number] = f"description: {more[-1]}%0A\nhostname: web\nnet0: name=eth0,ip=10.0.0.7/24\n"
            case ["pct", "set", number, "--delete", "net0"]:
                self.scratch[number] = self.scratch[number].replace("net0:", "unused:")
            case ["pct", "config", number] if int(number) > 900:
                if number in self.scratch:
                    return 0, self.scratch[number]
                return 2, f"Configuration file 'nodes/pve1/lxc/{number}.conf' does not exist"
            case ["pct", "config", _]:
                return 0, "arch: amd64\nhostname: web\nnet0: name=eth0,ip=10.0.0.7/24\nrootfs: local:1\n"
            case ["pct", "start", number]:
                assert "net0:" not in self.scratch[number]
            case ["pct", "destroy", number]:
                del self.scratch[number]
        return 0, ""

    def commands(self) -> Counter[str]:
        """How often each command was really begun; questions may be asked as often as one likes."""
        return Counter(
            line for line in self.done if "tasks" not in line and "task list" not in line and "config" not in line
        )


class Guard:
    """CT196 for tests: its real ledger, a town, and a clock that is set."""

    def __init__(self, folder: Path, town: Town | None = None, scope: Scope = SCOPE, **changes: Any) -> None:
        self.town, self.scope, self.now = town or Town(), scope, MIDNIGHT
        self.ledger = SqliteExecutionLedger(folder / "executions.sqlite", clock=lambda: MIDNIGHT - timedelta(days=1))
        self.ledger._db.execute("PRAGMA synchronous=OFF")  # hundreds of whole nights; a power cut is not their subject
        self.events = MemoryEvents()
        self.trust = Trusting()
        given: dict[str, Any] = {
            "inventory": Hosts(*[Host(name=name, role="node") for name in ("pve1", "pve2", "pve3", "pve4")]),
            "runs": self.ledger,
            "nodes": self.town,
            "verifier": self.trust,
            "permit": self.trust,
            "scope": scope,
            "events": self.events,
            "choose": lambda found: found[0],
            "clock": lambda: self.now,
        }
        self.services = BackupServices(**{**given, **changes})
        self.owner = "first"

    def begin(self, run: str = "night-2026-11-23") -> None:
        order = Order(
            run=run,
            approval=Sealed(payload="", signature="", key=""),
            scope_digest=self.scope.digest,
            asked_by="clock",
            at=self.now,
            not_after=self.now + timedelta(minutes=30),
        )
        assert self.ledger.receive_backup(order, "operator", self.scope, self.now)

    def round(self, seconds: float = 5) -> BackupResult | None:
        self.now += timedelta(seconds=seconds)
        return advance_backup(self.owner, self.services)

    def finish(self, rounds: int = 400, seconds: float = 5) -> BackupResult:
        """Rounds until the run is over; a killed worker is followed by another one when its lease has ended."""
        for _ in range(rounds):
            try:
                result = self.round(seconds)
            except KilledError:
                self.owner += "'"
                self.now += timedelta(seconds=60)
                continue
            if result:
                return result
        raise AssertionError(f"not over: {self.ledger.open_backup()}")

    def until(self, key: str, state: str = "begun") -> None:
        """Rounds until that step is in that state."""
        for _ in range(200):
            night = self.ledger.open_backup()
            if night and key in night.known and night.known[key].state == state:
                return
            assert self.round() is None
        raise AssertionError(f"{key} was never {state}")

    @property
    def steps(self) -> dict[str, str]:
        """Every step of the newest run with its state."""
        (newest,) = self.ledger._db.execute("SELECT run FROM backups ORDER BY started_at DESC LIMIT 1").fetchone()
        return {step.key: step.state for step in self.ledger.backup_steps(newest)}
