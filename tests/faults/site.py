"""The whole system as processes, repairing loopback hosts; a test may kill any part of it, and sees what really happened."""

import contextlib
import json
import os
import re
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis
from celery import Celery

from aiops.adapters.embedded import EmbeddedMqtt, EmbeddedRedis
from aiops.adapters.incident_ledger import SqliteIncidentLedger
from aiops.domain.incident import Incident, State
from aiops.settings import Settings, load_settings
from tasks.config import configuration
from tasks.local import WORKERS, Child, Local
from tests.faults import checker
from tests.faults.gate import Gate
from tests.faults.hosts import FAULT, PLACES, Hosts, serving
from tests.faults.machine import Machine
from tests.servers import Subscriber, free_port

ROOT = Path(__file__).parents[2]
ENDED = (State.RESOLVED, State.ESCALATED, State.AWAITING_APPROVAL)
"""Repaired and proved, or with a human."""
LEASE = 15
"""Seconds; the shortest that a machine under full load does not take for a dead worker."""
PATIENCE = 240
"""Seconds until something that takes a few on an idle machine must have happened."""


class Site:
    """Hosts, a system that looks after them, a gate before its Redis, and what a test needs to break and to look."""

    def __init__(
        self,
        folder: Path,
        hosts: Hosts,
        *,
        only: tuple[str, ...] = WORKERS,
        start_within: int = 60,
        machine: Machine | None = None,
        extra: str = "",
    ) -> None:
        self.hosts, self.machine = hosts, machine
        port = free_port()
        self.gate = Gate(port, self.family)
        self.local = Local(folder, extra=_settings(hosts, start_within) + extra, only=only)
        self.local._redis = EmbeddedRedis(folder / "redis", port, accounts=self.local._accounts)
        self.local._mqtt = EmbeddedMqtt(folder / "mqtt", free_port())
        self.settings: Settings
        self.client: redis.Redis
        self.ledger: SqliteIncidentLedger
        self.faults: list[str] = []
        self.ended_by_itself: list[str] = []

    def start(self) -> None:
        """Start everything, and wait until every worker is up."""
        environment = {
            "AIOPS_REDIS__URL": f"redis://127.0.0.1:{self.gate.port}/0",
            # The crontab of the tests stands before the one in the repository.
            "PYTHONPATH": f"{Path(__file__).parent / 'crontab'}:{ROOT}",
            "PYTHONSAFEPATH": "1",
            **(self.machine.environment if self.machine else {}),
        }
        with _environment(**environment):
            self.local.start()
        with _environment(AIOPS_CONFIG=str(self.local.config)):
            self.settings = load_settings()
        self.heard = Subscriber(self.local.mqtt_port, "pixelium/#")
        self.client = redis.Redis.from_url(self.local.redis_url)
        self.ledger = SqliteIncidentLedger(self.settings.state / "incidents.sqlite")
        self.producer: Celery[Any] = Celery("stranger", set_as_current=False)
        self.producer.conf.update(configuration(self.settings))
        workers = {name for name in self.local._only if name not in ("beat", "bridge")}
        self.until(lambda: workers <= self._online(), 90, f"{workers} are up")

    def stop(self) -> None:
        """End it with all it started, and whatever playbook was left behind."""
        self.gate.forget()
        for child in self.local.children:
            if child.process and child.process.poll() is None:
                os.killpg(child.process.pid, signal.SIGCONT)
        self.local.stop()
        self.gate.close()
        for pid in self.playbooks():
            self.kill(pid)
        if hasattr(self, "client"):
            self.heard.close()
            self.client.close()
            self.producer.close()

    def tend(self) -> None:
        """Start what died again, as systemd would: after a second, and again and again."""
        for child in self.local.children:
            child.deaths = 0
        dead = self.local.watch()
        for child in self.local.children:
            if child.name in dead and child.process and child.process.returncode != -signal.SIGKILL:
                self.ended_by_itself.append(f"{child.name} with code {child.process.returncode}")

    def start_redis(self) -> None:
        """Again, from its append-only file, unless it runs."""
        if not self.local._redis.pid:
            with _environment(**(self.machine.environment if self.machine else {})):
                self.local._redis.start()

    def kill_redis(self) -> None:
        """The broker, -9."""
        server = self.local._redis
        if server.pid:
            os.kill(server.pid, signal.SIGKILL)
            server.stop()

    def kill_mqtt(self) -> None:
        """The other broker, -9."""
        server = self.local._mqtt
        if server.pid:
            os.kill(server.pid, signal.SIGKILL)
            server.stop()

    def start_mqtt(self) -> None:
        """Again, unless it runs."""
        if not self.local._mqtt.pid:
            self.local._mqtt.start()

    def cut_the_power(self) -> int:
        """Everything of ours dies in the same moment, and with it what no fsync had made last; then the current is back.

        Returns how many writes were lost. The hosts and the MQTT broker are machines of their own.
        """
        assert self.machine
        self.ledger.close()
        living = [child.process for child in self.local.children if child.process and child.process.poll() is None]
        for process in living:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        self.kill_redis()
        for pid in self._at_work():
            self.kill(pid)
        for process in living:
            process.wait(30)
        self.until_gone()
        ledgers = [(self.settings.state / name).resolve() for name in ("incidents.sqlite", "executions.sqlite")]
        for ledger in ledgers:
            ledger.with_name(f"{ledger.name}-shm").unlink(missing_ok=True)
        files = [*ledgers, *(ledger.with_name(f"{ledger.name}-wal") for ledger in ledgers)]
        lost = self.machine.lose_what_was_not_synced([*files, *(self.local.folder / "redis").rglob("*.aof")])
        self.start_redis()
        self.ledger = SqliteIncidentLedger(self.settings.state / "incidents.sqlite")
        return lost

    def until_gone(self) -> None:
        """Wait until no process of ours writes any more."""
        deadline = time.monotonic() + 30
        while left := self._at_work():
            assert time.monotonic() < deadline, f"{left} do not die"
            time.sleep(0.05)

    def _at_work(self) -> list[int]:
        """What repairs, and what it has forked: never the hosts' own processes."""
        mine, found = str(self.hosts.folder).encode(), []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    program = (entry / "comm").read_text().strip()
                    if program in {"ansible-playboo", "ssh"} and mine in (entry / "cmdline").read_bytes():
                        found.append(int(entry.name))
        return found

    def until(self, look: Callable[[], Any], seconds: float, what: str) -> Any:
        """What ``look`` returns as soon as it is true; meanwhile the processes are tended."""
        deadline = time.monotonic() + seconds
        while True:
            seen = look()
            if seen:
                return seen
            assert time.monotonic() < deadline, f"not within {seconds} s: {what}; logs: {self.local.folder}/log"
            self.tend()
            time.sleep(0.05)

    def break_(self, host: str, where: str = "var-tmp") -> None:
        """A new fault on the host."""
        self.faults.append(host)
        self.hosts.break_(host, len(self.faults), where)

    def sweep(self, *hosts: str) -> None:
        """Have these hosts looked at."""
        self.producer.send_task("patrol", args=(["disk"],), kwargs={"hosts": list(hosts)}, queue="detect", retry=False)

    def incidents(self) -> list[Incident]:
        """Those that stand for a fault; not what the watchers say about ourselves."""
        known = self.ledger.search(limit=100_000)
        return [one for one in known if any(finding.kind == FAULT for finding in one.findings)]

    def incident(self, host: str, where: str = "") -> Incident | None:
        """The newest incident of the host, or of one place on it."""
        found = self.ledger.search(host=host, limit=50)
        subject = f"/{where.replace('-', '/')}"
        return next((one for one in found if not where or any(f.subject == subject for f in one.findings)), None)

    def ended(self, host: str, where: str = "") -> Incident | None:
        """The same once it is repaired and proved, or with a human."""
        incident = self.incident(host, where)
        return incident if incident and incident.state in ENDED else None

    def waits(self, host: str, where: str = "") -> str:
        """Why CT196 has not started the repair yet, as the timeline says."""
        incident = self.incident(host, where)
        entries = self.ledger.timeline(incident.id) if incident else ()
        return next((entry.text for entry in entries if "CT196 waits" in entry.text), "")

    def executions(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of CT196's ledger."""
        path = self.settings.state / "executions.sqlite"
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as database:
            return list(database.execute(statement, values))

    def state(self, host: str) -> str:
        """Where the newest plan for the host stands on CT196: received, claimed, done; or nothing."""
        incident = self.incident(host)
        rows = self.executions(
            "SELECT state FROM plans WHERE incident = ? ORDER BY received_at", incident.id if incident else ""
        )
        return rows[-1][0] if rows else ""

    def did(self, host: str, phase: str) -> int:
        """How often a playbook reached that phase on the host."""
        return sum(effect.phase == phase for effect in self.hosts.effects(host))

    def family(self) -> list[int]:
        """Our processes and their children."""
        mains = [child.process.pid for child in self.local.children if child.process]
        found = list(mains)
        for pid in mains:
            with contextlib.suppress(OSError):
                found += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        return found

    def calm(self) -> None:
        """Wait until nothing is going on any more."""
        self.until(lambda: all(one.state in ENDED for one in self.ledger.live()), PATIENCE, "every incident has ended")

    def claimed(self) -> set[str]:
        """The incidents whose plan is running, or is believed to."""
        return {row[0] for row in self.executions("SELECT incident FROM plans WHERE state = 'claimed'")}

    def child(self, name: str) -> Child:
        """One of our processes."""
        (child,) = [child for child in self.local.children if child.name == name]
        return child

    def main(self, name: str) -> int:
        """Its id; waits until it lives."""
        child = self.child(name)
        self.until(lambda: child.process and child.process.poll() is None, 30, f"{name} lives")
        assert child.process
        return child.process.pid

    def playbooks(self) -> list[int]:
        """Every ansible-playbook of ours: the ones that were started, not the workers that they fork."""
        mine = str(self.hosts.playbooks).encode()
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    command = (entry / "cmdline").read_bytes()
                    if b"ansible-playbook" in command and mine in command:
                        found[int(entry.name)] = parent(int(entry.name))
        return [pid for pid, above in found.items() if above not in found]

    def playbook(self, host: str) -> int:
        """The ansible-playbook that repairs this host."""

        def at_work() -> list[int]:
            return [pid for pid in self.playbooks() if f'"{host}"' in _inventory(pid)]

        (found,) = self.until(at_work, PATIENCE, f"a playbook for {host}")
        return int(found)

    def kill(self, pid: int) -> None:
        """The end that nobody can prepare for."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def evidence(self) -> checker.Evidence:
        """All that the checker compares, once the records of what has ended are written up."""
        unfiled = "SELECT count(*) FROM plans WHERE state = 'done' AND plan NOT IN (SELECT plan FROM records)"
        self.until(lambda: self.executions(unfiled) == [(0,)], PATIENCE, "the records are written up")
        journal = [path.read_text() for path in (self.settings.state / "records" / "journal").glob("journal/*.md")]
        return checker.Evidence(
            effects=self.hosts.effects(),
            executed=checker.executed(self.settings.state / "executions.sqlite"),
            decided=checker.decided(self.settings.state / "incidents.sqlite", FAULT, self._still),
            events=[json.loads(one.payload) for one in self.heard.wait(lambda _: True) if "/state" not in one.topic],
            journal=[entry for text in journal for entry in re.split(r"^## ", text, flags=re.MULTILINE)[1:]],
            faults=self.faults,
        )

    def _still(self, host: str, subject: str) -> bool:
        place = subject.strip("/").replace("/", "-")
        return self.hosts.broken(host, place) if place in PLACES else False

    def _online(self) -> set[str]:
        found = set()
        for child in self.local.children:
            with contextlib.suppress(OSError):
                if b" ready." in child.log.read_bytes():
                    found.add(child.name)
        return found


def _inventory(pid: int) -> str:
    with contextlib.suppress(OSError, ValueError):
        words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
        return Path(words[words.index("-i") + 1]).read_text()
    return ""


def parent(pid: int) -> int:
    """The id of the process above; 0 when there is none any more."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


@contextmanager
def running(folder: Path, count: int, *, timeout: int = 60, **options: Any) -> Iterator[Site]:
    """A site with so many hosts, for the length of a block."""
    with serving(Hosts(folder / "fleet", count, timeout=timeout)) as hosts:
        site = Site(folder / "system", hosts, **options)
        try:
            site.start()
            yield site
        finally:
            site.stop()


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _settings(hosts: Hosts, start_within: int) -> str:
    lines: Sequence[str] = (
        f'[fleet]\ninventory = "{hosts.inventory}"',
        f'[ssh]\nuser = "root"\nkey_file = "{hosts.key}"\nknown_hosts = "{hosts.known_hosts}"\nhost_seconds = 90\nthreads = 3',
        f'[repair]\nuser = "root"\nkey_file = "{hosts.key}"\nknown_hosts = "{hosts.known_hosts}"',
        f'playbooks = "{hosts.playbooks}"\nlease_seconds = {LEASE}',
        f'[policy]\ndefault = "auto"\nstart_within = {start_within}',
        "[floor]\nstarts_per_hour = 100000",
        # Many troubles at once are what these tests are about; a storm would stop every repair.
        "[quiet]\nstorm_incidents = 100000\nmost_incidents = 100000\nrepair_grace = 0",
        "[correlation]\nbaseline = false",
        '[detectors.disk]\nignore_mounts = ["*"]',
    )
    return "\n" + "\n".join(lines) + "\n"
