"""A seeded campaign: many small incidents, and while they are repaired everything that can break does so at random.

``python -m tests.faults --incidents 100 --seed 1`` runs one and says what came of it; the same seed gives the same faults in the
same order, though not at the same instant of what the processes do. It needs root, for the hosts and a small disk that gets full.
"""

import contextlib
import heapq
import itertools
import math
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from aiops.domain.incident import Incident, State
from aiops.errors import LedgerBusyError
from tasks.local import Child
from tasks.queues import QUEUES
from tests.faults import checker
from tests.faults.checker import Contradiction
from tests.faults.site import ENDED, Site

AT_ONCE = 12
"""Incidents that are open together; four are repaired at the same time. What waits for a lease or a ring is in nobody's way."""
STEPS = (2, 8)
"""Commands that playbooks have begun on the hosts between two faults, so that a slow machine gets no more of them."""
STUCK = 20.0
"""Seconds after which the next fault comes though nothing has moved."""
FEW = 3
"""When no more than so many are open and nothing is left to break, the faults are over."""
RESTED = 10
"""How many times its own cost passes before the next look at everything: a thousand hosts must not make the looking the load."""
LOOK_AGAIN = 30.0
"""Seconds between two looks at the hosts whose fault nobody knows of."""
DEADLINE = 600.0
"""Seconds from the last fault until every incident has to be resolved or with a human."""
_CLOCKS = (-3600, -60, 0, 60, 3600)
"""Seconds by which the wall clock of our machine may be wrong."""
_HUMANS = frozenset({State.ESCALATED, State.AWAITING_APPROVAL})


@dataclass(frozen=True)
class Result:
    """What came of a campaign. The first three figures have to be 0."""

    seed: int
    incidents: int
    seconds: float
    started_more_than_once: int
    lost: int
    not_ended: int
    contradictions: tuple[Contradiction, ...]
    started: int
    resolved: int
    handed_to_a_human: int
    quarantined: int = 0
    writes_lost: int = 0
    ended_by_themselves: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    faults: Counter[str] = field(default_factory=Counter)

    @property
    def holds(self) -> bool:
        """Whether nothing was done twice, lost, left alone or told differently; where nothing began, that says nothing."""
        return self.started > 0 and not (
            self.started_more_than_once or self.lost or self.not_ended or self.contradictions
        )

    def __str__(self) -> str:
        lines = [
            f"seed {self.seed}: {self.incidents} incidents, {sum(self.faults.values())} faults, {self.seconds:.0f} s",
            f"  started more than once      {self.started_more_than_once}",
            f"  lost                        {self.lost}",
            f"  not ended at the deadline   {self.not_ended}",
            f"  contradictions              {len(self.contradictions)}",
            f"  started                     {self.started}",
            f"  resolved                    {self.resolved}",
            f"  handed to a human           {self.handed_to_a_human}",
            f"  messages in quarantine      {self.quarantined}",
            f"  writes lost to power cuts   {self.writes_lost}",
            f"  ended by themselves         {', '.join(self.ended_by_themselves) or 'none'}",
            "  " + ", ".join(f"{name} {count}" for name, count in sorted(self.faults.items())),
            *(f"  left out, not passed: {name}" for name in self.left_out),
            *(f"  {contradiction}" for contradiction in self.contradictions),
        ]
        return "\n".join(lines)


