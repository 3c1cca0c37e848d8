"""From the finding to the plan without a model, where part of the parameters is configuration."""

from pathlib import Path
from typing import Any

import pytest

from aiops import rules, steps
from aiops.domain.finding import Finding
from aiops.domain.incident import State
from aiops.remediations import SHIPPED, load
from tests.incident_world import World

PUSH = "http://loki.lan:3100/loki/api/v1/push"
GIVEN: dict[str, Any] = {
    "redeploy_promtail": {"loki_url": PUSH},
    "upgrade_litellm": {
        "hosts": {"ct201": {"version": "1.80.0", "extras_version": "0.4.5", "wheels": "/srv/wheels"}},
    },
    "renew_certificate": {
        "hosts": {"ct201": {"unit": "acme.service", "server": "nginx.service", "files": ["/etc/ssl/w.pem"]}},
    },
}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, catalogue=load(SHIPPED), rules=rules.load(rules.SHIPPED), given=GIVEN)


def opened(world: World, *findings: Finding) -> None:
    """One sweep with these findings, worked through to the decision."""
    hosts = tuple(dict.fromkeys(finding.host for finding in findings))
    handed = steps.correlate(
        world.sweep(*findings, hosts=hosts, kinds=tuple({finding.kind for finding in findings})), world.services
    )
    for verdict in handed.verdicts:
        steps.authorise(verdict, world.services)


def failing(world: World, host: str, template: str) -> Finding:
    return world.finding(
        host,
        kind="soc.shipper_failing",
        detector="soc",
        subject="promtail",
        summary="promtail is running and ships nothing: 40 errors in twenty minutes",
        cause="shipper:promtail",
        shared=True,
        evidence={"tag": "promtail", "lines": 40, "template": template},
    )


def crashing(world: World, host: str, unit: str) -> Finding:
    return world.finding(host, kind="service.crash_loop", subject=unit, evidence={"unit": unit, "n_restarts": 9})


UNRENDERED = 'level=error msg="error sending batch, no address or path to work with: unrendered template"'


def test_a_broken_shipper_on_many_hosts_is_one_incident_and_one_plan(world: World) -> None:
    names = ("ct201", "ct202", "ct203")
    opened(world, *(failing(world, name, UNRENDERED) for name in names))

    incident = world.only()
    plan = world.ledger.plan_of(incident.id)
    assert incident.state is State.AWAITING_APPROVAL
    assert (plan.remediation, plan.hosts) == ("redeploy_promtail", names)
    assert plan.params["loki_url"] == PUSH


def test_a_shipper_whose_loki_is_down_is_not_deployed_anew(world: World) -> None:
    opened(world, failing(world, "ct201", 'msg="error sending batch, will retry" error="loki.lan: connection refused"'))

    assert world.only().state is State.ESCALATED
    assert world.ledger.plan_of(world.only().id) is None


def test_a_litellm_that_crashes_over_and_over_waits_with_the_pair_that_the_operator_named(world: World) -> None:
    opened(world, crashing(world, "ct201", "litellm.service"))

    plan = world.ledger.plan_of(world.only().id)
    assert world.only().state is State.AWAITING_APPROVAL
    assert (plan.remediation, plan.params["version"], plan.params["extras_version"]) == (
        "upgrade_litellm",
        "1.80.0",
        "0.4.5",
    )


def test_any_other_service_that_crashes_over_and_over_goes_to_a_human(world: World) -> None:
    opened(world, crashing(world, "ct201", "nginx.service"))

    assert world.only().state is State.ESCALATED


def test_a_host_of_which_nothing_was_said_goes_to_a_human(world: World) -> None:
    opened(world, crashing(world, "ct202", "litellm.service"))

    assert world.only().state is State.ESCALATED


def test_a_certificate_is_renewed_where_it_is_served_though_its_file_is_found_first(world: World) -> None:
    common = {"kind": "cert.expiring", "detector": "certs", "cause": "certificate:web"}
    file = world.finding(subject="/etc/ssl/w.pem", **common)
    served = world.finding(subject="web.lan:8443", evidence={"server_name": "web.lan", "port": 8443}, **common)
    opened(world, file, served)

    plan = world.ledger.plan_of(world.only().id)
    assert plan.remediation == "renew_certificate"
    assert (plan.params["name"], plan.params["port"], plan.params["unit"]) == ("web.lan", 8443, "acme.service")
