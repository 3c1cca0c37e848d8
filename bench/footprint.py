"""What the processes cost that do nothing: memory, the time until they are there, and what they have loaded.

    python -m bench.footprint [--runs 5] [--only detect triage] [--write]

Each is started as it is deployed (``python -m workers.<name>``, an account of its own in Redis, MQTT), alone, so that it shares the pages
of Python and of its libraries with no other process of ours: what is measured here is the most that it can cost. Memory is PSS
(``/proc/PID/smaps_rollup``), the sum over the process and its children.
"""

import argparse
import json
import os
import platform
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from redis import Redis

from tasks.local import Local

DOCS = Path(__file__).parents[1] / "docs"
MEBIBYTE = 1024 * 1024
_TELLS = "PYTHONPROFILEIMPORTTIME"
"""Python then says in the process's log what it imports, and when."""

BIG = (
    *(
        "litellm",
        "openai",
        "tokenizers",
        "ansible",
        "ansible_runner",
        "fabric",
        "paramiko",
        "cryptography",
        "telegram",
        "httpx",
    ),
    *("jinja2", "prometheus_client", "jsonschema", "requests", "flower", "rich", "typer", "celery", "pydantic", "paho"),
)
"""Packages whose presence in a process is a decision: they take megabytes or open a way out."""


@dataclass(frozen=True)
class Budget:
    """What a process may cost."""

    mebibytes: float
    """PSS of the process and its children, idle."""
    seconds: float
    """From its start to its first sign of life; printed, never asserted: it is the machine's as much as ours."""


BUDGETS: Mapping[str, Budget] = {
    "detect": Budget(90, 1.5),
    "incidents": Budget(90, 1.5),
    "triage": Budget(210, 4.0),
    "remediation": Budget(150, 1.5),
    "bridge": Budget(60, 1.5),
    "beat": Budget(60, 1.5),
}
"""The limits of the project's brief; remediation with two children, triage with litellm loaded."""

_SETTINGS = """
[repair]
concurrency = 2
[llm]
model = "openai/measured"
api_base = "http://127.0.0.1:9/v1"
"""
_BOOTED_WITHIN = 120.0
_QUIET = 3.0
"""Seconds without growth after which a process counts as idle: its timers (permit, cards, watchers) have gone round by then."""
_AT_MOST = 30.0
_LITELLM = "/tiktoken/"
"""A library that litellm maps among its last: triage is ready when it is there, for it loads after the worker is up."""


@dataclass
class Footprint:
    """What one process was measured to cost; a list has one figure per run."""

    name: str
    pss: list[float] = field(default_factory=list)
    """MiB."""
    rss: list[float] = field(default_factory=list)
    """MiB, as if no other process on earth had Python's pages."""
    seconds: list[float] = field(default_factory=list)
    """From the start to the first sign of life, by the clock."""
    cpu_seconds: list[float] = field(default_factory=list)
    """Of processor until then: what a machine with nothing else to do would take at least."""
    processes: int = 0
    tried: frozenset[str] = frozenset()
    """The packages it imported, or wanted to import: Python names an import that failed as well."""
    loaded: frozenset[str] = frozenset()

    @property
    def memory(self) -> float:
        """Median of PSS, in MiB."""
        return statistics.median(self.pss)

    @property
    def big(self) -> list[str]:
        """Those of ``BIG`` that it has loaded."""
        return [name for name in BIG if name in self.loaded]


def measure(name: str, runs: int = 1) -> Footprint:
    """Start one process ``runs`` times.

    :raises TimeoutError: it gave no sign of life
    """
    found = Footprint(name)
    for _ in range(runs):
        with _running(name) as (pid, log):
            found.seconds.append(_age(pid))
            found.cpu_seconds.append(sum(_processor(one) for one in _family(pid)))
            family = _settled(pid)
            found.processes = len(family)
            found.pss.append(_memory(family, "Pss") / MEBIBYTE)
            found.rss.append(_memory(family, "Rss") / MEBIBYTE)
            found.tried, found.loaded = _imported(log)
    return found


@contextmanager
def _running(name: str) -> Iterator[tuple[int, Path]]:
    """The process alone with a Redis and an MQTT broker, once it has given its sign of life: its id and its log."""
    before = os.environ.get(_TELLS)
    os.environ[_TELLS] = "1"
    try:
        with tempfile.TemporaryDirectory(prefix="aiops-footprint-") as folder:
            local = Local(Path(folder), extra=_SETTINGS, only=(name,))
            try:
                local.start()
                (child,) = local.children
                pid = child.process.pid if child.process else 0
                with Redis.from_url(local.redis_url) as client:
                    _until(lambda: bool(client.exists(f"aiops.pulse.{name}")), child.log)
                if name == "triage":
                    _until(lambda: _LITELLM in Path(f"/proc/{pid}/maps").read_text(encoding="utf-8"), child.log)
                yield pid, child.log
            finally:
                local.stop()
    finally:
        if before is None:
            del os.environ[_TELLS]
        else:
            os.environ[_TELLS] = before


