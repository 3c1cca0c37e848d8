"""replay, explain, export, guard: what the record says, without touching anything."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from aiops import steps
from aiops.adapters.incident_ledger import SqliteIncidentLedger
from aiops.adapters.memory_events import MemoryEvents
from aiops.adapters.null_signer import NullSigner
from aiops.domain.policy import Policy, Rule
from aiops.domain.rule import Judgement
from aiops.domain.severity import Severity
from aiops.domain.verdict import Question, Verdict
from aiops.errors import UnknownError
from aiops.ports import IncidentServices
from aiops.steps.explain import explain
from aiops.steps.export import export
from aiops.steps.guard import propose
from aiops.steps.rate import Case
from aiops.steps.replay import replay
from tests.incident_world import World

ROOT = Path(__file__).parents[3]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def scratch(world: World, folder: Path, **changes: object) -> IncidentServices:
    nobody = NullSigner()
    place = folder / "scratch.sqlite"
    given = {"ledger": SqliteIncidentLedger(place), "events": MemoryEvents(), "signer": nobody, "permits": nobody}
    return replace(world.services, **{**given, **changes})  # type: ignore[arg-type]


def healed(world: World) -> str:
    handed = steps.correlate(world.sweep(world.finding()), world.services)
    steps.authorise(handed.verdicts[0], world.services)
    incident = world.only().id
    steps.settle(world.outcome("success"), world.services)
    steps.close(world.sweep(incident=incident, name="v"), world.services)
    return str(incident)


def test_a_replay_of_an_unchanged_system_decides_the_same(world: World, tmp_path: Path) -> None:
    found = replay(healed(world), world.services, scratch(world, tmp_path))

    assert found.differences == ()
    assert (found.now.playbook, found.now.policy) == ("restart_service", "auto")


def test_a_replay_with_a_stricter_policy_says_what_would_change(world: World, tmp_path: Path) -> None:
    found = replay(
        healed(world), world.services, scratch(world, tmp_path, policy=Policy(rules=(Rule(decision="never"),)))
    )
    assert found.differences == (("policy", "auto", "never"),)


def test_a_replay_with_another_rule_says_what_would_change(world: World, tmp_path: Path) -> None:
    rule = Judgement(
        id="planned-work",
        tier="benign",
        kinds=("service.dead",),
        action="drop",
        severity=Severity.INFO,
        reason="this one is stopped on purpose",
    )
    found = replay(healed(world), world.services, scratch(world, tmp_path, rules=(rule,)))

    assert ("action", "remediate", "drop") in found.differences
    assert ("judged_by", "rule:restart_service", "rule:planned-work") in found.differences


def test_a_replay_touches_nothing(world: World, tmp_path: Path) -> None:
    incident = healed(world)
    before = (world.ledger.get(incident), list(world.ledger.timeline(incident)), len(world.events.events))
    plan = world.ledger.plan_of(incident)

    replay(incident, world.services, scratch(world, tmp_path, policy=Policy()))

    assert (world.ledger.get(incident), list(world.ledger.timeline(incident)), len(world.events.events)) == before
    assert world.ledger.plan_of(incident) == plan
    assert len(world.ledger.search()) == 1


def test_a_replay_takes_a_models_recorded_answer_and_asks_no_model(tmp_path: Path) -> None:
    world = World(tmp_path, llm=True, catalogue={})
    (question,) = steps.correlate(world.sweep(world.finding()), world.services).questions
    said = Verdict(incident=question.incident.id, action="alert_human", reason="it is odd", source="llm:test")
    steps.authorise(said, world.services)

    found = replay(question.incident.id, world.services, scratch(world, tmp_path))
    assert found.differences == ()
    assert any("was not asked again" in remark for remark in found.remarks)


def test_a_replay_may_ask_another_model_and_books_nothing(tmp_path: Path) -> None:
    world = World(tmp_path, llm=True, catalogue={})
    (question,) = steps.correlate(world.sweep(world.finding(severity=Severity.WARNING)), world.services).questions
    said = Verdict(incident=question.incident.id, action="alert_human", reason="it is odd", source="llm:test")
    steps.authorise(said, world.services)
    asked: list[Question] = []

    def other(question: Question) -> Verdict:
        asked.append(question)
        return Verdict(incident=question.incident.id, action="drop", reason="harmless", source="llm:other")

    found = replay(question.incident.id, world.services, scratch(world, tmp_path), other)
    assert ("action", "alert_human", "drop") in found.differences
    assert [one.incident.id for one in asked] == [question.incident.id]
    assert world.ledger.verdict(question.incident.id).source == "llm:test"


def test_an_explanation_names_judge_policy_approval_and_proof(world: World) -> None:
    said = "\n".join(explain(healed(world), world.services))

    assert "No model was asked: the manifest of restart_service names service.dead" in said
    assert "It rests on service.dead cron.service on ct201" in said
    assert "Its parameter unit is 'cron.service', from subject" in said
    assert "policy says auto" in said
    assert "Policy approved it by itself" in said
    assert "ended success" in said
    assert "It is resolved" in said
    assert "looked again and found it gone" in said


def test_an_explanation_names_the_human_who_approved(tmp_path: Path) -> None:
    world = World(tmp_path, decision="ask")
    handed = steps.correlate(world.sweep(world.finding()), world.services)
    steps.authorise(handed.verdicts[0], world.services)
    assert "Nobody has approved it." in explain(world.only().id, world.services)

    steps.approve(world.only().id, "anna", world.services)
    assert any(line.startswith("anna approved it") for line in explain(world.only().id, world.services))


def test_an_explanation_names_the_rule_and_what_it_holds(tmp_path: Path) -> None:
    rule = Judgement(
        id="leave-it",
        tier="guard",
        kinds=("service.dead",),
        action="alert_human",
        severity=Severity.WARNING,
        reason="this one is a human's",
    )
    world = World(tmp_path, rules=(rule,))
    handed = steps.correlate(world.sweep(world.finding()), world.services)
    steps.authorise(handed.verdicts[0], world.services)

    said = "\n".join(explain(world.only().id, world.services))
    assert "the rule leave-it (guard.yml) knows this" in said
    assert "kinds ['service.dead']" in said


def test_an_export_is_a_case_whose_right_answer_is_what_proved_right(world: World) -> None:
    made = export(healed(world), world.services)
    case = Case.model_validate(made)

    assert case.acceptable == ("restart_service",)
    assert case.severity is Severity.CRITICAL
    assert "cron.service is dead" in case.evidence
    assert made["findings"][0]["subject"] == "cron.service"


def test_what_was_never_repaired_is_exported_as_a_humans(tmp_path: Path) -> None:
    world = World(tmp_path, catalogue={})
    handed = steps.correlate(world.sweep(world.finding()), world.services)
    steps.authorise(handed.verdicts[0], world.services)

    assert export(world.only().id, world.services)["acceptable"] == ["notify_human"]


def test_a_guard_is_proposed_where_the_evidence_is_older_than_the_sight(world: World) -> None:
    finding = world.finding(evidence={"at": "2026-11-22 20:00:00"})
    steps.correlate(world.sweep(finding), world.services)
    for hour in range(1, 4):
        world.later(hours=hour)
        steps.correlate(world.sweep(hosts=("ct202",)), world.services)

    text = propose(world.only().id, world.services)
    assert "about 16 hours earlier" in text
    assert "It fires on the facts and is quiet elsewhere." in text
    assert "4 recorded sweeps" in text


def test_a_guard_that_would_fire_elsewhere_is_not_called_proved(world: World) -> None:
    finding = world.finding(evidence={"at": "2026-11-22 20:00:00"})
    other = world.finding("ct202")
    steps.correlate(world.sweep(finding, other, hosts=("ct201", "ct202")), world.services)

    incident = world.ledger.by_fingerprint(finding.fingerprint)
    text = propose(incident.id, world.services)
    assert "The record does not prove it" in text
    assert "- ct202:" in text


def test_no_guard_is_proposed_where_nothing_could_have_been_seen_earlier(world: World) -> None:
    with pytest.raises(UnknownError):
        propose(healed(world), world.services)


def test_the_commands_say_all_this_from_the_ledger_alone(world: World, tmp_path: Path) -> None:
    incident = healed(world)
    inventory = tmp_path / "hosts.yml"
    inventory.write_text("all:\n  hosts:\n    ct201:\n      aiops_role: web\n", encoding="utf-8")
    settings = tmp_path / "aiops.toml"
    settings.write_text(
        f'state = "{tmp_path}"\n[fleet]\ninventory = "{inventory}"\n[keys]\nsigning = "{tmp_path / "signing"}"\n'
        '[[policy.rules]]\nkinds = ["service.dead"]\ndecision = "auto"\n',
        encoding="utf-8",
    )
    environment = {**os.environ, "AIOPS_CONFIG": str(settings)}

    def aiops(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", "from tasks.cli import main; main()", *words]
        return subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60
        )

    told = aiops("explain", incident)
    assert (told.returncode, "restart_service" in told.stdout) == (0, True), told.stderr
    strict = tmp_path / "strict.yml"
    strict.write_text("default: never\n", encoding="utf-8")
    changed = aiops("replay", incident, "--policy", str(strict), "--json")
    assert changed.returncode == 1, changed.stderr
    # the shipped manifest has one parameter more than the one of this test's world: that is what a replay is for
    assert [field for field, _, _ in json.loads(changed.stdout)["differences"]] == ["params", "policy"]
    shipped = aiops("replay", incident, "--policy", "homelab", "--json")
    assert [field for field, _, _ in json.loads(shipped.stdout)["differences"]] == ["params"], shipped.stderr
    toml = tmp_path / "policy.toml"
    toml.write_text('[policy]\ndefault = "never"\n', encoding="utf-8")
    refused = aiops("replay", incident, "--policy", str(toml))
    assert refused.returncode == 2, refused.stderr
    assert "policy.toml" in refused.stderr
    assert "restore-a-removed-package" in aiops("skills").stdout
