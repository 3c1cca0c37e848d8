"""The chain of providers in the real processes: asked by the triage worker, booked by the incidents worker, read by a human."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from aiops.adapters.incident_ledger import SqliteIncidentLedger
from aiops.domain.finding import Finding
from aiops.domain.severity import Severity
from aiops.domain.sweep import Patrol, Sweep
from tests.llm.provider import Provider, provider
from tests.servers import free_port
from tests.system import System

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.litellm, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def model() -> Iterator[Provider]:
    with provider("groq") as running:
        running.answering = _investigate
        yield running


@pytest.fixture(scope="module")
def system(start_system: Callable[..., System], model: Provider) -> System:
    extra = f"""
[llm]
language = "fr"
[[llm.providers]]
name = "minimax"
api_base = "http://127.0.0.1:{free_port()}/v1"
[[llm.providers]]
name = "groq"
api_base = "{model.base}"
"""
    started = start_system(extra=extra, only=("incidents", "triage"))
    started.wait_online("incidents", "triage")
    return started


def _investigate(prompt: str) -> str:
    data = json.loads(prompt.partition("```json\n")[2].rpartition("\n```")[0])
    return json.dumps(
        {
            "action": "investigate",
            "playbook": "none",
            "reason": "Il faut regarder de plus près.",
            "confidence": "low",
            "evidence": [data["incident"]["findings"][0]["fingerprint"]],
        }
    )


def _found(system: System, host: str) -> str:
    """A sweep that found what nobody knows a fix for; returns the incident's id once a verdict was given."""
    now = datetime.now(UTC)
    finding = Finding(
        kind="moon.full",
        detector="moon",
        host=host,
        subject="moon",
        severity=Severity.CRITICAL,
        summary="the moon is full",
        seen_at=now,
    )
    patrol = Patrol(sweep=f"sweep-{host}", detectors=("moon",), hosts=(host,), requested_at=now)
    looked_at = {host: ("moon.full",)}
    sweep = Sweep(patrol=patrol, findings=(finding,), looked_at=looked_at, started_at=now, finished_at=now)
    with system.producer() as app:
        app.send_task("correlate", args=[sweep.model_dump(mode="json")])
    (event,) = system.wait_for(lambda: system.events(type="verdict.given", host=host), 90, "a verdict")
    return str(event["incident"])


def test_a_question_is_answered_by_the_next_provider_and_everything_about_it_is_booked(
    system: System, model: Provider
) -> None:
    incident = _found(system, "ct201")

    (verdict,) = system.events(type="verdict.given", incident=incident)
    assert (verdict["context"]["action"], verdict["context"]["verdict"]) == ("spawn_claude", "investigate")
    assert verdict["context"]["judged_by"] == "llm:groq/openai/gpt-oss-120b"
    assert verdict["context"]["reason"] == "Il faut regarder de plus près."
    asked = [event["context"] for event in system.events(type="llm.asked", incident=incident)]
    assert [(one["provider"], one["outcome"]) for one in asked] == [("minimax", "unavailable"), ("groq", "answered")]
    assert asked[1]["cost"] == pytest.approx(0.00021)
    assert "in French" in model.requests[0]["messages"][0]["content"]

    booked = SqliteIncidentLedger(system.local.folder / "incidents.sqlite").booked(datetime(2020, 1, 1, tzinfo=UTC))
    assert [(name, one.provider) for name, one in booked] == [(incident, "minimax"), (incident, "groq")]
    month = system.client.hgetall(f"aiops.llm.spent.{datetime.now(UTC):%Y-%m}")
    assert float(month["eur"]) == pytest.approx(0.00021)
    printed = subprocess.run(
        [sys.executable, "-m", "tasks.cli", "cost", incident, "--json"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=True,
    )
    said: dict[str, Any] = json.loads(printed.stdout)
    assert said["provider"]["groq groq/openai/gpt-oss-120b"]["eur"] == pytest.approx(0.00021)


def test_a_provider_that_failed_rests_for_every_process_and_when_all_are_down_a_human_is_asked_at_once(
    system: System, model: Provider
) -> None:
    system.client.set("aiops.llm.rest.minimax", "unavailable: told by another process", ex=600)
    model.status, model.body = 500, "{}"
    incident = _found(system, "ct202")
    model.status, model.body = 200, None

    asked = [event["context"] for event in system.events(type="llm.asked", incident=incident)]
    assert [(one["provider"], one["outcome"]) for one in asked] == [("minimax", "resting"), ("groq", "unavailable")]
    assert "told by another process" in asked[0]["detail"]
    (escalated,) = system.wait_for(lambda: system.events(type="incident.escalated", incident=incident), 10)
    assert "llm: " in escalated["symptom"]


def test_litellm_is_loaded_in_the_triage_process_and_in_no_other(system: System) -> None:
    loaded = {
        child.name: "_tiktoken" in Path(f"/proc/{child.process.pid}/maps").read_text(encoding="utf-8")
        for child in system.local.children
        if child.process
    }
    assert loaded == {"incidents": False, "triage": True}
