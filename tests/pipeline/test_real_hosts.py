"""The whole loop on real Debian hosts: seen, repaired, proved, closed; and what happens when something is in the way."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from aiops import bootstrap
from aiops.domain.event import Event
from aiops.domain.incident import Incident, State
from aiops.domain.severity import Severity
from aiops.ports import IncidentServices
from aiops.remediations import SHIPPED
from aiops.settings import load_settings
from aiops.steps import detectors
from tasks.real_hosts import fleet, lab
from tests.system import System

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[2]
NAME = f"loop{os.getpid()}"
ASKS_OTHERS = {"logs", "metrics", "pbs", "proxmox"}
SETTLE = 12
"""Seconds a restarted service must stay up here, so that a test can look into the middle of a run."""


class Real(System):
    """The system with its real hosts."""

    @property
    def services(self) -> IncidentServices:
        return bootstrap.incidents(self.settings)

    def command(self, *words: str, code: int | None = 0) -> Any:
        """What the ``aiops`` command says with --json."""
        done = subprocess.run(
            [sys.executable, "-m", "tasks.cli", *words, "--json"],
            capture_output=True,
            text=True,
            timeout=180,
            cwd=ROOT,
            check=False,
        )
        assert code is None or done.returncode == code, done.stdout + done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else {}

    def sweep(self, *guardians: str, host: str = "") -> list[dict[str, Any]]:
        where = ["--host", host] if host else []
        return self.command("sweep", *(guardians or ("health", "disk", "audit-dpkg-rc")), *where, code=None)  # type: ignore[no-any-return]

    def incident_of(self, host: str, *states: State, seconds: float = 120) -> Incident:
        def look() -> Incident | None:
            found = self.services.ledger.search(host=host, limit=1)
            return found[0] if found and found[0].state in states else None

        return self.wait_for(look, seconds, f"{host} is {states}")  # type: ignore[no-any-return]

    def break_(self, host: str, fault: str) -> None:
        lab("break", host, fault, "--name", NAME)

    def heal(self, host: str, fault: str) -> None:
        lab("heal", host, fault, "--name", NAME)

    def inside(self, host: str, *argv: str) -> str:
        return lab("exec", "--name", NAME, host, "--", *argv, check=False)

    def starts(self) -> int:
        return len(self.events(type="remediation.started"))


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    folder = tmp_path_factory.mktemp("real")
    shutil.copytree(SHIPPED.parent, folder / "ansible")
    manifest = folder / "ansible" / "playbooks" / "restart_service.meta.yml"
    manifest.write_text(manifest.read_text().replace("default: 3", f"default: {SETTLE}"))
    repair = f'playbooks = "{folder}/ansible/playbooks"\nlease_seconds = 6\n'
    with fleet(folder, NAME, hosts=4, repair=repair) as local:
        system = Real(local, load_settings())
        system.wait_online("detect", "incidents", "triage", "remediation", "notify")
        yield system


@pytest.fixture
def dead_cron(real: Real) -> Iterator[Real]:
    """ct202 with a dead service, healed afterwards whatever happened."""
    real.break_("ct202", "dead-service")
    yield real
    real.heal("ct202", "dead-service")


def test_healthy_hosts_left_alone_give_no_false_alarm(real: Real, say: Callable[[str], None]) -> None:
    """Three sweeps of what `make stories` shows with thirty, on upgraded hosts; of the guardians all that need no setting up."""
    guardians = sorted(set(detectors()) - ASKS_OTHERS - {"upgrade-check", "config-backup"})
    for _ in range(3):
        for shard in real.sweep(*guardians):
            loud = [found for found in shard["findings"] if Severity(found["severity"]).rank > Severity.INFO.rank]
            assert loud == []
            assert set(shard["looked_at"]) == {"ct201", "ct202", "ct203", "ct204"}
    opened = [one for one in real.services.ledger.search() if one.severity.rank > Severity.INFO.rank]
    assert [one.title for one in opened] == []
    say(f"3 sweeps of {len(guardians)} guardians on 4 hosts: 0 findings above info")


def test_a_service_that_died_is_repaired_and_closed_by_the_detector_that_saw_it(real: Real) -> None:
    lines = subprocess.Popen(
        ["mosquitto_sub", "-p", str(real.local.mqtt_port), "-t", "pixelium/#", "-F", "%t\t%r\t%p"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        real.break_("ct201", "dead-service")
        real.sweep("health", host="ct201")
        incident = real.incident_of("ct201", State.RESOLVED, State.ESCALATED)
        time.sleep(1)
    finally:
        lines.terminate()
    heard = [line.rstrip("\n").split("\t") for line in lines.communicate()[0].splitlines()]

    assert incident.state is State.RESOLVED
    assert "cron" in real.inside("ct201", "systemctl", "is-active", "cron.service") + "cron"
    assert real.inside("ct201", "systemctl", "is-active", "cron.service").strip() == "active"
    states = [entry.state for entry in real.services.ledger.timeline(incident.id) if entry.state]
    assert states == [State.NEW, State.TRIAGED, State.REMEDIATING, State.VERIFYING, State.RESOLVED]
    schema = json.loads((ROOT / "aiops" / "schemas" / "event.schema.json").read_text())
    events = [
        json.loads(payload) for topic, _, payload in heard if not topic.endswith("/state") or "/guardian/" in topic
    ]
    for event in events:
        jsonschema.validate(event, schema)
    told = {event["type"] for event in events if event.get("incident") == incident.id}
    assert {
        "finding.seen",
        "incident.opened",
        "verdict.given",
        "plan.approved",
        "remediation.started",
        "remediation.finished",
        "outcome.settled",
        "verify.asked",
        "incident.resolved",
    } <= told
    assert f"pixelium/claude-ct196/response/{incident.id}" in {topic for topic, _, _ in heard}
    assert "pixelium/guardian/health/state" in {topic for topic, _, _ in heard}


def test_a_second_sweep_of_an_unchanged_fleet_opens_nothing_and_runs_nothing(real: Real) -> None:
    real.sweep()
    incidents, starts = len(real.services.ledger.search()), real.starts()

    shards = real.sweep()

    assert {host for shard in shards for host in shard["looked_at"]} == {"ct201", "ct202", "ct203", "ct204"}
    assert (len(real.services.ledger.search()), real.starts()) == (incidents, starts)


def test_the_command_the_shell_and_beat_give_the_same_events(real: Real) -> None:
    def shape(sweep: str) -> list[tuple[Any, ...]]:
        events = real.wait_for(
            lambda: real.events(type="sweep.finished", sweep=sweep), 60, f"sweep {sweep} is reported"
        )
        fields = ("type", "source", "cron", "severity", "host", "symptom")
        return sorted(tuple(event[field] for field in fields) for event in events)

    by_command = real.command("sweep", "disk", code=None)[0]["patrol"]["sweep"]
    shell = "from tasks.pipeline import patrol; print(patrol.delay('disk').id)"
    by_shell = subprocess.run(
        [sys.executable, "-c", shell], capture_output=True, text=True, cwd=ROOT, check=True
    ).stdout.strip()
    asked = real.producer().send_task("patrol", args=(["disk"],), kwargs={"started_by": "beat"})  # beat's own message

    assert shape(by_command) == shape(by_shell) == shape(asked.id)
    assert real.command("show", "--follow", by_shell)[0]["patrol"]["sweep"] == by_shell


def test_get_says_what_to_use_instead(real: Real) -> None:
    shell = "from tasks.pipeline import patrol; patrol.delay('disk').get()"
    done = subprocess.run([sys.executable, "-c", shell], capture_output=True, text=True, cwd=ROOT, check=False)

    assert "aiops show --follow" in done.stderr


def test_a_worker_killed_in_the_middle_of_a_playbook_is_unknown_and_never_repeated(dead_cron: Real) -> None:
    real = dead_cron
    starts = real.starts()
    real.sweep("health", host="ct202")
    real.wait_for(lambda: real.starts() > starts, 60, "the repair has started")
    real.wait_for(
        lambda: real.inside("ct202", "systemctl", "is-active", "cron.service").strip() == "active", 90, "in its middle"
    )
    (worker,) = [child for child in real.local.children if child.name == "remediation"]
    assert worker.process
    os.killpg(worker.process.pid, signal.SIGKILL)
    real.wait_for(lambda: real.local.watch() or True)

    def revived() -> bool:
        real.local.watch()
        return real.services.ledger.search(host="ct202", limit=1)[0].state is State.ESCALATED

    real.wait_for(revived, 90, "the reaper says unknown")
    incident = real.incident_of("ct202", State.ESCALATED)
    plan = real.services.ledger.plan_of(incident.id)
    assert plan
    outcome = real.services.ledger.outcome(plan.id)
    assert outcome
    assert outcome.status == "unknown"
    assert real.starts() == starts + 1
    told = real.wait_for(lambda: real.events(type="notify.sent", incident=incident.id), 20, "a human is told")
    assert "unknown" in json.dumps(told)
    real.producer().send_task("dispatch", args=(plan.id,))
    real.sweep("health", host="ct202")
    assert real.starts() == starts + 1
    assert real.command("release", incident.id)["released"] == plan.id
    assert real.command("release", "plan-of-nobody", code=2) == {}


def test_frozen_nothing_starts_and_thawed_it_waits_for_its_approval(real: Real) -> None:
    starts = real.starts()
    real.command("freeze", "a test")
    time.sleep(1)
    try:
        real.break_("ct203", "vzdump-orphans")
        real.sweep("disk", host="ct203")
        incident = real.incident_of("ct203", State.AWAITING_APPROVAL)
        assert real.command("approve", incident.id, code=3) == {}
        assert real.starts() == starts
    finally:
        real.command("thaw")
    real.wait_for(lambda: real.client.exists("aiops.permit"), 10, "the permit is back")
    real.command("approve", incident.id, "--digest", real.services.ledger.plan_of(incident.id).digest[:12])  # type: ignore[union-attr]

    assert real.incident_of("ct203", State.RESOLVED, State.ESCALATED).state is State.RESOLVED
    assert real.starts() == starts + 1


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("unreachable", "cannot be reached"),
        ("changed-host-key", "key"),
        ("missing-binary", "is not there"),
        ("unreadable-output", "df"),
    ],
)
def test_what_cannot_be_looked_at_is_blind_with_a_reason_and_never_healthy(real: Real, fault: str, says: str) -> None:
    real.break_("ct204", fault)
    # A connection that is open already has proved who is at its other end; this is about the next one.
    real.inside("ct204", "pkill", "-KILL", "-u", "aiops-probe")
    try:
        (shard,) = real.sweep("disk", host="ct204")
    finally:
        real.heal("ct204", fault)

    assert "disk.space" not in shard["looked_at"].get("ct204", [])
    assert any(says in blind["reason"] for blind in shard["blind"]), shard["blind"]
    assert all(blind["remedy"] for blind in shard["blind"])
    (after,) = real.sweep("disk", host="ct204")
    assert "disk.space" in after["looked_at"]["ct204"]


def test_the_detection_account_can_neither_write_nor_use_sudo_beyond_its_list(real: Real) -> None:
    def as_probe(*argv: str) -> int:
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "lab",
                "exec",
                "--name",
                NAME,
                "ct204",
                "--",
                "runuser",
                "-u",
                "aiops-probe",
                "--",
                *argv,
            ],
            capture_output=True,
            check=False,
        )
        return done.returncode

    for place in ("/etc/x", "/usr/local/bin/x", "/opt/x", "/root/x", "/var/lib/x", "/srv/x"):
        assert as_probe("touch", place) != 0
    for command in (
        ["id"],
        ["sh", "-c", "id"],
        ["/usr/bin/cat", "/etc/shadow"],
        ["/bin/bash"],
        ["/usr/bin/apt-get", "update"],
    ):
        assert as_probe("sudo", "-n", *command) != 0
    listed = [
        line.split("NOPASSWD:", 1)[1].strip()
        for line in bootstrap.sudoers("aiops-probe").splitlines()
        if "NOPASSWD:" in line
    ]
    assert all("*" not in line and "ALL" not in line for line in listed)


def test_a_guessed_password_is_audited_without_a_human_and_hardening_is_only_proposed(real: Real) -> None:
    for number in range(8):
        line = f"Failed password for invalid user admin from 192.0.2.77 port {41000 + number} ssh2"
        real.inside("ct204", "logger", "--tag", "sshd", "--priority", "auth.info", line)
    real.sweep("soc", host="ct204")
    incident = real.incident_of("ct204", State.AWAITING_APPROVAL, State.ESCALATED)

    lines = {entry.step: entry.text for entry in real.services.ledger.timeline(incident.id)}
    assert "accounts with the rights of root: 1 lines" in lines["audit"]
    assert incident.state is State.AWAITING_APPROVAL, lines
    proposed = real.services.ledger.plan_of(incident.id)
    assert proposed
    assert proposed.remediation == "harden_ssh"
    assert real.services.ledger.approval(proposed.id) is None
    (told,) = real.events(type="audit.reported", incident=incident.id)
    assert Event.model_validate(told).topic() == "pixelium/security/soc/warning"
