"""Adopting a dirty fleet: one digest instead of a storm, and nothing that comes later is hidden by it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from aiops import steps
from aiops.domain.finding import Finding
from aiops.domain.handover import Handover
from aiops.domain.host import Host
from aiops.domain.incident import State
from aiops.domain.severity import Severity
from tests.incident_world import Hosts, World

KINDS = ("service.dead", "disk.full", "pkg.rc", "cert.expiring", "log.silent")
FLEET = [f"ct{number}" for number in range(200, 260)]


class Dirty(World):
    """Sixty hosts with five findings each, in three shards, as the first sweep brings them."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        hosts = Hosts(*[Host(name=name, role="web") for name in FLEET])
        super().__init__(folder, **{"baseline": True, "llm": True, "inventory": hosts, **changes})

    def dirt(self, host: str) -> list[Finding]:
        return [
            self.finding(
                host=host,
                kind=kind,
                subject=f"{kind}@{host}.service" if kind != "service.dead" else "cron.service",
                severity=Severity.CRITICAL if (host, kind) == ("ct207", "disk.full") else Severity.WARNING,
                summary=f"{kind} on {host}",
            )
            for kind in KINDS
        ]

    def first_sweep(self, name: str = "first", hosts: Sequence[str] = FLEET) -> Handover:
        handed = Handover()
        for shard in range(3):
            part = hosts[shard * 20 : shard * 20 + 20]
            findings = [finding for host in part for finding in self.dirt(host)]
            handed += steps.correlate(
                self.sweep(*findings, hosts=part, kinds=KINDS, name=name, shard=shard, shards=3), self.services
            )
        return handed


@pytest.fixture
def dirty(tmp_path: Path) -> Dirty:
    return Dirty(tmp_path)


def quiet(world: World) -> Handover:
    world.later(seconds=90)
    return steps.sweep_up(world.services)


def test_sixty_hosts_with_three_hundred_findings_are_one_digest_and_nothing_else(dirty: Dirty) -> None:
    handed = dirty.first_sweep()
    assert (handed.questions, handed.verdicts, handed.plans, handed.notices) == ((), (), (), ())
    assert {incident.state for incident in dirty.ledger.live()} == {State.SUPPRESSED}
    assert sum(len(incident.findings) for incident in dirty.ledger.live()) == 300

    handed = quiet(dirty)
    (notice,) = handed.notices
    assert (handed.questions, handed.verdicts, handed.plans) == ((), (), ())
    lines = notice.symptom.splitlines()
    assert "300 troubles on 60 hosts" in lines[0]
    assert lines[1].startswith("CRITICAL ct207: disk.full")
    assert "60 x disk.full" in lines
    assert len(notice.symptom) < 4000, "one message of a messenger"
    assert quiet(dirty).notices == ()


def test_the_slowest_shard_belongs_to_the_same_digest(dirty: Dirty) -> None:
    for shard in (0, 1):
        hosts = FLEET[shard * 20 : shard * 20 + 20]
        findings = [finding for host in hosts for finding in dirty.dirt(host)]
        steps.correlate(
            dirty.sweep(*findings, hosts=hosts, kinds=KINDS, name="first", shard=shard, shards=3), dirty.services
        )
    steps.gather("first", dirty.services)
    dirty.later(seconds=50)
    assert steps.sweep_up(dirty.services).notices == ()
    findings = [finding for host in FLEET[40:] for finding in dirty.dirt(host)]
    steps.correlate(
        dirty.sweep(*findings, hosts=FLEET[40:], kinds=KINDS, name="first", shard=2, shards=3), dirty.services
    )
    (notice,) = quiet(dirty).notices
    assert "300 troubles on 60 hosts" in notice.symptom


def test_the_same_findings_again_stay_quiet(dirty: Dirty) -> None:
    dirty.first_sweep()
    quiet(dirty)
    dirty.later(minutes=5)
    handed = dirty.first_sweep("second")
    assert handed == Handover(gather="second")
    assert len(dirty.ledger.live()) == 300


