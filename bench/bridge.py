"""What it costs to mirror an outcome to MQTT: our bridge against a receiver of Celery's events, in processor time, in the same run.

    python -m bench.bridge [--outcomes 2000] [--runs 5]

The bridge is the real process. The receiver is the usual way and does as little as it can: it hears the four events of a task that Celery
sends (sent, received, started, succeeded), all of which cross the wire, and publishes one message for the last of them at QoS 1.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from celery import Celery
from paho.mqtt.enums import CallbackAPIVersion
from redis import Redis

from aiops import bootstrap
from aiops.domain.event import Event
from aiops.domain.severity import Severity
from aiops.settings import load_settings
from tasks.local import Local

GOAL = 8.0
TOLD = ("task-sent", "task-received", "task-started", "task-succeeded")
_WITHIN = 120.0


def main() -> None:
    """Both ways in turn; prints microseconds of processor an outcome, and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--outcomes", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--receive", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.receive:
        receive(options.receive)
        return
    with tempfile.TemporaryDirectory(prefix="aiops-bench-") as folder:
        local = Local(Path(folder), only=("bridge",))
        try:
            local.start()
            os.environ["AIOPS_CONFIG"] = str(local.config)
            ours, theirs = [], []
            for _ in range(options.runs):
                ours.append(bridge(local, options.outcomes))
                theirs.append(receiver(local, options.outcomes))
        finally:
            local.stop()
    ratio = statistics.median(theirs) / statistics.median(ours)
    print(
        f"bridge: {statistics.median(ours):.0f} us an outcome ({', '.join(f'{one:.0f}' for one in ours)}); Celery's events: "
        f"{statistics.median(theirs):.0f} us ({', '.join(f'{one:.0f}' for one in theirs)}); "
        f"{ratio:.1f} times cheaper (goal {GOAL:g})"
    )


def bridge(local: Local, outcomes: int) -> float:
    """Microseconds of the bridge's processor for an outcome, from the stream to the broker's acknowledgement."""
    (child,) = local.children
    pid = child.process.pid if child.process else 0
    log = bootstrap.events(load_settings())
    with Redis.from_url(local.redis_url, decode_responses=True) as client:
        _until(lambda: bool(client.exists("aiops.pulse.bridge")), "the bridge is up")
        log.publish(_outcome(-1))
        _until(lambda: _caught_up(client), "the bridge has told of everything")
        before = _processor(pid)
        for number in range(outcomes):
            log.publish(_outcome(number))
        _until(lambda: _caught_up(client), "the bridge has told of everything")
    return 1e6 * (_processor(pid) - before) / outcomes


def _outcome(number: int) -> Event:
    return Event(
        source="remediation",
        cron="guardian-workers",
        severity=Severity.INFO,
        timestamp=datetime.now(UTC),
        host="ct201",
        symptom="nginx.service runs again",
        type="remediation.ended",
        context={"incident": f"inc-{number}", "playbook": "restart_service", "outcome": "success"},
    )


def _caught_up(client: "Redis") -> bool:
    stream: Any = client.xinfo_stream("aiops:events")
    return bool(client.get("aiops:events:cursor") == stream["last-generated-id"])


def receiver(local: Local, outcomes: int) -> float:
    """The same for a receiver of Celery's events in a process of its own."""
    environment = {**os.environ, "BENCH_REDIS": local.redis_url, "BENCH_MQTT": str(local.mqtt_port)}
    words = [sys.executable, "-m", "bench.bridge", "--receive", str(outcomes)]
    process = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True)
    app = Celery("bench", broker=local.redis_url, set_as_current=False)
    with process, app.connection_for_write() as connection, Redis.from_url(local.redis_url) as client:
        channel = "/0.celeryev/*"
        _until(lambda: client.pubsub_numpat() > 0, f"somebody hears {channel}")
        dispatcher = app.events.Dispatcher(connection)
        for number in range(outcomes):
            task = str(uuid.uuid4())
            for kind in TOLD:
                dispatcher.send(kind, uuid=task, name="remediate", result=f"inc-{number}", runtime=0.1, retries=0)
        said = process.stdout.read() if process.stdout else ""
    return float(said)


def receive(outcomes: int) -> None:
    """Mirror what ``receiver`` sends; prints microseconds of processor an outcome."""
    app = Celery("bench", broker=os.environ["BENCH_REDIS"])
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", int(os.environ["BENCH_MQTT"]))
    client.loop_start()
    sent: list[paho.MQTTMessageInfo] = []
    began: list[float] = []

    def told(event: dict[str, Any]) -> None:
        if not began:
            began.append(time.process_time())
        if event["type"] == "task-succeeded":
            sent.append(client.publish("bench/outcome", json.dumps(event), qos=1))
            if len(sent) == outcomes:
                source.should_stop = True

    with app.connection_for_read() as connection:
        source: Any = app.events.Receiver(connection, handlers={"*": told})
        source.capture(limit=None, timeout=_WITHIN, wakeup=False)
    for info in sent:
        info.wait_for_publish(_WITHIN)
    print(1e6 * (time.process_time() - began[0]) / outcomes)
    client.disconnect()
    client.loop_stop()


def _processor(pid: int) -> float:
    words = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def _until(there: Any, what: str) -> None:
    deadline = time.monotonic() + _WITHIN
    while not there():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.02)


if __name__ == "__main__":
    main()
