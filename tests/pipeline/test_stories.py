"""The stories of the mission, end to end: real hosts, the whole system as processes, real Ansible. Each prints its seconds.

One lab serves them all; STORY_SHIPPERS says how many of its hosts ship logs.
"""

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from aiops.domain.incident import Incident, State
from aiops.rules.policies import POLICIES
from aiops.settings import load_settings
from lab import enter, faults
from lab.enter import Inside
from lab.faults import _facts
from lab.faults.agent_removes_manager import AGENTS, AGENTS_UNIT, agents, connection
from tasks.real_hosts import beside, booted
from tests.pipeline.test_real_hosts import Real
from tests.remediation.wheels import CRASHES, SERVES, UNIT, litellm_wheels

SHIPPERS = int(os.environ.get("STORY_SHIPPERS", "6"))
PATIENCE = 300 + 200 * SHIPPERS
"""Seconds: a deadline for a machine that does much else, no measure."""
pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(PATIENCE + 600)]
NAME = f"story{os.getpid()}"
HOSTS = [f"ct{200 + number}" for number in range(1, SHIPPERS + 3)]
SHIPPING, MANAGER, LOKI = HOSTS[:SHIPPERS], HOSTS[SHIPPERS], HOSTS[SHIPPERS + 1]
QUIET_FOR = 75
"""Seconds that are left of the quiet hours, at least; they end at a full minute."""
PUSH = f"http://10.77.0.{10 + len(HOSTS)}:3100/loki/api/v1/push"
POLICY = """
[policy]
default = "ask"

[[policy.rules]]
playbooks = ["restore_removed_package"]
roles = ["wazuh"]
decision = "auto"

[floor]
starts_per_hour = 100
max_hosts = 30
"""
SAID = f"""
[playbooks.redeploy_promtail]
loki_url = "{PUSH}"

[playbooks.upgrade_litellm]
wheels = "/srv/wheels"
settle_seconds = 2

[playbooks.upgrade_litellm.hosts.ct201]
version = "1.1.0"
extras_version = "0.1.0"

[playbooks.upgrade_litellm.hosts.ct202]
version = "1.2.0"
extras_version = "0.2.0"
"""
BROKEN = f"""\
server:
  http_listen_port: 9080
positions:
  filename: /var/lib/promtail/positions.yaml
clients:
  - url: {PUSH}
scrape_configs:
  - job_name: syslog
    static_configs:
      - targets: [localhost]
        labels:
          job: syslog
          __path__: {{{{ '{{{{' }}}} promtail_log_path {{{{ '}}}}' }}}}
"""
"""As Ansible leaves a template whose braces were escaped once too often."""


class Story(Real):
    """The system beside the lab of this file."""

    def host(self, name: str) -> Inside:
        return enter.find(name, NAME)

    def inside(self, host: str, *argv: str) -> str:
        return self.host(host).out(*argv)

    def break_(self, host: str, fault: str) -> None:
        one = faults.named(fault)
        one.prepare(self.host(host))
        one.inject(self.host(host))

    def seen(self, kind: str, host: str) -> list[Incident]:
        """The host's incidents with a finding of that kind, newest first."""
        found = self.services.ledger.search(host=host)
        return [one for one in found if any(finding.kind == kind for finding in one.findings)]

    def becomes(self, kind: str, host: str, *states: State, seconds: float = PATIENCE) -> Incident:
        def look() -> Incident | None:
            found = self.seen(kind, host)
            return found[0] if found and found[0].state in states else None

        return self.wait_for(look, seconds, f"{kind} on {host} is {states}")  # type: ignore[no-any-return]

    def taps(self, incident: Incident) -> int:
        """How often a human approved something for the incident."""
        return sum(event["context"].get("by") not in ("policy", None) for event in self.approvals(incident))

    def approvals(self, incident: Incident) -> list[dict[str, Any]]:
        return self.events(type="plan.approved", incident=incident.id)

    def settled(self, incident: Incident) -> dict[str, Any]:
        (event,) = self.events(type="outcome.settled", incident=incident.id)[-1:]
        return event["context"]  # type: ignore[no-any-return]


Told = Callable[..., None]


