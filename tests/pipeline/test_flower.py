"""Flower beside the running system: nobody looks without a password, remediation is seen, and nothing can be caused."""

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aiops.domain.plan import SignedPlan
from tasks.local import free_port
from tests.browser import Browser
from tests.system import System

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def port() -> int:
    return free_port(0)


@pytest.fixture(scope="module")
def system(start_system: Callable[..., System], port: int) -> System:
    started = start_system(only=("detect", "incidents", "remediation"), flower_port=port)
    started.wait_online("detect", "incidents", "remediation")
    started.wait_for(started.client.pubsub_numpat, 60, "Flower listens")
    return started


def password(system: System) -> str:
    return (system.local.folder / "keys" / "flower").read_text(encoding="utf-8").strip()


def ask(port: int, path: str, given: str = "", method: str = "GET") -> tuple[int, str]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method)
    if given:
        request.add_header("Authorization", "Basic " + base64.b64encode(f"aiops:{given}".encode()).decode())
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - as above
            return answer.status, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")


@pytest.mark.parametrize("path", ["/", "/workers", "/tasks", "/broker", "/api/tasks", "/api/workers", "/task/x"])
@pytest.mark.parametrize("given", ["", "wrong"])
def test_nobody_looks_without_the_password(system: System, port: int, path: str, given: str) -> None:
    assert ask(port, path, given)[0] == 401


def test_the_password_is_in_no_command_line_and_its_file_is_ours_alone(system: System) -> None:
    secret = password(system)
    assert (system.local.folder / "keys" / "flower").stat().st_mode & 0o077 == 0
    (child,) = [one for one in system.local.children if one.name == "flower"]
    assert child.process
    said = Path(f"/proc/{child.process.pid}/cmdline").read_bytes()
    assert secret.encode() not in said
    assert b"flower" in said


def seen(system: System, port: int) -> dict[str, Any]:
    status, text = ask(port, "/api/tasks?limit=1000", password(system))
    assert status == 200
    return {one["name"]: one for one in json.loads(text).values()}


def test_what_remediation_does_is_seen_with_its_worker_and_its_incident(system: System, port: int) -> None:
    forged = SignedPlan(payload="{}", signature="00", key="0" * 16, incident="inc-20261123-abcdef")
    system.producer().send_task("remediate", args=(forged.model_dump(mode="json"),))
    system.producer().send_task("patrol", args=("disk",))
    system.wait_for(lambda: {"remediate", "patrol", "detect"} <= seen(system, port).keys(), 60, "Flower has seen them")
    done = system.wait_for(
        lambda: (found := seen(system, port)["remediate"])["state"] == "SUCCESS" and found, 60, "the refusal is done"
    )
    assert "remediation" in str(done["worker"])
    assert "inc-20261123-abcdef" in str(done["args"])


@pytest.mark.parametrize(
    "path",
    [
        "/api/task/async-apply/remediate",
        "/api/task/send-task/remediate",
        "/api/task/apply/freeze",
        "/api/task/revoke/x?terminate=true",
        "/api/worker/shutdown/x",
        "/api/worker/pool/restart/x",
        "/api/worker/queue/add-consumer/x?queue=remediation",
    ],
)
def test_nothing_can_be_caused_with_the_password_either(system: System, port: int, path: str) -> None:
    status, _ = ask(port, path, password(system), "POST")
    assert status in {403, 404, 405}


@pytest.mark.chromium
def test_a_browser_shows_it_without_a_complaint_and_by_keyboard(system: System, port: int, tmp_path: Path) -> None:
    with Browser(tmp_path / "profile") as browser:
        tab = browser.tab()
        tab.call("Network.setExtraHTTPHeaders", headers={"Authorization": _basic(system)})
        for width in (1440, 375):
            for page in ("workers", "tasks"):
                tab.show(f"http://127.0.0.1:{port}/{page}", width)
                tab.wait_for("document.querySelectorAll('table tbody tr').length > 0")
                assert tab.overflow() <= 0, (page, width)
                assert [url for url in tab.asked if not url.startswith((f"http://127.0.0.1:{port}/", "data:"))] == []
        assert tab.complaints == []
        tab.show(f"http://127.0.0.1:{port}/workers", 1440)
        assert {"Workers", "Tasks", "Broker"} <= set(tab.reached(8))
        assert tab.picture(tmp_path / "flower.png") > 10_000


def test_what_it_has_seen_survives_a_restart(system: System, port: int) -> None:
    before = seen(system, port)
    (child,) = [one for one in system.local.children if one.name == "flower"]
    assert child.process
    old = child.process
    old.terminate()
    old.wait(30)
    system.wait_for(lambda: (system.local.watch(), child.process is not old)[1], 60, "the supervisor starts it again")
    system.wait_for(lambda: _answers(port), 60, "it listens")
    assert seen(system, port).keys() >= before.keys() >= {"remediate"}


def _answers(port: int) -> bool:
    try:
        return ask(port, "/")[0] == 401
    except urllib.error.URLError:
        return False


def _basic(system: System) -> str:
    return "Basic " + base64.b64encode(f"aiops:{password(system)}".encode()).decode()
