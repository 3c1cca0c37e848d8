"""``python -m bench``: every way's median beside ours, from one run, into ``docs/benchmarks.md`` and ``docs/benchmarks.json``.

The ways take turns, forwards and backwards, since a machine's speed drifts: only what was measured side by side is compared.
"""

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bench import sweep
from bench.hosts import Fleet, fleet

DOCS = Path(__file__).parents[1] / "docs"
LONGEST = 180.0
"""Seconds: a way that has taken longer than this is not run again."""
WARMED = 3
"""Turns from which on one more is taken first that does not count: connections, caches. It would cost minutes elsewhere."""


@dataclass
class Way:
    """One way to do it. ``goal`` is how many times our time it should take; ``most`` when that is the most it may be."""

    name: str
    run: Callable[[], None]
    goal: float | None = None
    floor: bool = False
    turns: int = 0
    seconds: list[float] = field(default_factory=list)

    def measure(self) -> None:
        """Once more, unless it has had its turns."""
        if len(self.seconds) >= self.turns or sum(self.seconds) > LONGEST:
            return
        started = time.perf_counter()
        self.run()
        self.seconds.append(time.perf_counter() - started)

    @property
    def median(self) -> float:
        """Wall seconds."""
        return statistics.median(self.seconds)


def main() -> None:
    """Measure the sweep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=60)
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="aiops-bench-") as folder, fleet(Path(folder), options.hosts) as made:
        load = os.getloadavg()[0]
        with ways(made, options.runs) as each:
            for way in each:
                if way.turns >= WARMED:
                    way.run()
            for turn in range(options.runs):
                for way in each if turn % 2 == 0 else reversed(each):
                    way.measure()
    facts = {
        "hosts": options.hosts,
        "checks": len(sweep.commands()),
        "commands": [" ".join(argv) for argv in sweep.commands()],
        "processors": os.cpu_count(),
        "load_before": round(load, 2),
        "python": platform.python_version(),
        "measured_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%MZ}",
        "ways": [
            {
                "name": way.name,
                "seconds": [round(one, 3) for one in way.seconds],
                "median": round(way.median, 3),
                "ratio": round(ratio(way, each[0]), 2),
                "goal": way.goal,
            }
            for way in each
        ],
    }
    report = page(facts, each)
    print(report)
    (DOCS / "benchmarks.md").write_text(report, encoding="utf-8")
    (DOCS / "benchmarks.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


@contextmanager
def ways(made: Fleet, runs: int) -> Iterator[list[Way]]:
    """Ours first. What takes minutes has fewer turns."""
    with sweep.through_celery(made) as ours:
        yield [
            Way("aiops: patrol, detect, correlate over Celery", ours, turns=runs),
            Way(
                "the same script over the same kept connections, bare",
                sweep.bare_script(made),
                1.15,
                floor=True,
                turns=runs,
            ),
            Way("fabric ThreadingGroup, 8 fresh runs", sweep.fabric_group(made), 2.5, turns=runs),
            Way("ansible -m script, all checks batched, 20 forks", sweep.ansible_script(made), 5, turns=min(runs, 5)),
            Way(
                "ansible-playbook, a task per check, 20 forks, pipelining",
                sweep.ansible_playbook(made),
                50,
                turns=min(runs, 2),
            ),
        ]


def ratio(way: Way, ours: Way) -> float:
    """How many times our time it takes; for the floor, how many times its time we take."""
    return ours.median / way.median if way.floor else way.median / ours.median


def page(facts: dict[str, object], each: list[Way]) -> str:
    """The report: medians, ratios, and what they were measured on."""
    lines = [
        "# What a sweep costs",
        "",
        f"Written by `make bench`: {facts['checks']} checks on {facts['hosts']} hosts, through the whole of Celery (patrol, detect, correlate, the",
        "sweep in the ledger), beside its baselines in the same run. All do the same work: the read-only commands of the guardians",
        f"{', '.join(f'`{name}`' for name in sweep.GUARDIANS)}.",
        "",
        f"{facts['processors']} processors for the hosts and for us together, Python {facts['python']}, load {facts['load_before']} before, {facts['measured_at']}. The hosts are",
        "60 sshd on loopback, each in a process namespace of its own, so the network costs nothing and every way is held back by what",
        "the hosts themselves have to do. The ways take turns; absolute times are noise of this machine, the ratios are the figures.",
        "",
        "| way | runs | median s | shortest s | ratio | goal | |",
        "|---|---|---|---|---|---|---|",
    ]
    for way in each:
        goal = "" if way.goal is None else f"{'at most' if way.floor else 'at least'} {way.goal:g}"
        found = ratio(way, each[0])
        met = "" if way.goal is None else "met" if (found <= way.goal if way.floor else found >= way.goal) else "missed"
        shown = "" if way.goal is None else f"{found:.2f}"
        lines.append(
            f"| {way.name} | {len(way.seconds)} | {way.median:.2f} | {min(way.seconds):.2f} | {shown} | {goal} | {met} |"
        )
    lines += [
        "",
        "The ratio says how many times our time a way takes; for the bare script, how many times its time we take. What it does not",
        "say: how much of it is the hosts' own work, which is the same for all. Every run is in [benchmarks.json](benchmarks.json).",
        "",
        "## How it was reached",
        "",
        "- One remote execution per host, over a connection that is kept, whatever the number of guardians that are due.",
        "- On the host the script is one perl that starts each command and frames what it prints (`aiops/probes/dialects.py`); as a",
        "  shell script it took nine processes for each check, which was most of what a sweep cost.",
        "- It says its answers in pieces of 64 KiB: each piece wakes sshd, the network and three threads of the worker.",
        "- What a host says word for word as the last time (its packages, apt's history) is not read again (`aiops/probes/readings.py`).",
        "- What perl can say as well as a command (the time, a file of `/proc/self`) takes no process; gzip is asked without zcat's shell.",
        "- No pattern is compiled for a host, and the text of a set of probes is written once (`aiops/probes/script.py`).",
        "- One message per shard of hosts and one transaction per sweep; no result backend, no events.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
