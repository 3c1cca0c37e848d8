"""Sessions in the real processes: granted by the incidents worker, run by the remediation worker, read by a human."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from aiops.adapters.execution_ledger import SqliteExecutionLedger
from aiops.adapters.incident_ledger import SqliteIncidentLedger
from aiops.domain.finding import Finding
from aiops.domain.incident import State
from aiops.domain.severity import Severity
from aiops.domain.sweep import Patrol, Sweep
from tests.sessions.model import Model, call, scripted
from tests.system import System

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

ROOT = Path(__file__).parents[2]
RULES = """\
- id: look-at-comets
  detectors: [comet]
  action: investigate
  severity: warning
  reason: nobody knows what a comet wants
"""
MEND = call(
    "propose_plan",
    playbook="restart_service",
    host="ct201",
    params={"unit": "moon.service"},
    reason="the moon hangs; a restart brings it back",
)


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    with scripted() as running:
        yield running


@pytest.fixture(scope="module")
def system(start_system: Callable[..., System], model: Model, tmp_path_factory: pytest.TempPathFactory) -> System:
    folder = tmp_path_factory.mktemp("inventory")
    hosts = {f"ct20{n}": {"ansible_host": "192.0.2.1", "aiops_role": "web"} for n in range(1, 9)}
    (folder / "hosts.yml").write_text(json.dumps({"all": {"hosts": hosts}}))
    (folder / "rules").mkdir()
    (folder / "rules" / "fix.yml").write_text(RULES)
    extra = f"""
[fleet]
inventory = "{folder}/hosts.yml"
[known]
rules = "{folder}/rules"
[correlation]
baseline = false
[repair]
lease_seconds = 6
[session]
api_base = "{model.base}"
model = "scripted"
seconds = 60
"""
    started = start_system(extra=extra, only=("incidents", "remediation"))
    both = {"incidents", "remediation"}
    started.wait_for(
        lambda: both <= {event["context"]["queue"] for event in started.events(type="worker.online")},
        150,
        "they are up",
    )
    return started


def ledger(system: System) -> SqliteIncidentLedger:
    return SqliteIncidentLedger(system.local.folder / "incidents.sqlite")


def command(*words: str, code: int = 0, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tasks.cli", *words],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
        check=False,
        env={**os.environ, **environment},
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def found(system: System, host: str, detector: str = "moon") -> str:
    """What nobody knows a fix for, and a human has; the incident's id."""
    now = datetime.now(UTC)
    finding = Finding(
        kind=f"{detector}.full",
        detector=detector,
        host=host,
        subject="moon",
        severity=Severity.CRITICAL,
        summary="it is",
        seen_at=now,
    )
    patrol = Patrol(sweep=f"sweep-{host}", detectors=(detector,), hosts=(host,), requested_at=now)
    sweep = Sweep(
        patrol=patrol, findings=(finding,), looked_at={host: (f"{detector}.full",)}, started_at=now, finished_at=now
    )
    with system.producer() as app:
        app.send_task("correlate", args=[sweep.model_dump(mode="json")])
    (event,) = system.wait_for(lambda: system.events(type="incident.escalated", host=host), 60, "a human has it")
    return str(event["incident"])


def in_state(system: System, incident: str, state: State) -> Any:
    def look() -> Any:
        known = ledger(system).get(incident)
        return known if known.state is state else None

    return system.wait_for(look, 90, f"{incident} is {state}")


def texts(system: System, incident: str) -> list[str]:
    return [entry.text for entry in ledger(system).timeline(incident) if entry.step == "session"]


def processes_of(session: str) -> list[int]:
    """This session's and no other's: other installations may have sessions on this machine."""
    found = []
    mark = f".{session}".encode()
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and any(
                variable.startswith(b"AIOPS_SESSION=") and variable.endswith(mark)
                for variable in (entry / "environ").read_bytes().split(b"\0")
            ):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def hanging(system: System, model: Model, incident: str) -> str:
    """A session about this incident that has asked its model and waits for ever; the session's id."""
    model.mode = "hang"
    session = str(json.loads(command("investigate", incident, "--json"))["session"])
    about = f"The incident is {incident}."
    system.wait_for(
        lambda: any(about in str(request["messages"]) for request in list(model.requests)), 90, "the model is asked"
    )
    assert processes_of(session)
    return session


def gone(system: System, session: str) -> bool:
    return not processes_of(session) and list((system.local.folder / "sessions").iterdir()) == []


