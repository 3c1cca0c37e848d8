"""Six thousand findings through a real queue, and a human who asks for quiet."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from aiops import bootstrap
from aiops.domain.fact import utcnow
from tests import storm
from tests.system import System

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


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
