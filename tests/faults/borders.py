"""Kill -9 at every border between two states of a repair: it is started once at most, and never left to nobody.

Each case breaks a host of its own, waits until the repair stands exactly at the border, and kills. No product code knows of
this: a border is where a worker asks Redis for something (the gate before Redis keeps it waiting), where the playbook waits on
the host, or where the ledger is locked. The tests stand in two files, which run side by side, each with a system of its own.
"""

import contextlib
import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from aiops.domain.incident import State
from tests.faults import checker
from tests.faults.site import PATIENCE, Site, parent, running

_PERMIT = (b"$3\r\nGET\r\n", b"aiops.permit")
HEALS, FAILED, HUMAN = "success", "failure", "unknown"
"""What is recorded of the repair; the last two are a human's."""


@dataclass
class Yard:
    """The site, one host per case, and what each case is expected to come to."""

    site: Site
    free: Iterator[str]
    cases: dict[str, tuple[str, str, int]] = field(default_factory=dict)


@contextlib.contextmanager
def yard_for(borders: "Sequence[Border]", folder: Path) -> Iterator[Yard]:
    """A system with a host for each case of these borders."""
    with running(folder, sum(len(one.ends) for one in borders), timeout=300, start_within=600) as site:
        yield Yard(site, iter(site.hosts.names))


Reach = Callable[[Site, str, str], int]
"""Brings the repair of a host to its border; returns the process to kill."""


def _begin(site: Site, host: str) -> None:
    site.break_(host)
    site.sweep(host)


def _frozen(site: Site, what: str, *words: bytes, nth: int = 1, answers: bool = False) -> Callable[[], int]:
    """The process that is frozen while it says the words. One that had given up before that is let go, and caught again."""
    holds = [site.gate.hold(*words, nth=nth, answers=answers)]

    def caught() -> int:
        while True:
            site.until(holds[-1].reached.is_set, PATIENCE, what)
            if holds[-1].soon and holds[-1].process:
                return holds[-1].process
            _thaw(holds[-1].process)
            site.gate.forget()
            holds.append(site.gate.hold(*words, nth=nth, answers=answers))

    return caught


def _thaw(pid: int) -> None:
    if pid:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def _victim(site: Site, victim: str, child: int) -> int:
    return child if victim == "child" else site.main("remediation" if victim == "main" else victim)


def _end(site: Site, victim: str, child: int) -> None:
    """Kill, and let everything else go on. A child is thawed where it is not the victim."""
    site.kill(_victim(site, victim, child))
    if victim not in {"child", "main"}:
        _thaw(child)
    elif victim == "main":
        # The kernel ends a child with its main process, since Celery asks for that (PR_SET_PDEATHSIG): here nothing is left.
        site.until(lambda: not parent(child), PATIENCE, "the child went with its main process")
    site.gate.forget()


def _at_the_permit(nth: int, state: str) -> Callable[[Site, str, str], None]:
    def reach(site: Site, host: str, victim: str) -> None:
        site.calm()
        caught = _frozen(site, f"the permit is asked for the {nth}. time", *_PERMIT, nth=nth)
        _begin(site, host)
        child = caught()
        assert site.state(host) == state
        _end(site, victim, child)

    return reach


def _at_a_message(task: bytes, queue: bytes) -> Callable[[Site, str, str], None]:
    """On its way from the queue to the worker: in no queue any more, and nowhere else."""

    def reach(site: Site, host: str, victim: str) -> None:
        site.calm()
        caught = _frozen(site, f"{task!r} is handed out", b'"task": "' + task + b'"', queue, answers=True)
        _begin(site, host)
        _end(site, victim, caught())

    return reach


def _at_an_event(kind: bytes) -> Callable[[Site, str, str], None]:
    def reach(site: Site, host: str, victim: str) -> None:
        site.calm()
        caught = _frozen(site, f"{kind!r} is published", b"XADD", kind)
        _begin(site, host)
        _end(site, victim, caught())

    return reach


def _in_the_playbook(phase: str) -> Callable[[Site, str, str], None]:
    def reach(site: Site, host: str, victim: str) -> None:
        site.hosts.hold(host, phase)
        _begin(site, host)
        site.until(lambda: site.did(host, phase), PATIENCE, f"{host} is in {phase}")
        playbook = site.playbook(host)
        if victim == "ansible":
            site.kill(playbook)
        else:
            site.kill(_victim(site, victim, parent(playbook)))
        site.hosts.let_go(host, phase)

    return reach