def test_a_human_asks_an_agent_which_proposes_a_plan_that_waits_for_the_human(system: System, model: Model) -> None:
    incident = found(system, "ct201")
    model.turns(call("incident"), call("playbook", id="restart_service"), MEND)

    asked = json.loads(command("investigate", incident, "--why", "it glows", "--json"))

    in_state(system, incident, State.AWAITING_APPROVAL)
    plan = ledger(system).plan_of(incident)
    assert plan
    assert (plan.remediation, plan.hosts, plan.params["unit"]) == ("restart_service", ("ct201",), "moon.service")
    shown = command("show", incident, code=1)  # it is open
    assert f"{asked['session']} granted to an agent on CT196" in shown
    assert f"{asked['session']} ended proposed after 3 turns" in shown
    assert asked["session"] in command("show", incident, "--json", code=1)
    kinds = {event["type"] for event in system.events(incident=incident)}
    assert {"session.granted", "session.opened", "session.closed", "session.concluded", "plan.made"} <= kinds
    (filed,) = system.wait_for(
        lambda: SqliteExecutionLedger(system.local.folder / "executions.sqlite").filed(9), 60, "its transcript is filed"
    )
    transcript = (system.local.folder / "records" / "transcripts" / filed.file).read_text()
    assert "propose_plan" in transcript
    assert asked["session"] in command("records")
    command("audit", "verify")


def test_a_rule_that_wants_a_closer_look_starts_a_session_by_itself_and_an_agent_that_acts_is_stopped(
    system: System, model: Model
) -> None:
    model.turns(call("shell", command="reboot"))
    incident = found(system, "ct202", "comet")
    known = ledger(system)

    (end,) = system.wait_for(lambda: known.concluded(incident), 90, "the session has ended")
    assert (end.ending, end.reason) == ("stopped", "it asked 3 times for what it may not do")
    (granted,) = system.events(type="session.granted", incident=incident)
    assert granted["context"]["by"] == "rule:look-at-comets"


def test_kill_9_of_a_session_leaves_no_process_and_no_file_and_the_incident_ends_with_a_human(
    system: System, model: Model
) -> None:
    incident = found(system, "ct203")
    session = hanging(system, model, incident)

    for process in processes_of(session):
        with suppress(ProcessLookupError):  # it died with the one before
            os.kill(process, signal.SIGKILL)
    model.mode = "answer"

    in_state(system, incident, State.ESCALATED)
    assert any("ended lost" in text for text in texts(system, incident))
    system.wait_for(lambda: gone(system, session), 20, "nothing of it is left")


def test_kill_9_of_the_worker_in_the_middle_ends_the_session_with_it_and_is_told_to_a_human(
    system: System, model: Model
) -> None:
    incident = found(system, "ct204")
    session = hanging(system, model, incident)

    (child,) = [child for child in system.local.children if child.name == "remediation"]
    assert child.process
    os.killpg(child.process.pid, signal.SIGKILL)
    child.process.wait(10)
    system.wait_for(lambda: processes_of(session) == [], 30, "the session died with its worker")
    model.mode = "answer"
    child.start()

    in_state(system, incident, State.ESCALATED)
    assert any("the worker went silent" in text for text in texts(system, incident))
    system.wait_for(lambda: gone(system, session), 30, "nothing of it is left")


def test_while_everything_is_frozen_no_session_starts(system: System, model: Model) -> None:
    incident = found(system, "ct205")
    model.turns(call("give_up", reason="nothing to be seen here"))
    command("freeze", "test")
    before = len(model.requests)
    command("investigate", incident)
    system.wait_for(lambda: system.events(type="session.granted", incident=incident), 30, "it is granted")
    assert not system.events(type="session.opened", incident=incident)
    command("thaw")

    # The sweeper belongs to beat, which does not run here: ring as it would, once a second.
    due = 0.0

    def rung() -> Any:
        nonlocal due
        if time.monotonic() >= due:
            due = time.monotonic() + 1
            with system.producer() as app:
                app.send_task("sweep_up")
        return ledger(system).concluded(incident)

    system.wait_for(rung, 90, "the session has ended")
    assert len(model.requests) > before


def test_the_ssh_entry_takes_an_incident_and_nothing_else(system: System, model: Model) -> None:
    incident = found(system, "ct206")
    command("session-shell", code=3, SSH_ORIGINAL_COMMAND=f"{incident}; reboot")
    model.turns(call("give_up", reason="nothing to be seen here"))
    said = command("session-shell", "--who", "key1", code=1, SSH_ORIGINAL_COMMAND=incident)

    assert f"asked for a session about {incident}" in said
    assert "nothing: nothing to be seen here" in said
    assert any("ssh:key1 wants an agent to look" in text for text in texts(system, incident))