def _until(there: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + _BOOTED_WITHIN
    while not there():
        if time.monotonic() > deadline:
            raise TimeoutError(f"no sign of life; the end of its log: {log.read_text(encoding='utf-8')[-500:]}")
        time.sleep(0.005)


def _age(pid: int) -> float:
    """Seconds since the process was made."""
    ticks = int(Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


def _processor(pid: int) -> float:
    """Seconds of processor that it has used."""
    words = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def _settled(pid: int) -> list[int]:
    """The process and its children once their memory has stopped growing."""
    end = time.monotonic() + _AT_MOST
    most, since = 0, time.monotonic()
    while time.monotonic() < end and time.monotonic() - since < _QUIET:
        now = _memory(_family(pid), "Pss")
        if now > most * 1.005:
            most, since = now, time.monotonic()
        time.sleep(0.1)
    return _family(pid)


def _family(pid: int) -> list[int]:
    """The process and all its descendants."""
    found = [pid]
    for one in found:
        for task in Path(f"/proc/{one}/task").glob("*/children"):
            found += [int(word) for word in task.read_text(encoding="ascii").split()]
    return found


def _memory(pids: Iterable[int], what: str) -> int:
    """Bytes of a line of ``smaps_rollup``, all processes together."""
    total = 0
    for pid in pids:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
        total += sum(1024 * int(kib) for kib in re.findall(rf"^{what}:\s+(\d+) kB", rollup, re.MULTILINE))
    return total


def _imported(log: Path) -> tuple[frozenset[str], frozenset[str]]:
    """The packages whose import Python reports, and those of which two modules at least came: one alone may be an attempt."""
    text = log.read_text(encoding="utf-8", errors="replace")
    modules = set(re.findall(r"^import time:.*\|\s+([\w.]+)$", text, re.MULTILINE))
    packages = Counter(module.partition(".")[0] for module in modules)
    return frozenset(packages), frozenset(name for name, count in packages.items() if count > 1)


def help_page(runs: int) -> tuple[list[float], list[float]]:
    """Seconds of ``aiops --help`` by the clock and of processor, each in a process of its own."""
    taken, used = [], []
    for _ in range(runs):
        started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "tasks.cli", "--help"], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(time.perf_counter() - started)
        used.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return taken, used


def main() -> None:
    """Measure, print the table, and write it where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", nargs="*", choices=tuple(BUDGETS), default=tuple(BUDGETS))
    parser.add_argument("--write", action="store_true", help="into docs/footprint.md and docs/footprint.json")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    found = []
    for name in options.only:
        found.append(measure(name, options.runs))
        print(row(found[-1]), flush=True)
    wall, processor = help_page(options.runs)
    print(help_row(wall, processor))
    if options.write:
        facts = {
            "processors": os.cpu_count(),
            "python": platform.python_version(),
            "load_before": round(load, 2),
            "measured_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%MZ}",
            "processes": [_facts(one) for one in found],
            "help": {"seconds": _rounded(wall), "cpu_seconds": _rounded(processor)},
        }
        (DOCS / "footprint.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
        (DOCS / "footprint.md").write_text(page(facts, found, help_row(wall, processor)), encoding="utf-8")


def row(one: Footprint) -> str:
    """One line of the table."""
    budget = BUDGETS[one.name]
    return (
        f"| `{one.name}` | {one.processes} | {one.memory:.0f} | {budget.mebibytes:.0f} | {statistics.median(one.rss):.0f} "
        f"| {min(one.seconds):.2f} | {statistics.median(one.cpu_seconds):.2f} | {budget.seconds:g} | {', '.join(one.big)} |"
    )


def help_row(wall: list[float], processor: list[float]) -> str:
    """The last line of the table."""
    return f"| `aiops --help` | 1 | | | | {min(wall):.2f} | {statistics.median(processor):.2f} | 0.3 | |"


def _facts(one: Footprint) -> dict[str, Any]:
    return {
        "name": one.name,
        "processes": one.processes,
        "pss_mib": _rounded(one.pss),
        "rss_mib": _rounded(one.rss),
        "seconds": _rounded(one.seconds),
        "cpu_seconds": _rounded(one.cpu_seconds),
        "limit_mib": BUDGETS[one.name].mebibytes,
        "loaded": one.big,
    }


def _rounded(figures: list[float]) -> list[float]:
    return [round(one, 2) for one in figures]


def page(facts: Mapping[str, Any], found: Iterable[Footprint], last: str) -> str:
    """The report."""
    return f"""\
# What the processes cost that do nothing

Written by `make footprint`. Each process is started as it is deployed, alone with a Redis and an MQTT broker, and left alone until its
memory no longer grows; `remediation` with two children, `triage` with litellm loaded.

{facts["processors"]} processors, Python {facts["python"]}, load {facts["load_before"]} before, {facts["measured_at"]}.

| process | processes | PSS MiB | at most | RSS MiB | there after s | processor s | goal s | of what is big it has loaded |
|---|---|---|---|---|---|---|---|---|
{chr(10).join(row(one) for one in found)}
{last}

- **PSS** counts a page that several processes share as a part to each; RSS counts it whole, as if nobody else on the machine had
  Python's libraries. Medians; the limit is for PSS, and `tests/pipeline/test_footprint.py` (`make slow`) fails above it.
- **There after** is the shortest time from the start to the first sign of life in Redis (for `triage`, until litellm is loaded); beside it
  the processor time until then, which other load on the machine does not change much. Neither is a test.
- Every run is in [footprint.json](footprint.json).

## How it was reached

- The workers do not start through Celery's command line: it loads every program that came with Celery, Flower and its web server among
  them, into each process (17 MiB).
- `beat` knows the names of the tasks and none of the tasks; the bridge does not load Celery at all.
- structlog is loaded without rich, which it would use for coloured tracebacks (6 MiB).
- Before it forks, the repair worker tells the collector of garbage to leave alone what exists, so its children share it.
- Adapters are imported where they are chosen (`aiops/bootstrap`); litellm by the triage worker alone, once a provider is set.

Before that: `detect` 78, `incidents` 88, `triage` 220, `remediation` 169, `bridge` 56, `beat` 69.
"""


if __name__ == "__main__":
    main()
