"""``python -m bench``: prints each way's median and the ratio to ours, and writes them to ``bench/results.md``."""

import argparse
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench import sweep
from bench.hosts import fleet

HERE = Path(__file__).parent


def measure(run: Callable[[], None], times: int) -> list[float]:
    """Wall seconds of several runs, after one that is not counted (none for what takes a minute)."""
    if times > 1:
        run()
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - started)
    return seconds


def main() -> None:
    """Measure the sweep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=60)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="aiops-bench-") as folder, fleet(Path(folder), options.hosts) as made:
        rows: list[tuple[str, list[float], str]] = []
        with sweep.through_celery(made) as ours:
            mine = measure(ours, options.runs)
            bare = measure(sweep.bare_script(made), options.runs)
            # In turn, since the machine's speed drifts: ours again after the baseline it is held against most closely.
            mine += measure(ours, options.runs)
        rows.append(("aiops: patrol, detect, correlate over Celery", mine, ""))
        rows.append(("the same script over the same kept connections, bare", bare, "at most 1.15 times"))
        rows.append(
            (
                "fabric ThreadingGroup, 8 runs, fresh",
                measure(sweep.fabric_group(made), min(3, options.runs)),
                "2.5 times",
            )
        )
        rows.append(
            (
                "ansible -m script, all checks batched",
                measure(sweep.ansible_script(made), min(3, options.runs)),
                "5 times",
            )
        )
        rows.append(
            ("ansible-playbook, 8 tasks, 20 forks, pipelining", measure(sweep.ansible_playbook(made), 1), "50 times")
        )
    report = table(rows, options.hosts)
    print(report)
    (HERE / "results.md").write_text(report, encoding="utf-8")


def table(rows: list[tuple[str, list[float], str]], hosts: int) -> str:
    """Medians and ratios; the first row is ours."""
    ours = statistics.median(rows[0][1])
    lines = [
        f"# {sweep.CHECKS} checks on {hosts} hosts",
        "",
        f"{os.cpu_count()} processors, Python {platform.python_version()}, hosts and control on one machine. Medians; absolute times are noise",
        "of this machine, the ratios of one run are the figures.",
        "",
        "| way | median s | times ours | goal |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {way} | {statistics.median(seconds):.2f} | {statistics.median(seconds) / ours:.2f} | {goal} |"
        for way, seconds, goal in rows
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