@pytest.fixture(scope="module")
def told(pytestconfig: pytest.Config) -> Told:
    """Says how long it took since a moment, whether the test passes or not."""
    terminal = pytestconfig.pluginmanager.getplugin("terminalreporter")
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")

    def tell(what: str, began: float, more: str = "") -> None:
        with capture.global_and_fixture_disabled():
            terminal.write_line(f"\n[story] {what}: {time.monotonic() - began:.1f} s {more}".rstrip())

    return tell


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory, told: Told) -> Iterator[str]:
    """The lab, with a manager whose agents connect from another host; what the settings say of it."""
    began = time.monotonic()
    with booted(tmp_path_factory.mktemp("hosts"), NAME, hosts=len(HOSTS), roles=(f"{MANAGER}=wazuh",)) as settings:
        manager, elsewhere = enter.find(MANAGER, NAME), enter.find(LOKI, NAME)
        manager.run("systemctl", "stop", AGENTS_UNIT)
        agents(elsewhere, f"10.77.0.{9 + len(HOSTS)}")
        _facts.wait_until(lambda: connection(manager).get("active") == AGENTS, "38 agents are connected", 30)
        told("the lab is up", began, f"{len(HOSTS)} hosts")
        yield settings


@contextmanager
def system(tmp_path_factory: pytest.TempPathFactory, hosts: str, policy: str) -> Iterator[Story]:
    with beside(tmp_path_factory.mktemp("system"), hosts, policy=policy, more=SAID) as local:
        story = Story(local, load_settings())
        story.wait_online("detect", "incidents", "triage", "remediation", "notify")
        yield story


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, hosts: str) -> Iterator[Story]:
    with system(tmp_path_factory, hosts, POLICY) as story:
        yield story


# ---- vzdump, and a night under the shipped policy


@contextmanager
def night(tmp_path_factory: pytest.TempPathFactory, hosts: str) -> Iterator[tuple[Story, datetime]]:
    """The system under policy/homelab.yml, its quiet hours moved to now; and when they end, more than a minute later."""
    now = datetime.now(ZoneInfo(load_settings().timezone))
    end = (now + timedelta(seconds=QUIET_FOR + 59)).replace(second=0, microsecond=0)
    shipped = (POLICIES / "homelab.yml").read_text(encoding="utf-8")
    moved, changed = re.subn(r"(?m)^quiet_hours: .*$", f'quiet_hours: "{now:%H:%M}-{end:%H:%M}"', shipped)
    assert changed == 1
    file = tmp_path_factory.mktemp("policy") / "homelab.yml"
    file.write_text(moved, encoding="utf-8")
    with system(tmp_path_factory, hosts, f'[policy]\nfile = "{file}"\n') as story:
        yield story, end


def test_at_night_three_are_mended_without_a_tap_and_a_fourth_is_asked_about_in_the_morning(
    tmp_path_factory: pytest.TempPathFactory, hosts: str, told: Told
) -> None:
    with night(tmp_path_factory, hosts) as (story, end):
        began = time.monotonic()
        story.break_("ct201", "dead-service")
        story.break_("ct202", "vzdump-orphans")
        story.break_("ct202", "vzdump-running")
        story.break_("ct203", "dead-service")
        story.break_(MANAGER, "dead-service")
        try:
            story.sweep("health", "disk")
            mended = [
                story.becomes(kind, host, State.RESOLVED, State.ESCALATED)
                for kind, host in (
                    ("service.dead", "ct201"),
                    ("disk.vzdump_orphan", "ct202"),
                    ("service.dead", "ct203"),
                )
            ]
            assert [one.state for one in mended] == [State.RESOLVED] * 3
            told("a night, three closed", began, "no tap")
            running = faults.named("vzdump-running").look(story.host("ct202"))
            assert running.present, "the backup that runs still owns its directory"
            assert not running.harmed
            fourth = story.becomes("service.dead", MANAGER, State.AWAITING_APPROVAL, State.ESCALATED)
            assert story.events(type="plan.held", incident=fourth.id)

            def asked() -> Any:
                return story.events(type="plan.made", incident=fourth.id)

            (question,) = story.wait_for(asked, QUIET_FOR + 59 + 120, "the fourth is asked about")
            assert datetime.fromisoformat(question["timestamp"]) >= end, "nobody was asked before"
            assert "looked at again after quiet hours: it still holds" in question["symptom"]
            told("a night, the fourth asked about", began)
            assert [story.taps(one) for one in (*mended, fourth)] == [0, 0, 0, 0]
            asleep = [
                event for event in story.events(type="notify.sent") if event["incident"] in {one.id for one in mended}
            ]
            assert asleep == [], "nobody was told of what mended itself"

            story.command("approve", fourth.id)
            assert story.becomes("service.dead", MANAGER, State.RESOLVED, State.ESCALATED).state is State.RESOLVED
        finally:
            story.host("ct202").run("systemctl", "stop", "lab-vzdump.service", check=False)
            faults.named("vzdump-orphans").heal(story.host("ct202"))
            faults.named("dead-service").heal(story.host(MANAGER))


# ---- Wazuh


