"""The ``aiops`` command as a newcomer uses it: run, look, decide, and what it says when something is wrong."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.local import WORKERS
from tests.system import System

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "tasks.cli"]


def aiops(*words: str, code: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*COMMAND, *words],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=90,
        check=False,
        env={**os.environ, **environment},
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


def left_of(folder: Path) -> list[str]:
    """Processes that name the folder in their command line or environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            said = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue
        if str(folder).encode() in said and int(process.name) != os.getpid():
            found.append(said[:200].decode(errors="replace"))
    return found


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=["Ctrl-C", "kill", "kill -9"])
def test_run_sweeps_this_machine_and_leaves_no_process_behind(tmp_path: Path, end: signal.Signals) -> None:
    folder = tmp_path / "state"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIOPS_")}
    run = subprocess.Popen(
        [*COMMAND, "run", "--folder", str(folder), "--flower", "-1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env=environment,
        start_new_session=True,
    )
    said = []
    assert run.stdout
    for line in run.stdout:
        said.append(line)
        if line.startswith("watching"):
            break
    text = "".join(said)
    assert "1 host(s)" in text
    assert "disk /:" in text
    assert "GiB" in text

    os.kill(run.pid, end)
    run.communicate(timeout=40)
    deadline = time.monotonic() + 20
    while (left := left_of(folder)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert left == []


@pytest.fixture(scope="module")
def asking(start_system: Callable[..., System]) -> System:
    """The system on this machine with a threshold so low that its disk is a finding."""
    low = '\n[detectors.disk]\nwarning_percent = 0\ncritical_percent = 101\nmin_free_root_mib = 0\nignore_mounts = ["/?*"]\n'
    system = start_system(only=("detect", "incidents", "remediation", "notify"), extra=low)
    system.wait_online("detect", "incidents", "remediation", "notify")
    return system


def waiting(system: System) -> dict[str, Any]:
    aiops("sweep", "disk", "--json", code=1)

    def look() -> Any:
        found = json.loads(aiops("incidents", "--state", "awaiting_approval", "--json", code=1).stdout or "[]")
        return found[0] if found else None

    return system.wait_for(look, 30, "a plan waits")  # type: ignore[no-any-return]


def test_a_plan_waits_for_its_human_is_shown_denied_and_planned_anew(asking: System) -> None:
    incident = waiting(asking)["id"]
    shown = aiops("show", incident, code=1).stdout
    assert "clean_disk" in shown
    assert "awaiting_approval" in shown
    assert json.loads(aiops("show", incident, "--json", code=1).stdout)["plan"]["plan"]["remediation"] == "clean_disk"

    assert "not the one that was looked at" in aiops("approve", incident, "--digest", "0000", code=3).stderr
    aiops("deny", incident, "--why", "not on this machine")
    assert "nothing waits" in aiops("approve", incident, code=3).stderr
    made = json.loads(aiops("plan", incident, "--json").stdout)
    assert made["hosts"]
    assert aiops("incidents", "--text", "not on this machine", code=1).stdout.count(incident) == 1
    assert not asking.events(type="remediation.started")


def test_what_is_asked_for_wrongly_says_what_to_do(asking: System) -> None:
    assert "there are: " in aiops("sweep", "dsik", "--wait", "5", code=4).stderr + json.dumps(
        asking.events(type="step.failed")
    )
    assert "aiops incidents" in aiops("show", "inc-20260101-nothere", code=2).stderr
    assert "neither 30m" in aiops("incidents", "--since", "yesterday", code=2).stderr


def test_the_catalogue_is_listed_with_its_ways_back_and_older_names(asking: System) -> None:
    lines = [line for line in aiops("playbooks").stdout.splitlines()[1:] if line and line[0] != " "]
    rows = {line.split()[0]: line for line in lines if "has no way back:" not in line}
    assert "audit_ct" in rows["audit_host"]
    assert "wazuh_manager_restore" in rows["restore_removed_package"]
    assert "undo_harden_ssh" in rows["harden_ssh"]
    assert "human, typed" in rows["decommission"]
    assert "nothing" in rows["restart_service"]


def test_an_undo_without_a_repair_and_a_request_with_a_wrong_value_are_refused(asking: System) -> None:
    incident = waiting(asking)["id"]
    assert "was never repaired" in aiops("undo", incident, code=3).stderr
    host = json.loads(aiops("show", incident, "--json", code=1).stdout)["incident"]["findings"][0]["host"]
    assert "must be a whole number" in aiops("request", "audit_host", host, "--set", "hours=x", code=3).stderr
    made = json.loads(aiops("request", "restart_service", host, "--set", "unit=cron.service", "--json").stdout)
    assert (made["remediation"], made["params"]["unit"]) == ("restart_service", "cron.service")
    aiops("deny", made["incident"])
    assert json.loads(aiops("show", made["incident"], "--json").stdout)["incident"]["state"] == "resolved"


def test_every_answer_can_be_json(asking: System) -> None:
    for words in (("playbooks",), ("schedule",), ("settings",), ("thaw",)):
        assert json.loads(aiops(*words, "--json").stdout) is not None
    doctor = json.loads(aiops("doctor", "--json", code=1).stdout)
    assert {line["check"]: line["ok"] for line in doctor}["redis"]
    assert not {line["check"]: line["ok"] for line in doctor}["workers"]  # triage is not started here, and that is said


def test_settings_are_shown_without_a_secret_and_wrong_ones_are_refused(asking: System) -> None:
    passwords = [file.read_text().strip() for file in (asking.local.folder / "redis").glob("*.password")]
    shown = aiops("settings").stdout + aiops("settings", "--json").stdout
    assert len(passwords) > len(WORKERS)
    assert not [password for password in passwords if password in shown]
    assert "password_file" in shown
    assert "unknown: AIOPS_REDDIS__URL" in aiops("settings", code=2, AIOPS_REDDIS__URL="x").stderr
    assert "redis.url" in aiops("settings", code=2, AIOPS_REDIS__URL="redis://:secret@h/0").stderr
    broken = asking.local.folder / "broken.toml"
    broken.write_text("[redis]\nulr = 'x'\n")
    said = aiops("settings", code=2, AIOPS_CONFIG=str(broken)).stderr
    assert "redis.ulr" in said
    assert "Traceback" not in said


def test_with_the_servers_gone_the_command_says_so(tmp_path: Path) -> None:
    config = tmp_path / "aiops.toml"
    config.write_text(f'state = "{tmp_path}"\n[redis]\nurl = "redis://127.0.0.1:1/0"\n')
    said = json.loads(aiops("doctor", "--json", code=1, AIOPS_CONFIG=str(config)).stdout)
    assert not {line["check"]: line["ok"] for line in said}["redis"]
