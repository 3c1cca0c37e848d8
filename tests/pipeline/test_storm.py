"""Six thousand findings through a real queue, and a human who asks for quiet."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from aiops import bootstrap, steps
from aiops.domain.fact import utcnow
from tasks.queues import QUEUES
from tests import storm
from tests.system import System

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
FROZEN = 3.0
"""Seconds: three times as long as a freeze may need, so that a permit which comes back is seen."""


def aiops(*words: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tasks.cli", *words],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=False,
        env={**os.environ, "COLUMNS": "200"},
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def system(start_system: Callable[..., System]) -> System:
    benign = '\n[[benign]]\nhost = "ct100"\nsubject = "known"\nreason = "a template without it"\n'
    started = start_system(only=("incidents", "notify"), extra=benign)
    started.wait_online("incidents", "notify")
    return started


def test_a_storm_through_the_queue_is_counted_bounded_and_one_message(system: System) -> None:
    app = system.producer()
    sweeps = list(storm.sweeps(utcnow() - timedelta(seconds=60)))
    for sweep in sweeps:
        app.send_task("correlate", args=(sweep.model_dump(mode="json"),), queue="incidents")
    ledger = bootstrap.incidents(system.settings).ledger

    def counted() -> list[int]:
        return [seen.count for one in ledger.live() for seen in ledger.counts(one.id).values()]

    system.wait_for(lambda: sum(counted()) >= 6000, 60, "every finding is counted")
    assert len(counted()) == 500
    assert sum(counted()) == 6000
    assert len(ledger.live()) <= 60
    system.wait_for(lambda: all(one.state.value != "new" for one in ledger.live()), 30, "every incident is judged")
    told = system.wait_for(
        lambda: [json.loads(line) for line in (system.settings.state / "notifications.jsonl").read_text().splitlines()],
        what="the message",
    )
    assert [event["type"] for event in told] == ["storm.began"]
    assert len(system.events(type="storm.began")) == 1
    assert "STORM since" in aiops("incidents", code=1)


def memory(system: System) -> float:
    """The most that the deciding process has used so far, in MiB."""
    (pid,) = [child.process.pid for child in system.local.children if child.name == "incidents" and child.process]
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def test_a_freeze_in_the_middle_of_a_storm_holds_within_a_second(
    system: System, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the storm itself needs no more memory the second time, and leaves no longer queue than it brought."""
    services, client, before = bootstrap.incidents(system.settings), system.client, memory(system)
    system.wait_for(lambda: client.exists("aiops.permit"), what="a permit")
    others = [queue for queue in QUEUES if queue != "incidents"]
    waiting = {queue: client.llen(queue) for queue in others}
    app, sent = system.producer(), 0
    for sweep in storm.sweeps(utcnow() - timedelta(seconds=60)):
        app.send_task("correlate", args=(sweep.model_dump(mode="json"),), queue="incidents")
        sent += 1
    left, began = client.llen("incidents"), time.monotonic()
    steps.freeze("marie", "it is too much", services)
    last = time.monotonic()
    while time.monotonic() - began < FROZEN:
        last = time.monotonic() if client.exists("aiops.permit") else last
        time.sleep(0.005)
    still = client.llen("incidents")
    steps.thaw("marie", services)
    system.wait_for(lambda: client.llen("incidents") == 0, 90, "the storm is over")
    grown = {queue: client.llen(queue) - waiting[queue] for queue in others}
    with capsys.disabled():
        sys.stdout.write(
            f"\nfreeze in a storm: no permit after {last - began:.3f} s, with {left} of {sent} sweeps in the queue"
            f" ({still} when it ended); incidents used {before:.0f} MiB before and {memory(system):.0f} at most;"
            f" longest other queue grew by {max(grown.values())}\n"
        )
    assert left > 0, "the freeze came into the middle of it"
    assert last - began < 1
    assert memory(system) < before + 32
    assert max(grown.values()) <= 60, "at most one message for each host"
    system.wait_for(lambda: client.exists("aiops.permit"), what="the permit is back")


def test_a_human_acknowledges_silences_and_sees_what_is_quiet(system: System) -> None:
    incident = json.loads(aiops("incidents", "--json", code=1))[0]
    assert "in hand" in aiops("ack", incident["id"], "--why", "I look")
    assert "acked" in aiops("incidents", code=1)
    assert "I look" in aiops("show", incident["id"], code=1)

    host = incident["findings"][0]["host"]
    made = aiops("silence", "--host", host, "--for", "2h", "--why", "moving it")
    name = re.search(r"sil-\S+(?=:)", made)
    assert name
    shown = aiops("silences")
    assert name[0] in shown
    assert "a template without it" in shown
    assert f"silenced by {name[0]}" in aiops("show", incident["id"], code=1)
    assert "has ended" in aiops("unsilence", name[0])
    assert "sil-nothere" in aiops("unsilence", "sil-nothere", code=2)
    assert "hide the whole fleet" in aiops("silence", "--host", "*", code=2)
    assert "not a time" in aiops("silence", "--host", "ct1", "--for", "soon", code=2)


def test_a_whole_output_is_printed_by_its_digest(system: System) -> None:
    digest = bootstrap.archive(system.settings).keep("all of it\n")

    assert aiops("raw", digest) == "all of it\n"
    assert "16 hex digits" in aiops("raw", "nonsense", code=2)