def hosts_for(incidents: int) -> int:
    """How many hosts a campaign of so many incidents has: on every third of them two things break."""
    return next(count for count in itertools.count(1) if count + (count + 2) // 3 >= incidents)


class Campaign:
    """One run over a site. ``disk`` is the small file system that the ledgers lie on, where there is one."""

    def __init__(self, site: Site, seed: int, *, disk: Path | None = None, seconds: float = math.inf) -> None:
        """After so many ``seconds`` nothing more is broken; what is broken by then is brought to its end."""
        self.site, self.seed, self.disk, self.seconds = site, seed, disk, seconds
        self.random = random.Random(seed)  # noqa: S311 - it has to be repeatable
        self.broken: list[tuple[str, str]] = []
        self.faults: Counter[str] = Counter()
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._number = itertools.count()
        self._open = self._lost = self._wrong = 0
        self._asked = self._looked = self._effects_at = 0.0
        self._effects = 0

    def run(self) -> Result:
        """Break and repair until every fault has been there once on each host's every place."""
        began = time.monotonic()
        names = self.site.hosts.names
        # On every third host two things break: repairs there must come one after the other.
        places = [(host, "var-tmp") for host in names] + [(host, "tmp") for host in names[::3]]
        places = self.random.sample(places, len(places))
        able = {"disk full": self.disk, "power cut": self.site.machine, "clock stepped": self.site.machine}
        sorts = [name for name in _FAULTS if able.get(name, True)]
        deck: list[str] = []
        steps, patience = self.random.randint(*STEPS), time.monotonic() + STUCK
        while places or self._open > FEW:
            self.site.tend()
            self._count()
            self._do_what_is_due()
            if time.monotonic() - began > self.seconds:
                places.clear()
            if places and self._open < AT_ONCE:
                self._break(*places.pop())
            if self._steps() >= steps or time.monotonic() >= patience:
                # Each sort comes before any comes twice.
                deck = deck or self.random.sample(sorts, len(sorts))
                name = deck.pop()
                self.faults[name] += 1
                _FAULTS[name](self)
                steps = self._steps() + self.random.randint(*STEPS)
                patience = time.monotonic() + STUCK
            time.sleep(0.2)
        self._heal()
        with contextlib.suppress(AssertionError):
            self.site.until(self._all_ended, DEADLINE, "every incident has ended")
        return self._result(time.monotonic() - began)

    def _count(self) -> None:
        """How many incidents are open; looked at twice a second at most."""
        if (began := time.monotonic()) >= self._asked:
            with contextlib.suppress(LedgerBusyError):
                known = self.site.incidents()
                self._look_at_the_unseen(known)
                ended = sum(one.state in ENDED for one in known)
                self._open = len(self.site.faults) - ended
            self._asked = _rest(began, 0.5)

    def _steps(self) -> int:
        """How many commands playbooks have begun on the hosts."""
        if (began := time.monotonic()) >= self._effects_at:
            self._effects = len(self.site.hosts.effects())
            self._effects_at = _rest(began, 0.2)
        return self._effects

    def _break(self, host: str, where: str) -> None:
        self.site.break_(host, where)
        self._open += 1
        self.broken.append((host, where))
        self._sweep(host)

    def _all_ended(self) -> bool:
        with contextlib.suppress(LedgerBusyError):
            known = self.site.incidents()
            self._look_at_the_unseen(known)
            return len(known) >= len(self.site.faults) and all(one.state in ENDED for one in known)
        return False

    def _look_at_the_unseen(self, known: list[Incident]) -> None:
        """What nobody has seen yet is looked at again and again, as the clock would."""
        if time.monotonic() - self._looked < LOOK_AGAIN:
            return
        self._looked = time.monotonic()
        seen = {(finding.host, finding.subject) for one in known for finding in one.findings}
        unseen = {host for host, where in self.broken if (host, f"/{where.replace('-', '/')}") not in seen}
        if unseen:
            self._sweep(*sorted(unseen))

    def _sweep(self, *hosts: str) -> None:
        with contextlib.suppress(OperationalError, RedisError, OSError):  # then it is for the next time
            self.site.sweep(*hosts)

    def later(self, seconds: float, do: Callable[[], None]) -> None:
        """Do something when so many seconds have passed, or when the faults are over."""
        heapq.heappush(self._later, (time.monotonic() + seconds, next(self._number), do))

    def _do_what_is_due(self) -> None:
        while self._later and self._later[0][0] <= time.monotonic():
            heapq.heappop(self._later)[2]()

    def _heal(self) -> None:
        while self._later:
            heapq.heappop(self._later)[2]()
        self.site.gate.open()
        if self.site.machine:
            self.site.machine.set_clock(0)

    def _result(self, seconds: float) -> Result:
        found = checker.check(self.site.evidence())
        kinds = Counter(one.kind for one in found)
        known = self.site.incidents()
        asked = [{entry.state for entry in self.site.ledger.timeline(one.id)} & _HUMANS for one in known]
        begun = {effect.plan for effect in self.site.hosts.effects() if effect.phase == "begin"}
        return Result(
            seed=self.seed,
            incidents=len(self.site.faults),
            seconds=seconds,
            started_more_than_once=kinds["started more than once"],
            lost=kinds["lost"],
            not_ended=kinds["not ended"],
            contradictions=tuple(found),
            started=len(begun),
            resolved=sum(one.state is State.RESOLVED for one in known),
            handed_to_a_human=sum(map(bool, asked)),
            quarantined=len(list((self.site.settings.state / "quarantine").glob("*"))),
            writes_lost=self._lost,
            ended_by_themselves=tuple(self.site.ended_by_itself),
            left_out=tuple(name for name in _FAULTS if name not in self.faults),
            faults=self.faults,
        )


def _rest(began: float, least: float) -> float:
    """When to look again after a look that began then."""
    return began + max(least, RESTED * (time.monotonic() - began))


def _kill(name: str, *, group: bool) -> Callable[[Campaign], None]:
    def fault(campaign: Campaign) -> None:
        for pid in _main(campaign, name):
            with contextlib.suppress(ProcessLookupError):
                (os.killpg if group else os.kill)(pid, signal.SIGKILL)

    return fault


def _kill_a_child(campaign: Campaign) -> None:
    """One that is at work, where one is."""
    playbooks = campaign.site.playbooks()
    busy = [above for above in map(_above, playbooks) if above > 1]
    children = sorted(busy) or sorted(_below(campaign, "remediation"))
    if children:
        campaign.site.kill(campaign.random.choice(children))


def _kill_ansible(campaign: Campaign) -> None:
    playbooks = sorted(campaign.site.playbooks())
    if playbooks:
        campaign.site.kill(campaign.random.choice(playbooks))


def _kill_redis(campaign: Campaign) -> None:
    """And start it again from its append-only file."""
    campaign.site.kill_redis()
    campaign.later(campaign.random.uniform(0, 4), campaign.site.start_redis)


def _kill_mqtt(campaign: Campaign) -> None:
    campaign.site.kill_mqtt()
    campaign.later(campaign.random.uniform(0, 4), campaign.site.start_mqtt)


def _cut_the_power(campaign: Campaign) -> None:
    campaign._lost += campaign.site.cut_the_power()


def _step_the_clock(campaign: Campaign) -> None:
    """As a time server does that was away, or a dead battery; the next step goes somewhere else."""
    assert campaign.site.machine
    campaign._wrong = campaign.random.choice([step for step in _CLOCKS if step != campaign._wrong])
    campaign.site.machine.set_clock(campaign._wrong)


def _freeze(campaign: Campaign) -> None:
    """A process that stands still, as on a host out of memory; for longer than a lease now and then."""
    name = campaign.random.choice(("redis", "remediation", "incidents", "detect", "beat", "bridge"))
    pids = [campaign.site.local._redis.pid] if name == "redis" else list(_main(campaign, name))
    for pid in filter(None, pids):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGSTOP)
        seconds = campaign.random.choice((1.0, 4.0, 20.0)) if name != "redis" else 4.0
        campaign.later(seconds, lambda pid=pid: _thaw(pid))  # type: ignore[misc]