def _before_it_is_recorded(site: Site, host: str, victim: str) -> None:
    """The playbook is over and nobody can write that down, because somebody else is writing."""
    site.hosts.hold(host, "end")
    _begin(site, host)
    site.until(lambda: site.did(host, "end"), PATIENCE, f"{host} is at its end")
    playbook = site.playbook(host)
    child = parent(playbook)
    ledger = sqlite3.connect(site.settings.state / "executions.sqlite", isolation_level=None, timeout=30)
    with contextlib.closing(ledger):
        ledger.execute("BEGIN IMMEDIATE")
        site.hosts.let_go(host, "end")
        # Once its parent has taken the end of the playbook, nothing but the ledger is between it and the outcome.
        deadline = time.monotonic() + PATIENCE
        while os.path.exists(f"/proc/{playbook}"):  # noqa: PTH110
            assert time.monotonic() < deadline, "the playbook does not end"
            time.sleep(0.01)
        site.kill(_victim(site, victim, child))
        site.kill(child)
        ledger.execute("ROLLBACK")


@dataclass(frozen=True)
class Border:
    """Where the repair stands, who may be killed there, what comes of it by victim, and how often it was begun."""

    name: str
    reach: Callable[[Site, str, str], None]
    ends: dict[str, tuple[str, int]]


BEFORE = (
    Border("rung", _at_a_message(b"remediate", b"remediation"), {"main": (HEALS, 1)}),
    Border("stored", _at_the_permit(1, "received"), dict.fromkeys(("child", "main", "incidents"), (HEALS, 1))),
    Border(
        "claimed",
        _at_the_permit(2, "claimed"),
        {"child": (HUMAN, 0), "main": (HUMAN, 0), "incidents": (HEALS, 1)},
    ),
    Border(
        "in-check-mode",
        _in_the_playbook("check"),
        {"child": (HUMAN, 0), "main": (HUMAN, 0), "ansible": (FAILED, 0), "incidents": (HEALS, 1)},
    ),
    Border(
        "between-check-and-run",
        _at_the_permit(3, "claimed"),
        {"child": (HUMAN, 0), "main": (HUMAN, 0), "incidents": (HEALS, 1)},
    ),
)
"""Up to the last moment at which nothing has been touched."""

AFTER = (
    Border(
        "in-the-run",
        _in_the_playbook("begin"),
        {"child": (HUMAN, 1), "main": (HUMAN, 1), "ansible": (HUMAN, 1), "incidents": (HEALS, 1)},
    ),
    Border("run-not-recorded", _before_it_is_recorded, dict.fromkeys(("child", "main"), (HUMAN, 1))),
    Border(
        "recorded-not-sent",
        _at_an_event(b'"type":"remediation.finished"'),
        dict.fromkeys(("child", "main", "incidents"), (HEALS, 1)),
    ),
    Border("settled", _at_an_event(b'"type":"outcome.settled"'), {"incidents": (HEALS, 1)}),
    Border("verify-asked", _at_a_message(b"verify", b"detect"), {"detect": (HEALS, 1)}),
    Border("verified", _at_a_message(b"close", b"incidents"), {"incidents": (HEALS, 1)}),
)
"""From the first command on the host to the end."""


def cases(borders: Sequence[Border]) -> list[Any]:
    """Each border with each victim."""
    return [pytest.param(border, victim, id=f"{border.name}-{victim}") for border in borders for victim in border.ends]


def kill_at(yard: Yard, border: Border, victim: str) -> None:
    """Bring a repair there, and kill: it has begun once at most."""
    host = next(yard.free)
    name = f"{border.name}-{victim}"
    border.reach(yard.site, host, victim)
    yard.cases[host] = (name, *border.ends[victim])
    assert yard.site.did(host, "begin") <= 1


def all_ended_as_expected(yard: Yard) -> None:
    """Every incident is resolved, or a human was told."""
    came_to = {}
    for host, (name, *_) in yard.cases.items():
        incident = yard.site.until(lambda host=host: yard.site.ended(host), PATIENCE, f"{name} ends")
        plan = yard.site.ledger.plan_of(incident.id)
        outcome = plan and yard.site.ledger.outcome(plan.id)
        came_to[name] = (outcome.status if outcome else "", yard.site.did(host, "begin"))
        states = {entry.state for entry in yard.site.ledger.timeline(incident.id)}
        assert (came_to[name][0] == HEALS) or State.ESCALATED in states, f"{name}: no human was told"
    assert came_to == {name: (status, begun) for name, status, begun in yard.cases.values()}


def one_story(yard: Yard) -> None:
    """Hosts, ledgers, events and journal say the same."""
    assert checker.check(yard.site.evidence()) == []
