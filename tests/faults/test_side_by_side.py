"""Repairs on two hosts overlap, repairs on one host never do; who waits for a host, or works for long, is in nobody's way.

Nothing here depends on time: a playbook waits on its host until the test lets it go, so two that have both begun run together.
"""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from aiops.adapters.signing import KeySigner
from aiops.domain.incident import State
from aiops.domain.plan import ApprovedPlan
from tests.faults import checker
from tests.faults.site import PATIENCE, Site, running

pytestmark = [pytest.mark.faults, pytest.mark.root, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running(tmp_path_factory.mktemp("side"), 12, timeout=300, start_within=600) as site:
        yield site


def resolved(site: Site, host: str, where: str = "") -> None:
    incident = site.until(lambda: site.ended(host, where), PATIENCE, f"{host} ends")
    assert incident.state is State.RESOLVED


def test_two_incidents_on_two_hosts_are_repaired_at_the_same_time(site: Site) -> None:
    for host in ("ct1", "ct2"):
        site.hosts.hold(host, "begin")
        site.break_(host)
    site.sweep("ct1", "ct2")
    for host in ("ct1", "ct2"):
        # The other one cannot end: it waits for a file that is still there.
        site.until(lambda host=host: site.did(host, "begin"), PATIENCE, f"{host} has begun")
    assert [site.did(host, "end") for host in ("ct1", "ct2")] == [0, 0]
    for host in ("ct1", "ct2"):
        site.hosts.let_go(host, "begin")
    for host in ("ct1", "ct2"):
        resolved(site, host)


def test_a_plan_that_is_replayed_a_hundred_times_is_not_started_again(site: Site) -> None:
    incident = site.incident("ct1")
    assert incident
    plan = site.ledger.plan_of(incident.id)
    assert plan
    approval = site.ledger.approval(plan.id)
    assert approval
    signer = KeySigner(site.settings.keys.signing)
    signed = signer.sign(ApprovedPlan(plan=plan, approval=approval, not_after=approval.at + timedelta(seconds=600)))
    for _ in range(100):
        site.producer.send_task("remediate", args=(signed.model_dump(mode="json"),), queue="remediation")
    site.until(lambda: site.client.llen("remediation") == 0, PATIENCE, "every ring is taken")
    site.until(lambda: not site.client.hlen("remediation.unacked"), PATIENCE, "every ring is answered")
    assert (site.did("ct1", "begin"), site.did("ct1", "end")) == (1, 1)
    assert site.executions("SELECT count(*) FROM plans WHERE incident = ?", incident.id) == [(1,)]


def test_two_incidents_on_one_host_are_repaired_one_after_the_other_and_nobody_else_waits(site: Site) -> None:
    site.hosts.hold("ct3", "begin")
    for where in ("var-tmp", "tmp"):
        site.break_("ct3", where)
    site.sweep("ct3")
    site.until(lambda: site.did("ct3", "begin"), PATIENCE, "the first has begun")
    waiting = site.until(lambda: site.waits("ct3", "tmp") or site.waits("ct3", "var-tmp"), PATIENCE, "the other waits")
    assert "busy" in waiting or "running" in waiting
    site.until(
        lambda: any("busy" in site.waits("ct3", where) for where in ("var-tmp", "tmp")), PATIENCE, "its host is taken"
    )
    assert site.did("ct3", "check") == 1, "the second one has not even looked"

    for host in ("ct4", "ct5", "ct6", "ct7"):
        site.break_(host)
    site.sweep("ct4", "ct5", "ct6", "ct7")
    for host in ("ct4", "ct5", "ct6", "ct7"):
        resolved(site, host)
    assert (site.did("ct3", "begin"), site.did("ct3", "end")) == (1, 0), "the long run was at work all the while"

    site.hosts.let_go("ct3", "begin")
    for where in ("var-tmp", "tmp"):
        resolved(site, "ct3", where)
    phases = [effect.phase for effect in site.hosts.effects("ct3")]
    assert phases == ["check", "begin", "end"] * 2


def test_plans_for_a_locked_host_occupy_no_slot(site: Site) -> None:
    """Three of four slots are held by long runs; a second plan for each of their hosts rings, and the fourth slot stays free."""
    for host in ("ct8", "ct9", "ct10"):
        site.hosts.hold(host, "begin")
        for where in ("var-tmp", "tmp"):
            site.break_(host, where)
    site.sweep("ct8", "ct9", "ct10")
    for host in ("ct8", "ct9", "ct10"):
        site.until(lambda host=host: site.did(host, "begin"), PATIENCE, f"{host} has begun")
        places = ("var-tmp", "tmp")
        site.until(
            lambda host=host, places=places: any("busy" in site.waits(host, where) for where in places),
            PATIENCE,
            f"the other plan for {host} waits",
        )
    assert len(site.claimed()) == 3
    for host in ("ct11", "ct12"):
        site.break_(host)
    site.sweep("ct11", "ct12")
    for host in ("ct11", "ct12"):
        resolved(site, host)
    assert len(site.claimed()) == 3
    for host in ("ct8", "ct9", "ct10"):
        site.hosts.let_go(host, "begin")
    for host in ("ct8", "ct9", "ct10"):
        for where in ("var-tmp", "tmp"):
            resolved(site, host, where)


def test_hosts_ledgers_events_and_journal_tell_one_story(site: Site) -> None:
    assert checker.check(site.evidence()) == []
