"""A storm through correlation: a sweep as one transaction against its findings one by one.

    python -m bench.storm

Prints a minute's storm in full (findings, fingerprints, incidents, questions to a model, the peak of memory that Python allocated),
and the ratio of the two paths.
"""

import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Iterable
from pathlib import Path

from aiops import steps
from aiops.domain.host import Host
from aiops.domain.sweep import Sweep
from tests import storm
from tests.incident_world import NOON, Hosts, World

_TIMES = 1
_SWEEPS, _RUNS = 20, 5
_MEGABYTE = 1024 * 1024


def main() -> None:
    """Run the whole storm, then both paths over one of its sweeps; print a line for each."""
    print(_minute())
    print(_ten_thousand())
    whole = list(storm.sweeps(NOON, times=_TIMES))
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        batched, world = _run(Path(first), whole)
        single, _ = _run(Path(second), [part for sweep in whole for part in _one_by_one(sweep)])
        incidents = world.ledger.live()
        counted = sum(seen.count for one in incidents for seen in world.ledger.counts(one.id).values())
    findings = sum(len(sweep.findings) for sweep in whole)
    print(
        f"storm: {findings} findings, {counted} counted, {len(incidents)} incidents; "
        f"one by one, each with its commits, they take {single / batched:.1f} times as long"
    )


def _ten_thousand() -> str:
    """Ten thousand findings of 500 fingerprints as they come from the queue: microseconds of processor for each."""
    whole = [sweep.model_dump_json() for sweep in storm.sweeps(NOON, times=_SWEEPS, seconds=3)]
    read, worked = [], []
    findings = opened = 0
    for _ in range(_RUNS):
        with tempfile.TemporaryDirectory() as folder:
            world, findings = _world(Path(folder)), 0
            reading = 0.0
            begun = time.process_time()
            for text in whole:
                before = time.process_time()
                sweep = Sweep.model_validate_json(text)
                reading += time.process_time() - before
                world.now = sweep.finished_at
                findings += len(sweep.findings)
                steps.correlate(sweep, world.services)
            worked.append(1e6 * (time.process_time() - begun) / findings)
            read.append(1e6 * reading / findings)
            opened = len(world.ledger.live())
    return (
        f"{findings} findings, {opened} incidents: {statistics.median(worked):.0f} us a finding to validate, deduplicate and "
        f"record, {statistics.median(read):.0f} of them to validate (goal 10)"
    )


def _minute() -> str:
    """All of the storm's sweeps, as the deciding side sees them, with a model configured."""
    with tempfile.TemporaryDirectory() as folder:
        world = _world(Path(folder), llm=True)
        findings = questions = 0
        tracemalloc.start()
        for sweep in storm.sweeps(NOON):
            world.now = sweep.finished_at
            findings += len(sweep.findings)
            questions += len(steps.correlate(sweep, world.services).questions)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        incidents = world.ledger.live()
        counts = [seen.count for one in incidents for seen in world.ledger.counts(one.id).values()]
    return (
        f"a minute's storm on {len(storm.HOSTS)} hosts: {findings} findings, {sum(counts)} counted under {len(counts)} "
        f"fingerprints, {len(incidents)} incidents, {questions} questions, {peak / _MEGABYTE:.1f} MB at most"
    )


def _world(folder: Path, *, llm: bool = False) -> World:
    return World(folder, inventory=Hosts(*[Host(name=name, role="web") for name in storm.HOSTS]), llm=llm)


def _run(folder: Path, sweeps: Iterable[Sweep]) -> tuple[float, World]:
    world = _world(folder)
    start = time.perf_counter()
    for sweep in sweeps:
        world.now = sweep.finished_at
        steps.correlate(sweep, world.services)
    return time.perf_counter() - start, world


def _one_by_one(sweep: Sweep) -> Iterable[Sweep]:
    """The same findings, each as a sweep of its own that has looked at nothing else."""
    for number, finding in enumerate(sweep.findings):
        alone = sweep.patrol.model_copy(
            update={
                "sweep": f"{sweep.id}-{sweep.patrol.shard}-{number}",
                "shard": 0,
                "shards": 1,
                "hosts": (finding.host,),
            }
        )
        yield sweep.model_copy(update={"patrol": alone, "findings": (finding,), "looked_at": {finding.host: ()}})


if __name__ == "__main__":
    main()
