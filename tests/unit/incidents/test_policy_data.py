"""Policy as data: files, times of day, cases, and the explanation of a decision."""

import json
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from typer.testing import CliRunner

from aiops import bootstrap, remediations, rules, steps
from aiops.domain.host import Host
from aiops.domain.hours import end_of, within
from aiops.domain.policy import Policy, Rule
from aiops.domain.severity import Severity
from aiops.errors import ManifestError, SettingsError, UnknownError
from aiops.settings import load_settings
from tasks.cli import cli
from tests.incident_world import NOON, RESTART, World

WEB = Host(name="web1", role="web")
NIGHT = "22:30-07:00"


def at(clock: str, zone: str = "Europe/Paris") -> datetime:
    return datetime.combine(NOON.date(), time.fromisoformat(clock), ZoneInfo(zone)).astimezone(UTC)


@pytest.mark.parametrize(
    ("clock", "inside"),
    [
        ("22:29", False),
        ("22:30", True),
        ("23:59", True),
        ("00:00", True),
        ("06:59", True),
        ("07:00", False),
        ("12:00", False),
    ],
)
def test_a_span_over_midnight_begins_and_ends_on_the_operators_clock(clock: str, inside: bool) -> None:  # noqa: FBT001
    assert within(NIGHT, at(clock), "Europe/Paris") is inside


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis adds the zone
    st.times().map(lambda one: f"{one:%H:%M}"),
    st.times().map(lambda one: f"{one:%H:%M}"),
    st.sampled_from(["UTC", "Europe/Paris", "America/New_York", "Asia/Kolkata"]),
)
def test_a_span_that_holds_a_moment_ends_after_it_within_a_day(
    moment: datetime, begin: str, end: str, zone: str
) -> None:
    if begin == end:
        return
    span = f"{begin}-{end}"
    if within(span, moment, zone):
        over = end_of(span, moment, zone)
        assert timedelta(0) < over - moment <= timedelta(hours=26)


@pytest.mark.parametrize("text", ["22:30", "22:30-", "24:00-07:00", "7-8", "22:30-22:30", "22:30-07:00:00", "night"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        Rule(hours=text, decision="auto")
    with pytest.raises(ValidationError):
        Policy(quiet_hours=text)


def test_a_rule_with_hours_speaks_only_then() -> None:
    policy = Policy(
        timezone="Europe/Paris", rules=(Rule(hours=NIGHT, decision="never"), Rule(roles=("web",), decision="auto"))
    )

    def said(clock: str) -> str:
        return policy.decide(["service.dead"], RESTART, [WEB], Severity.WARNING, relapse=False, at=at(clock))[0]

    assert [said("21:00"), said("23:00"), said("06:00"), said("08:00")] == ["auto", "never", "never", "auto"]


def test_the_reason_names_the_rule_that_decided() -> None:
    policy = Policy(rules=(Rule(roles=("db",), decision="ask", why="data"), Rule(decision="auto")))
    hosts = [WEB, Host(name="db1", role="db")]
    wide = RESTART.model_copy(update={"max_hosts": 2})
    _, reason = policy.decide(["service.dead"], wide, hosts, Severity.WARNING, relapse=False, at=NOON)
    assert reason == "policy says ask, by rule 1: ask for service.dead on db1 (data)"
    _, reason = Policy().decide(["service.dead"], RESTART, [WEB], Severity.WARNING, relapse=False, at=NOON)
    assert "the default" in reason


# files


def test_the_shipped_policy_says_what_its_cases_want() -> None:
    done = CliRunner().invoke(cli, ["policy", "test", str(rules.POLICIES / "homelab.cases.yml"), "--json"])
    said = json.loads(done.output)
    assert [case for case in said["cases"] if case["said"] != case["want"]] == []
    assert done.exit_code == 0
    assert len(said["cases"]) >= 9


def test_the_shipped_policy_repairs_by_itself_only_what_it_names_and_never_on_a_critical_role() -> None:
    policy = rules.load_policy("homelab")
    assert policy.default == "ask"
    automatic = {name for rule in policy.rules if rule.decision == "auto" for name in rule.playbooks}
    assert automatic == {"audit_host", "restart_service", "clean_vzdump_orphans", "redeploy_promtail"}
    assert all(rule.playbooks for rule in policy.rules if rule.decision == "auto")
    known = remediations.load(remediations.SHIPPED)
    critical = next(rule for rule in policy.rules if rule.roles)
    for host in (Host(name="h", role=role) for role in critical.roles):
        answers = {
            name: policy.answers(["k.k"], known[name], [host], Severity.CRITICAL, NOON)[0].decision
            for name in automatic & known.keys()
        }
        assert answers.pop("audit_host") == "auto"
        assert answers
        assert set(answers.values()) == {"ask"}


def test_a_case_that_is_not_met_is_shown_and_the_exit_code_is_1(tmp_path: Path) -> None:
    cases = tmp_path / "cases.yml"
    cases.write_text(
        "policy: homelab\ncases:\n"
        "  - {name: right, kind: a.b, playbook: restart_service, roles: [web], want: auto}\n"
        "  - {name: wrong, kind: a.b, playbook: restart_service, roles: [web], want: never}\n"
    )
    done = CliRunner().invoke(cli, ["policy", "test", str(cases)])
    assert done.exit_code == 1
    assert "WRONG" in done.output
    assert "1 of 2 cases as wanted" in done.output


@pytest.mark.parametrize(
    "text",
    [
        "default: perhaps",
        "rules: [{decision: auto, roless: [web]}]",
        "defualt: ask",
        "rules: [{roles: [web]}]",
        "default: ask\ndefault: auto",
        "- 1",
        "rules: [{decision: auto, hours: always}]",
        "timezone: Mars/Olympus",
    ],
)
def test_a_policy_file_with_a_mistake_is_refused_and_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "p.yml").write_text(text)
    with pytest.raises(ManifestError, match=r"p\.yml"):
        rules.load_policy(str(tmp_path / "p.yml"))


def test_the_settings_choose_a_policy_and_its_clock_is_the_operators(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIOPS_POLICY__FILE", "homelab")
    monkeypatch.setenv("AIOPS_TIMEZONE", "America/New_York")
    monkeypatch.setenv("AIOPS_POLICY__MODE", "ladder")
    policy = bootstrap.policy(load_settings())
    assert policy.mode == "ladder"
    assert (policy.timezone, policy.quiet_hours, len(policy.rules)) == ("America/New_York", NIGHT, 5)

    monkeypatch.setenv("AIOPS_POLICY__DEFAULT", "auto")
    with pytest.raises(SettingsError, match="stands in that file"):
        load_settings()


# why


def test_why_names_the_rule_and_what_stands_above_it(tmp_path: Path) -> None:
    world = World(tmp_path)
    steps.correlate(world.sweep(world.finding()), world.services)

    incident, (because,) = steps.why(world.only().id, world.services)
    assert (incident.id, because.playbook, because.decision) == (world.only().id, "restart_service", "auto")
    assert because.answers == ("rule 1: auto for service.dead on ct201",)

    world.ledger.freeze("marie", "moving", NOON)
    _, (because,) = steps.why(world.finding().fingerprint, world.services)
    assert because.decision == "ask"
    assert because.reason.startswith("frozen by marie")


def test_why_about_something_unknown_says_so(tmp_path: Path) -> None:
    world: Any = World(tmp_path)
    with pytest.raises(UnknownError):
        steps.why("no such fingerprint", world.services)
