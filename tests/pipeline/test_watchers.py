"""Kill each part of the running system for longer than its limit: a human sees it, within the time the documentation gives."""

import json
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from aiops import bootstrap
from aiops.adapters.embedded import EmbeddedMqtt
from tests.servers import Heard, Subscriber
from tests.system import System

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

SILENT, LOOK = 6.0, 0.5
SOON = SILENT + LOOK + 5
"""Seconds: the limit, one round of the watchers, and five for the message, as docs/watchers.md says."""
WITHIN = SOON + 30
"""Seconds: the same on a machine that does something else meanwhile. A wait ends as soon as it is over."""


class Outside:
    """An external watcher that speaks the healthchecks protocol."""

    def __init__(self) -> None:
        outside = self
        self.heard: list[tuple[str, str]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                outside.heard.append((self.path, body))
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"OK")

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/ping/aiops"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def last(self) -> tuple[str, str]:
        return self.heard[-1] if self.heard else ("", "")


@pytest.fixture(scope="module")
def outside() -> Iterator[Outside]:
    watcher = Outside()
    yield watcher
    watcher.server.shutdown()
    watcher.server.server_close()


@pytest.fixture(scope="module")
def system(start_system: Callable[..., System], outside: Outside) -> System:
    extra = f"""
[watch]
pulse_seconds = 0.5
silent_seconds = {SILENT}
every_seconds = {LOOK}
ping_seconds = 1
ping_url = "{outside.url}"
"""
    system = start_system(extra=extra)
    system.wait_online("detect", "incidents", "triage", "remediation", "notify")
    system.wait_for(lambda: system.client.exists("aiops.pulse.beat", "aiops.pulse.bridge") == 2, 60, "all live")
    return system


def kill(system: System, name: str) -> None:
    """The process and all of its children, as the kernel does when memory runs out."""
    (child,) = [child for child in system.local.children if child.name == name]
    assert child.process
    os.killpg(child.process.pid, signal.SIGKILL)
    child.process.wait()


def revive(system: System, name: str) -> None:
    (child,) = [child for child in system.local.children if child.name == name]
    child.start()


def told(system: System, words: str) -> list[dict[str, Any]]:
    """What the human was sent."""
    path = system.local.folder / "notifications.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [event for event in map(json.loads, lines) if words in event["symptom"]]


def resolved(system: System, words: str) -> list[dict[str, Any]]:
    return [event for event in system.events(type="incident.resolved") if words in event["symptom"]]


def wait_for_states(system: System, wanted: dict[str, str], seconds: float = WITHIN) -> None:
    """Until a subscriber who comes now sees these retained states."""

    def states(heard: list[Heard]) -> dict[str, str]:
        ours = [one for one in heard if re.fullmatch(r"pixelium/(worker/\w+|bridge)/state", one.topic)]
        last = {one.topic.removeprefix("pixelium/"): json.loads(one.payload)["state"] for one in ours}
        return {topic: state for topic, state in last.items() if topic in wanted}

    with Subscriber(system.local.mqtt_port, "pixelium/+/#") as seen:
        heard = seen.wait(lambda all_heard: states(all_heard) == wanted, seconds)
    assert states(heard) == wanted


def test_while_all_live_the_outside_hears_that_all_is_well(system: System, outside: Outside) -> None:
    system.wait_for(lambda: outside.last()[0] == "/ping/aiops", WITHIN, "a ping")
    assert outside.heard[0][0] == "/ping/aiops/start"
    assert system.events(type="guardian.missed") == []


def test_killed_processes_are_told_to_the_human_and_resolved_when_they_are_back(
    system: System, outside: Outside, say: Callable[[str], None]
) -> None:
    names = ("beat", "bridge", "detect", "triage", "remediation")
    began = time.monotonic()
    for name in names:
        kill(system, name)
    for name in names:
        [*_, event] = system.wait_for(lambda name=name: told(system, name), WITHIN, f"{name} is told")
        assert "no sign of life" in event["symptom"]
    took = time.monotonic() - began
    say(f"{', '.join(names)} killed: the human was told within {took:.1f} s of {SOON:g}")
    assert took > SILENT - 1, "a process that is silent for less than its limit is not dead"
    system.wait_for(lambda: all(name in outside.last()[1] for name in names), WITHIN, "the outside is told")
    assert outside.last()[0].endswith("/fail")
    for name in names:
        revive(system, name)
    for name in names:
        system.wait_for(lambda name=name: resolved(system, name), 60, f"{name} is back")
    system.wait_for(lambda: outside.last()[0] == "/ping/aiops", 60, "all is well again")


def test_a_voice_that_is_dead_is_seen_on_mqtt_and_from_outside(system: System, outside: Outside) -> None:
    kill(system, "notify")
    system.wait_for(lambda: outside.last()[0].endswith("/fail"), WITHIN, "the outside is told")
    assert "the notify worker" in outside.last()[1]
    wait_for_states(system, {"worker/notify/state": "offline", "worker/incidents/state": "degraded"})
    revive(system, "notify")
    system.wait_for(lambda: told(system, "the notify worker"), 60, "the message had waited for its voice")


def test_the_deciding_side_itself_says_offline_by_its_last_will_and_falls_silent_outside(
    system: System, outside: Outside
) -> None:
    system.wait_for(lambda: outside.last()[0] == "/ping/aiops", 60, "all is well again")
    kill(system, "incidents")
    wait_for_states(system, {"worker/incidents/state": "offline"})
    before = len(outside.heard)
    time.sleep(2.5)  # what does not come can only be waited for: two pings and a half
    assert len(outside.heard) == before, "a ping that stays away is what the external watcher waits for"
    revive(system, "incidents")
    system.wait_for(lambda: len(outside.heard) > before, 60, "it pings again")


def test_a_broker_that_is_gone_is_told_and_its_return_brings_every_retained_state_back(
    system: System, outside: Outside, say: Callable[[str], None]
) -> None:
    system.wait_for(lambda: outside.last()[0] == "/ping/aiops", 60, "all is well again")
    before = len(told(system, "bridge"))
    began = time.monotonic()
    gone = system.local._mqtt
    os.kill(gone.pid, signal.SIGKILL)
    gone.stop()
    system.wait_for(lambda: len(told(system, "bridge")) > before, WITHIN, "the human is told")
    say(f"the MQTT broker killed: the human was told within {time.monotonic() - began:.1f} s of {SOON:g}")
    system.local._mqtt = EmbeddedMqtt(gone.folder, gone.port).start()
    names = ("detect", "incidents", "triage", "remediation", "notify")
    wait_for_states(system, {"bridge/state": "online"} | {f"worker/{name}/state": "online" for name in names}, 90)
    system.wait_for(lambda: outside.last()[0] == "/ping/aiops", 60, "all is well again")


def test_a_redis_that_is_gone_is_seen_on_mqtt_and_from_outside(system: System, outside: Outside) -> None:
    system.wait_for(lambda: outside.last()[0] == "/ping/aiops", 60, "all is well again")
    os.kill(system.local._redis.pid, signal.SIGKILL)
    system.wait_for(lambda: outside.last()[0].endswith("/fail"), WITHIN, "the outside is told")
    assert "does not answer" in outside.last()[1]
    wait_for_states(system, {"bridge/state": "degraded", "worker/incidents/state": "degraded"})
    ledger = bootstrap.incidents(system.settings).ledger
    kinds = {finding.kind for incident in ledger.live() for finding in incident.findings}
    assert "watch.bus" in kinds