def test_an_agent_that_drove_the_manager_out_is_undone_by_itself_and_cannot_come_again(
    story: Story, told: Told
) -> None:
    host = story.host(MANAGER)
    host.run("apt-get", "install", "--yes", "--quiet", "wazuh-agent")
    began = time.monotonic()
    _facts.wait_until(lambda: connection(host).get("active") == 0, "the manager serves nobody", 30)
    assert story.inside(MANAGER, "systemctl", "is-active", "wazuh-manager") == "active", "it looks well"

    story.sweep("audit-dpkg-rc", "health", "wazuh", host=MANAGER)
    incident = story.becomes("package.removed", MANAGER, State.RESOLVED, State.ESCALATED)
    assert incident.state is State.RESOLVED
    assert "wazuh.agents_missing" in {finding.kind for finding in incident.findings}, (
        "one trouble, and proved by its agents"
    )
    assert story.taps(incident) == 0
    told("wazuh, from the fault to closed", began)
    _facts.wait_until(lambda: connection(host).get("active") == AGENTS, "38 of 38 agents are connected", 60)
    told("wazuh, from the fault to 38 of 38", began)
    listed = story.inside(MANAGER, "/var/ossec/bin/agent_control", "-lc").splitlines()
    assert sum(line.endswith(", Active") for line in listed) == AGENTS

    again = host.run("apt-get", "install", "--yes", "--quiet", "wazuh-agent", check=False)
    assert again.status != 0
    assert "held" in again.out + again.err
    (shard,) = story.sweep("audit-dpkg-rc", "health", host=MANAGER)
    assert [found for found in shard["findings"] if "wazuh" in found["subject"]] == [], "what we removed is no victim"
    assert connection(host) == {"active": AGENTS, "disconnected": 0, "total": AGENTS}


# ---- Promtail


@pytest.fixture(scope="module")
def shipping(story: Story) -> Story:
    """A Loki on one host, and log shippers with a good configuration on the others."""

    def ship(name: str) -> None:
        _facts.install(story.host(name), "promtail")

    _facts.install(story.host(LOKI), "loki")
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(ship, SHIPPING))
    return story


def unrender(story: Story, names: list[str]) -> None:
    """The template reaches the hosts unrendered, and has been there long enough to be complained of."""

    def spoil(name: str) -> None:
        story.host(name).write("/etc/promtail/config.yml", BROKEN)
        story.host(name).run("systemctl", "restart", "promtail")

    def complains(name: str) -> bool:
        pid = story.inside(name, "systemctl", "show", "--value", "-p", "MainPID", "promtail")
        return story.inside(name, "journalctl", "-q", "-t", "promtail", f"_PID={pid}").count("level=error") >= 10

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(spoil, names))
    for name in names:
        _facts.wait_until(lambda name=name: complains(name), f"promtail on {name} complains", 60)  # type: ignore[misc]


def marker_hosts(story: Story) -> list[str]:
    """The hosts whose marker line Loki gives back, the one whose came first before the others."""
    ask = ["curl", "-sG", PUSH.replace("/push", "/query_range"), "--data-urlencode", "limit=500", "--data-urlencode"]
    said = story.inside(LOKI, *ask, 'query={job="syslog"} |~ "aiops line [0-9]+[.] It must arrive"')
    streams = json.loads(said)["data"]["result"]
    first = {stream["stream"]["host"]: min(int(moment) for moment, _ in stream["values"]) for stream in streams}
    return sorted(first, key=first.__getitem__)


def test_broken_shippers_are_one_incident_and_one_approval_and_mended_one_by_one(shipping: Story, told: Told) -> None:
    story = shipping
    unrender(story, SHIPPING)
    began = time.monotonic()
    story.sweep("soc")
    incident = story.becomes("soc.shipper_failing", SHIPPING[0], State.AWAITING_APPROVAL, State.ESCALATED)
    plan = story.services.ledger.plan_of(incident.id)
    assert plan, [entry.text for entry in story.services.ledger.timeline(incident.id)]
    assert (plan.remediation, list(plan.hosts)) == ("redeploy_promtail", SHIPPING)
    assert {one.id for name in SHIPPING for one in story.seen("soc.shipper_failing", name)} == {incident.id}
    told("promtail, from the sweep to the question", began, f"{SHIPPERS} hosts, one incident")

    story.command("approve", incident.id, "--digest", plan.digest[:12])
    incident = story.becomes("soc.shipper_failing", SHIPPING[0], State.RESOLVED, State.ESCALATED)
    assert incident.state is State.RESOLVED, [entry.text for entry in story.services.ledger.timeline(incident.id)]
    assert story.taps(incident) == len(story.approvals(incident)) == 1
    assert marker_hosts(story) == SHIPPING, "a line of each arrived, the canary's first"
    told("promtail, from the sweep to closed", began, f"{SHIPPERS} hosts, each with its line in Loki")