def _thaw(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGCONT)


def _wipe(campaign: Campaign) -> None:
    with contextlib.suppress(RedisError):
        campaign.site.client.delete(campaign.random.choice(list(QUEUES)))


def _wipe_all(campaign: Campaign) -> None:
    with contextlib.suppress(RedisError):
        campaign.site.client.flushall()


def _garbage(campaign: Campaign) -> None:
    queue = campaign.random.choice(list(QUEUES))
    data = campaign.random.choice(
        (campaign.random.randbytes(200), b"{}", b"[1, 2", b'{"body": "AAAA", "headers": {}, "properties": {}}', b"null")
    )
    with contextlib.suppress(RedisError):
        campaign.site.client.lpush(queue, data)


def _refuse(campaign: Campaign) -> None:
    campaign.site.gate.cut()
    campaign.later(campaign.random.uniform(1, 8), campaign.site.gate.open)


def _half_open(campaign: Campaign) -> None:
    campaign.site.gate.strand()


def _two_beats(campaign: Campaign) -> None:
    one = campaign.site.child("beat")
    other = Child("beat2", one.argv, one.log.with_name("beat2.log"), one.environment)
    other.start()

    def end() -> None:
        if other.process:
            other.process.kill()
            other.process.wait()

    campaign.later(campaign.random.uniform(5, 20), end)


def _fill_the_disk(campaign: Campaign) -> None:
    assert campaign.disk
    filler = campaign.disk / f"filler{next(campaign._number)}"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(b"\0" * 65536)
    campaign.later(campaign.random.uniform(1, 6), lambda: filler.unlink(missing_ok=True))


_FAULTS: dict[str, Callable[[Campaign], None]] = {
    "worker child killed": _kill_a_child,
    "worker main killed": _kill("remediation", group=False),
    "worker killed whole": _kill("remediation", group=True),
    "ansible killed": _kill_ansible,
    "incidents killed": _kill("incidents", group=True),
    "detect killed": _kill("detect", group=True),
    "beat killed": _kill("beat", group=True),
    "bridge killed": _kill("bridge", group=True),
    "redis killed": _kill_redis,
    "mqtt killed": _kill_mqtt,
    "power cut": _cut_the_power,
    "clock stepped": _step_the_clock,
    "process frozen": _freeze,
    "queue wiped": _wipe,
    "redis emptied": _wipe_all,
    "garbage in a queue": _garbage,
    "connections refused": _refuse,
    "links half-open": _half_open,
    "two beats": _two_beats,
    "disk full": _fill_the_disk,
}


def _main(campaign: Campaign, name: str) -> Iterator[int]:
    process = campaign.site.child(name).process
    if process and process.poll() is None:
        yield process.pid


def _above(pid: int) -> int:
    from tests.faults.site import parent  # noqa: PLC0415

    return parent(pid)


def _below(campaign: Campaign, name: str) -> list[int]:
    mains = set(_main(campaign, name))
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if _above(pid) in mains]