def test_what_comes_after_the_first_look_is_an_incident_like_any_other(dirty: Dirty) -> None:
    dirty.first_sweep()
    dirty.later(minutes=5)
    news = dirty.finding(host="ct201", kind="service.dead", subject="nginx.service")
    handed = steps.correlate(dirty.sweep(*dirty.dirt("ct201"), news, kinds=KINDS), dirty.services)
    (verdict,) = handed.verdicts
    assert "nginx" in dirty.ledger.get(verdict.incident).title


def test_a_kind_that_could_not_be_looked_for_at_first_is_still_baseline_when_it_is(dirty: Dirty) -> None:
    steps.correlate(dirty.sweep(kinds=KINDS[1:]), dirty.services)
    dirty.later(minutes=5)
    handed = steps.correlate(dirty.sweep(dirty.dirt("ct201")[0], kinds=KINDS), dirty.services)
    assert handed == Handover()
    assert dirty.only().state is State.SUPPRESSED


def test_a_new_host_is_a_baseline_of_its_own(dirty: Dirty) -> None:
    dirty.first_sweep(hosts=FLEET[:40])
    quiet(dirty)
    steps.correlate(dirty.sweep(*dirty.dirt("ct259"), hosts=["ct259"], kinds=KINDS, name="later"), dirty.services)
    (notice,) = quiet(dirty).notices
    assert "5 troubles on 1 hosts" in notice.symptom


@pytest.mark.parametrize("decided", ["accepted", "not yet"])
def test_what_gets_worse_than_it_was_opens_by_itself(dirty: Dirty, decided: str) -> None:
    dirty.first_sweep()
    if decided == "accepted":
        steps.accept_baseline(steps.chosen_baseline(dirty.services), "operator", dirty.services)
    dirty.later(minutes=5)
    worse = dirty.dirt("ct201")[0].model_copy(update={"severity": Severity.CRITICAL})
    handed = steps.correlate(dirty.sweep(worse, kinds=("service.dead",)), dirty.services)
    (verdict,) = handed.verdicts
    incident = dirty.ledger.get(verdict.incident)
    assert (incident.hosts, incident.state) == (("ct201",), State.NEW)
    assert dirty.ledger.timeline(incident.id)[-1].text == "it was warning in the baseline and is critical now"
    dirty.later(minutes=5)
    assert steps.correlate(dirty.sweep(worse, kinds=("service.dead",)), dirty.services) == Handover()


def test_it_closes_as_every_incident_does_when_it_is_found_gone(dirty: Dirty) -> None:
    dirty.first_sweep()
    dirty.later(minutes=5)
    steps.correlate(dirty.sweep(hosts=["ct201"], kinds=KINDS), dirty.services)
    assert {incident.state for incident in dirty.ledger.search(host="ct201")} == {State.RESOLVED}


def test_a_human_accepts_and_opens_in_bulk(dirty: Dirty) -> None:
    dirty.first_sweep()
    chosen = steps.chosen_baseline(dirty.services)
    assert len(chosen) == 300
    assert chosen[0].severity is Severity.CRITICAL
    assert len(steps.chosen_baseline(dirty.services, kind="pkg.rc", host="ct201")) == 1

    assert steps.accept_baseline(steps.chosen_baseline(dirty.services, kind="pkg.rc"), "me", dirty.services) == 60
    assert len(steps.chosen_baseline(dirty.services)) == 240

    opened = steps.reopen_baseline(steps.chosen_baseline(dirty.services, host="ct201"), "me", dirty.services)
    assert {verdict.playbook for verdict in opened.verdicts} == {"restart_service"}
    assert len(opened.questions) == 3
    assert len(steps.chosen_baseline(dirty.services)) == 236


def test_switched_off_the_first_sweep_is_like_any_other(tmp_path: Path) -> None:
    world = Dirty(tmp_path, baseline=False)
    handed = steps.correlate(world.sweep(world.dirt("ct201")[0], kinds=KINDS), world.services)
    assert len(handed.verdicts) == 1


def test_a_storm_of_events_is_not_needed_to_know_the_baseline(dirty: Dirty) -> None:
    dirty.first_sweep()
    quiet(dirty)
    (digest,) = [event for event in dirty.events.events if event.type == "baseline.digest"]
    assert digest.severity is Severity.CRITICAL
    assert digest.context["incidents"] == 300
