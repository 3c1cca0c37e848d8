"""From an attack to a read-only audit without a human, and no further: the shipped catalogue, rules and policies."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from aiops import remediations, rules
from aiops.domain.finding import Finding
from aiops.domain.handover import Handover
from aiops.domain.host import Host
from aiops.domain.incident import State
from aiops.domain.outcome import Outcome
from aiops.domain.policy import Policy
from aiops.domain.remediation import Remediation
from aiops.domain.severity import Severity
from aiops.steps.authorise import authorise
from aiops.steps.correlate import correlate
from aiops.steps.settle import settle
from tests.incident_world import NOON, World

CATALOGUE: Mapping[str, Remediation] = remediations.load(remediations.SHIPPED)
ATTACKS = {
    "soc.brute_force": "state",
    "soc.accepted_after_failures": "occurrence",
    "soc.log_spike": "state",
    "logs.spike": "state",
}


def world(folder: Path, policy: Policy | None = None) -> World:
    given: dict[str, Any] = {"catalogue": CATALOGUE, "rules": rules.load(rules.SHIPPED), "policy": policy or Policy()}
    return World(folder, **given)


def attack(here: World, kind: str = "soc.brute_force", host: str = "ct201") -> Finding:
    return here.finding(
        host,
        kind=kind,
        detector=kind.partition(".")[0],
        subject="192.0.2.7",
        severity=Severity.WARNING,
        summary="192.0.2.7 was refused 40 times",
        persistence=ATTACKS[kind],
        cause="source:192.0.2.7" if kind.startswith(("soc.b", "soc.a")) else f"{kind}:x",
    )


def seen(here: World, *findings: Finding) -> Handover:
    hosts, kinds = [finding.host for finding in findings], [finding.kind for finding in findings]
    handed = correlate(here.sweep(*findings, hosts=hosts, kinds=kinds), here.services)
    return sum((authorise(verdict, here.services) for verdict in handed.verdicts), handed)


def audited(here: World, report: str = "sshd as it is in force: 3 lines") -> Handover:
    (incident,) = [one for one in here.ledger.live() if one.state is State.REMEDIATING]
    plan = here.ledger.plan_of(incident.id)
    done = Outcome(
        plan=plan.id, incident=incident.id, status="success", started_at=here.now, finished_at=here.now, report=report
    )
    return settle(done, here.services)


@pytest.mark.parametrize("kind", ATTACKS)
@pytest.mark.parametrize("mode", ["rules", "ladder"])
def test_an_attack_starts_the_audit_by_itself_also_on_a_fresh_install(tmp_path: Path, kind: str, mode: Any) -> None:
    here = world(tmp_path, Policy(mode=mode))
    # Who was let in had guessed before: an occurrence opens nothing, it comes with the state.
    handed = seen(here, attack(here, kind), *([attack(here)] if ATTACKS[kind] == "occurrence" else []))
    incident = here.only()
    assert incident.state is State.REMEDIATING
    assert here.ledger.plan_of(incident.id).remediation == "audit_host"
    assert here.ledger.approval(here.ledger.plan_of(incident.id).id).mode == "auto"
    assert len(handed.plans) == 1


def test_the_report_returns_to_the_incident_and_hardening_waits_for_a_human(tmp_path: Path) -> None:
    here = world(tmp_path)
    seen(here, attack(here))
    handed = audited(here, "permitrootlogin yes\nlast logins: 20 lines")
    incident = here.only()
    assert incident.state is State.AWAITING_APPROVAL
    proposed = here.ledger.plan_of(incident.id)
    assert proposed.remediation == "harden_ssh"
    assert here.ledger.approval(proposed.id) is None
    assert [entry.text for entry in here.ledger.timeline(incident.id) if entry.step == "audit"] == [
        "permitrootlogin yes\nlast logins: 20 lines"
    ]
    (event,) = [event for event in here.events.events if event.type == "audit.reported"]
    assert event.topic() == "pixelium/security/soc/warning"
    assert event.context["report"] == "permitrootlogin yes\nlast logins: 20 lines"
    assert handed.plans == ()
    assert handed.notices


def test_a_spike_has_nothing_to_harden_and_goes_to_a_human_with_the_report(tmp_path: Path) -> None:
    here = world(tmp_path)
    seen(here, attack(here, "soc.log_spike"))
    audited(here)
    assert here.only().state is State.ESCALATED


def test_the_same_report_twice_proposes_once(tmp_path: Path) -> None:
    here = world(tmp_path)
    seen(here, attack(here))
    audit = here.ledger.plan_of(here.only().id)
    audited(here)
    proposed = here.ledger.plan_of(here.only().id)
    settle(Outcome(plan=audit.id, incident=here.only().id, status="success", finished_at=here.now), here.services)
    assert here.ledger.plan_of(here.only().id) == proposed
    assert len([entry for entry in here.ledger.timeline(here.only().id) if entry.step == "audit"]) == 1


def test_an_attack_that_ended_is_resolved_and_its_return_is_no_relapse_of_the_audit(tmp_path: Path) -> None:
    here = world(tmp_path)
    seen(here, attack(here))
    audited(here)
    here.later(hours=2)
    correlate(here.sweep(hosts=("ct201",), kinds=("soc.brute_force",)), here.services)
    assert here.only().state is State.RESOLVED
    here.later(hours=2)
    seen(here, attack(here))
    newest = here.ledger.search()[0]
    assert newest.relapse_of == ""
    assert newest.state is State.REMEDIATING


def test_a_host_is_audited_once_an_hour(tmp_path: Path) -> None:
    here = world(tmp_path)
    seen(here, attack(here))
    audited(here)
    here.later(minutes=30)
    seen(here, attack(here, "soc.log_spike"))
    spike = next(one for one in here.ledger.search() if one.findings[0].kind == "soc.log_spike")
    assert spike.state is State.ESCALATED
    assert "was audited at" in here.ledger.timeline(spike.id)[-1].text


def test_no_more_than_three_audits_run_at_once(tmp_path: Path) -> None:
    here = world(tmp_path)
    for number in range(4):
        seen(here, attack(here, host=f"ct{210 + number}"))
        here.later(minutes=1)
    states = [incident.state for incident in here.ledger.search()]
    assert states.count(State.REMEDIATING) == 3
    assert states.count(State.ESCALATED) == 1


def test_who_says_never_means_it(tmp_path: Path) -> None:
    here = world(tmp_path, Policy(default="never"))
    seen(here, attack(here))
    assert here.only().state is State.ESCALATED


def test_the_shipped_policy_audits_critical_roles_too() -> None:
    policy = rules.load_policy("homelab")
    decision, _ = policy.decide(
        ["soc.brute_force"],
        CATALOGUE["audit_host"],
        [Host(name="dns1", role="dns")],
        Severity.WARNING,
        relapse=False,
        at=NOON,
    )
    assert decision == "auto"