def test_a_canary_that_fails_stops_the_rest(shipping: Story, told: Told) -> None:
    story, names = shipping, SHIPPING[:3]
    unrender(story, names)
    story.host(names[0]).run("systemctl", "stop", "syslog.socket", "rsyslog.service")
    began = time.monotonic()
    try:
        story.sweep("soc")
        incident = story.becomes("soc.shipper_failing", names[0], State.AWAITING_APPROVAL, State.ESCALATED)
        if incident.state is State.ESCALATED:
            story.command("plan", incident.id, "--playbook", "redeploy_promtail")
        story.command("approve", incident.id)
        story.wait_for(lambda: story.events(type="outcome.settled", incident=incident.id), PATIENCE, "it has ended")
    finally:
        story.host(names[0]).run("systemctl", "start", "rsyslog.service")

    outcome = story.settled(incident)
    assert outcome["status"] == "failure"
    assert "Prove that it arrives at Loki" in outcome["reason"]
    assert story.services.ledger.get(incident.id).state is State.ESCALATED
    assert set(outcome["recap"]) == {names[0]}
    for name in names:
        assert story.host(name).read("/etc/promtail/config.yml") == BROKEN, (
            "the previous file is back, or was never touched"
        )
    told("promtail, a canary that fails", began, f"{len(names) - 1} hosts untouched")


# ---- LiteLLM

FRAGILE = f"""
import os
if os.path.exists("/srv/no-database"):
    raise SystemExit("prisma: cannot connect")
{SERVES}"""


def litellm(host: Inside, version: str, extras: str) -> None:
    """A host that runs that version from an environment of its own."""
    folder = host.root / "srv/wheels"
    if not folder.is_dir():
        folder.mkdir()
        litellm_wheels(folder, {"1.0.0": CRASHES, "1.1.0": FRAGILE, "1.2.0": CRASHES})
    place = f"/opt/litellm/venvs/{version}-{extras}"
    (pip,) = folder.glob("pip-*.whl")
    host.run("python3", "-m", "venv", "--clear", "--without-pip", place)
    install = [f"/srv/wheels/{pip.name}/pip", "install", "--quiet", "--no-index", "--find-links=/srv/wheels"]
    host.run(f"{place}/bin/python", *install, f"litellm[proxy]=={version}", f"litellm-proxy-extras=={extras}")
    host.run("ln", "-sfn", place, "/opt/litellm/current")
    host.write("/etc/systemd/system/litellm.service", UNIT)
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "restart", "litellm")
    restarts = ("systemctl", "show", "--value", "-p", "NRestarts", "litellm")
    _facts.wait_until(lambda: int(host.out(*restarts)) > 6, "litellm crashes over and over", 60)


def lives(host: Inside) -> bool:
    return host.ok("curl", "-fsS", "--max-time", "3", "http://127.0.0.1:4000/health/liveliness")


def test_a_litellm_that_crashes_over_and_over_is_upgraded_as_a_pair(story: Story, told: Told) -> None:
    host = story.host("ct201")
    litellm(host, "1.0.0", "0.0.0")
    began = time.monotonic()
    story.sweep("health", host="ct201")
    incident = story.becomes("service.crash_loop", "ct201", State.AWAITING_APPROVAL, State.ESCALATED)
    assert incident.state is State.AWAITING_APPROVAL
    story.command("approve", incident.id)
    incident = story.becomes("service.crash_loop", "ct201", State.RESOLVED, State.ESCALATED)

    assert incident.state is State.RESOLVED, [entry.text for entry in story.services.ledger.timeline(incident.id)]
    assert story.inside("ct201", "readlink", "/opt/litellm/current") == "/opt/litellm/venvs/1.1.0-0.1.0"
    assert lives(host)
    told("litellm, from the sweep to closed", began)


def test_a_new_litellm_that_does_not_live_is_taken_back_by_itself(story: Story, told: Told) -> None:
    host = story.host("ct202")
    host.write("/srv/no-database", "")
    litellm(host, "1.1.0", "0.1.0")
    began = time.monotonic()
    story.sweep("health", host="ct202")
    incident = story.becomes("service.crash_loop", "ct202", State.AWAITING_APPROVAL, State.ESCALATED)
    assert incident.state is State.AWAITING_APPROVAL
    host.remove("/srv/no-database")
    story.command("approve", incident.id)
    story.wait_for(lambda: story.events(type="outcome.settled", incident=incident.id), PATIENCE, "it has ended")

    outcome = story.settled(incident)
    assert outcome["status"] == "failure"
    assert "the version from before is back and lives" in outcome["reason"]
    assert story.services.ledger.get(incident.id).state is State.ESCALATED
    assert story.inside("ct202", "readlink", "/opt/litellm/current") == "/opt/litellm/venvs/1.1.0-0.1.0"
    assert lives(host)
    told("litellm, a broken version taken back", began)
