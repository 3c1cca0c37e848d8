"""What models cost is booked with the incident, once, and can be read by day and month."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from aiops import steps
from aiops.adapters.incident_ledger import SqliteIncidentLedger
from aiops.domain.verdict import Attempt, Budget, Spent
from aiops.errors import SettingsError
from aiops.settings import LlmProvider, load_settings
from aiops.steps.brief import brief
from aiops.steps.consider import question
from tasks.cli import cli
from tests.incident_world import World
from tests.llm.test_open_questions import an_incident, answered

DOC = Path(__file__).parents[2] / "docs" / "llm.md"


def attempt(at: datetime, name: str = "a1", **more: Any) -> Attempt:
    given: dict[str, Any] = {
        "id": name,
        "at": at,
        "provider": "groq",
        "model": "groq/x",
        "outcome": "answered",
        "seconds": 1.25,
        "tokens_in": 1000,
        "tokens_out": 100,
        "cost": 0.25,
    }
    return Attempt(**{**given, **more})


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, llm=True)


def test_a_verdicts_attempts_are_booked_with_its_incident_once_and_told_in_its_timeline(world: World) -> None:
    incident = an_incident(world)
    turns = (
        attempt(world.now, "t1", provider="minimax", outcome="timeout", cost=0.125),
        attempt(world.now, "t2"),
        attempt(world.now, "t3", outcome="resting", cost=0.0),
    )
    for _ in range(2):
        steps.authorise(answered(incident, *turns), world.services)
    assert [(name, one.id) for name, one in world.ledger.booked(world.now)] == [
        (incident.id, "t1"),
        (incident.id, "t2"),
        (incident.id, "t3"),
    ]
    assert world.ledger.spent(world.now) == Spent(eur=0.375)
    told = [entry.text for entry in world.ledger.timeline(incident.id) if entry.step == "triage"]
    assert told[0].endswith("[minimax timeout 1.2 s, groq answered 1.2 s; 0.3750 EUR]")


def test_an_unknown_price_is_said_and_never_counted_as_nothing(world: World) -> None:
    incident = an_incident(world)
    steps.authorise(answered(incident, attempt(world.now, cost=None)), world.services)
    assert world.ledger.spent(world.now) == Spent(eur=0.0, unpriced=1)
    assert "an answer whose price nobody knows" in world.ledger.timeline(incident.id)[1].text


def test_what_was_spent_and_booked_can_be_asked_since_a_moment_and_of_one_incident(world: World) -> None:
    world.ledger.book("inc-1", [attempt(world.now - timedelta(days=2), "old"), attempt(world.now, "new")])
    world.ledger.book("inc-2", [attempt(world.now, "other", cost=1.0)])
    assert world.ledger.spent(world.now - timedelta(days=1)).eur == 1.25
    assert [one.id for _, one in world.ledger.booked(world.now - timedelta(days=9), "inc-1")] == ["old", "new"]


def test_old_books_are_pruned_with_the_incidents(world: World) -> None:
    world.ledger.book("inc-1", [attempt(world.now - timedelta(days=800), "old"), attempt(world.now, "new")])
    steps.prune(world.services)
    assert [one.id for _, one in world.ledger.booked(world.now - timedelta(days=900))] == ["new"]


def test_an_open_question_is_claimed_once_per_span(world: World) -> None:
    incident, minutes = an_incident(world), timedelta(minutes=10)
    claims = []
    for _ in range(3):
        claims += [world.ledger.ask_again(incident.id, world.now, minutes) for _ in range(2)]
        world.later(minutes=10)
    assert claims == [True, False] * 3


def test_the_question_carries_what_is_left_of_the_budget_and_what_is_known_besides(world: World) -> None:
    healed = an_incident(world, host="ct205")
    steps.authorise(answered(healed), world.services)
    plan = world.ledger.plan_of(healed.id)
    steps.settle(world.outcome("success").model_copy(update={"plan": plan.id, "incident": healed.id}), world.services)
    world.later(minutes=5)
    occurrence = world.finding(
        kind="packages.upgraded", persistence="occurrence", summary="apt upgraded cron", cursor="7"
    )
    incident = an_incident(world)
    incident = world.ledger.see(incident.id, [occurrence], world.now)
    world.ledger.book(incident.id, [attempt(world.now, "today"), attempt(world.now, "free", cost=None)])
    world.ledger.book(incident.id, [attempt(world.now - timedelta(days=3), "before", cost=2.0)])

    known = brief(question(incident, world.services), world.services)

    assert known.budget == Budget(day=0.75, month=8.75, unpriced=19)
    (similar,) = known.similar
    assert similar.endswith("verifying: ct205: cron.service is dead (restart_service: success)")
    assert known.changes == ("2026-11-23 12:05 ct201: apt upgraded cron",)
    assert known.choices[0].playbook == "restart_service"


def test_our_own_repair_of_the_host_is_a_change(world: World) -> None:
    first = an_incident(world)
    steps.authorise(answered(first), world.services)
    steps.settle(world.outcome("success"), world.services)
    world.later(minutes=5)
    again = an_incident(world, kind="service.odd")
    assert brief(question(again, world.services), world.services).changes == (
        "2026-11-23 12:00 we ran restart_service on ct201: success",
    )


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SqliteIncidentLedger:
    config = tmp_path / "aiops.toml"
    (tmp_path / "own").mkdir()
    World(tmp_path / "own")
    key = tmp_path / "own" / "signing"
    config.write_text(f'state = "{tmp_path / "state"}"\n[keys]\nsigning = "{key}"\n')
    monkeypatch.setenv("AIOPS_CONFIG", str(config))
    ledger = SqliteIncidentLedger(tmp_path / "state" / "incidents.sqlite")
    now = datetime.now(UTC)
    ledger.book("inc-1", [attempt(now, "a"), attempt(now, "b", cost=None, provider="openrouter", model="openrouter/y")])
    ledger.book("inc-2", [attempt(now, "c", cost=1.0), attempt(now, "d", outcome="resting", cost=0.0)])
    ledger.book("inc-2", [attempt(now - timedelta(days=40), "e", cost=4.0, outcome="timeout")])
    return ledger


def test_aiops_cost_prints_days_months_providers_and_what_nobody_knows(configured: SqliteIncidentLedger) -> None:
    printed = CliRunner().invoke(cli, ["cost", "--by-incident"])
    assert printed.exit_code == 0
    lines = [line.split() for line in printed.output.splitlines()]
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    assert [today, "3", "3", "3000", "300", "1.2500", "1"] in lines
    assert [today[:7], "3", "3", "3000", "300", "1.2500", "1"] in lines
    assert [f"{datetime.now(UTC) - timedelta(days=40):%Y-%m}", "1", "0", "1000", "100", "4.0000"] in lines
    assert ["inc-2", "1", "1", "1000", "100", "1.0000"] in lines
    assert "1 answer(s) have no known price" in printed.output
    assert "11.00 EUR a month" in printed.output


def test_aiops_cost_speaks_json_to_programs(configured: SqliteIncidentLedger) -> None:
    said = json.loads(CliRunner().invoke(cli, ["cost", "--json"]).output)
    assert said["provider"]["openrouter openrouter/y"] == {
        "asked": 1,
        "answered": 1,
        "tokens_in": 1000,
        "tokens_out": 100,
        "eur": 0,
        "unknown": 1,
    }
    assert sum(one["eur"] for one in said["month"].values()) == 5.25
    assert said["budget"] == {"day": 1.0, "month": 11.0, "unpriced": 20}


def test_every_key_of_a_provider_is_documented_with_its_meaning() -> None:
    rows = [
        line.strip("| ").split(" | ") for line in DOC.read_text(encoding="utf-8").splitlines() if line.startswith("| `")
    ]
    documented = {row[0].strip("`"): row[1] for row in rows if row[0].strip("`") in LlmProvider.model_fields}
    assert documented == {name: field.description for name, field in LlmProvider.model_fields.items()}


def _load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> Any:
    config = tmp_path / "aiops.toml"
    config.write_text(text)
    monkeypatch.setenv("AIOPS_CONFIG", str(config))
    return load_settings().llm


def test_the_example_of_the_documentation_loads_in_its_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = [part.partition("```")[0] for part in DOC.read_text(encoding="utf-8").split("```toml\n")[1:3]]
    llm = _load(tmp_path, monkeypatch, first + second)
    assert [(one.name, one.litellm_model) for one in llm.chain()] == [
        ("minimax", "minimax/MiniMax-M2.5"),
        ("gemini", "gemini/gemini-2.5-flash"),
        ("groq", "groq/openai/gpt-oss-120b"),
        ("openrouter", "openrouter/openai/gpt-oss-120b"),
        ("ollama", "openai/qwen3:8b"),
    ]


def test_the_short_form_for_a_single_provider_still_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = '[llm]\nmodel = "openai/x"\napi_base = "http://127.0.0.1:1/v1"\nkey_file = "key"\nseconds = 30\n'
    (one,) = _load(tmp_path, monkeypatch, text).chain()
    assert (one.litellm_model, one.api_base, one.key_file) == ("openai/x", "http://127.0.0.1:1/v1", Path("key"))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('[llm]\nmodel = "a/b"\n[[llm.providers]]\nname = "groq"', "for a single provider"),
        ('[[llm.providers]]\nname = "groq"\n[[llm.providers]]\nname = "groq"', "the same name"),
        ('[[llm.providers]]\nname = "mine"', "name its model"),
        ('[[llm.providers]]\nname = "groq"\ndollars_in = 1.0', "both prices"),
        ('[[llm.providers]]\nname = "offline"', "has a folder"),
        ('[[llm.providers]]\nname = "groq"\nkey = "sk-1"', "key"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(
    text: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SettingsError, match=why):
        _load(tmp_path, monkeypatch, text)
