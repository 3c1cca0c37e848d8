"""After an outage of the broker every worker takes messages again within thirty seconds, and so it does over half-open links.

What is measured ends when each worker has answered a canary, which travels through its queue like any task.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator

import pytest
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from aiops.domain.watch import WORKERS, canary
from tests.faults.site import PATIENCE, Site, running

pytestmark = [pytest.mark.faults, pytest.mark.root, pytest.mark.timeout(900)]

WITHIN = 30.0
"""Seconds, as docs/faults.md promises; for a machine whose processors are free."""
OUTAGE = 12.0
"""Seconds: longer than any time limit of a connection."""
KEYS = [f"aiops.pulse.{canary(worker)}" for worker in WORKERS]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running(tmp_path_factory.mktemp("outage"), 2) as site:
        answered(site)
        yield site


def answered(site: Site) -> float:
    """Seconds until each worker has answered a canary that was sent after now; one that gets lost is sent again."""
    began = time.monotonic()
    _try(lambda: site.client.delete(*KEYS))
    sent = 0.0
    while _try(lambda: site.client.exists(*KEYS)) != len(KEYS):
        assert time.monotonic() - began < PATIENCE, "a worker does not listen any more"
        if time.monotonic() - sent >= 1:
            sent = time.monotonic()
            for worker in WORKERS:
                _try(lambda worker=worker: site.producer.send_task(f"canary_{worker}", queue=worker, retry=False))
        site.tend()
        time.sleep(0.05)
    return time.monotonic() - began


def _try(ask: Callable[[], object]) -> object:
    try:
        return ask()
    except (OperationalError, RedisError, OSError):
        return None


def promised() -> float:
    """The promise, stretched where others want the same processors: by how many processes wait for one."""
    return WITHIN * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def refuse(site: Site) -> None:
    site.gate.cut()
    time.sleep(OUTAGE)
    site.gate.open()


def go_half_open(site: Site) -> None:
    site.gate.strand()


def die(site: Site) -> None:
    site.kill_redis()
    time.sleep(OUTAGE)
    site.start_redis()


@pytest.mark.parametrize("fault", [refuse, go_half_open, die], ids=["refused", "half-open", "killed"])
def test_every_worker_listens_again_soon_after(
    site: Site, fault: Callable[[Site], None], capsys: pytest.CaptureFixture[str]
) -> None:
    living = {child.name: child.process.pid for child in site.local.children if child.process}
    fault(site)
    took = answered(site)
    with capsys.disabled():
        sys.stdout.write(f"\nbroker {fault.__name__}: all {len(WORKERS)} workers listen again after {took:.1f} s\n")
    assert took < promised()
    assert {child.name: child.process.pid for child in site.local.children if child.process} == living, (
        "healed without a restart"
    )


def test_a_fault_is_found_and_repaired_over_the_links_that_healed(site: Site) -> None:
    site.break_("ct1")
    site.sweep("ct1")
    assert site.until(lambda: site.ended("ct1"), PATIENCE, "ct1 is repaired").state.value == "resolved"
