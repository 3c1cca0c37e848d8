"""hermes-health against a real MQTT broker and a server that speaks the shape of Telegram's Bot API."""

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from aiops.adapters.mqtt import MqttAddress
from aiops.domain.fact import iso
from tests.servers import free_port
from workers import hermes_health

PROGRAM = Path(hermes_health.__file__)
TOKEN = "123456:a-token-of-a-test"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()
TOPIC = "pixelium/worker/incidents/state"


class BotApi:
    """``sendMessage`` as Telegram answers it, and a topic of ntfy."""

    def __init__(self) -> None:
        api = self
        self.messages: list[dict[str, Any]] = []
        self.pushed: list[str] = []
        self.pinged: list[str] = []
        self.broken = False

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if api.broken:
                    return self.answer(502, {"ok": False, "error_code": 502, "description": "Bad Gateway"})
                if self.path.startswith("/ping"):
                    api.pinged.append(self.path)
                    return self.answer(200, {})
                if self.path == "/hermes":
                    api.pushed.append(body.decode())
                    return self.answer(200, {})
                if self.path != f"/bot{TOKEN}/sendMessage":
                    return self.answer(401, {"ok": False, "error_code": 401, "description": "Unauthorized"})
                sent = json.loads(body)
                if sent["chat_id"] != "4711":
                    return self.answer(400, {"ok": False, "error_code": 400, "description": "chat not found"})
                api.messages.append(sent)
                result = {"message_id": len(api.messages), "date": 0, "chat": {"id": 4711, "type": "private"}}
                return self.answer(200, {"ok": True, "result": {**result, "text": sent["text"]}})

            def answer(self, status: int, body: dict[str, Any]) -> None:
                text = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def api() -> Iterator[BotApi]:
    served = BotApi()
    yield served
    served.server.shutdown()
    served.server.server_close()


class Outpost:
    """The program's side: its settings, its memory, and a clock."""

    def __init__(self, folder: Path, port: int, api: BotApi) -> None:
        token = folder / "token"
        token.write_text(TOKEN + "\n", encoding="utf-8")
        self.now, self.port = NOON, port
        self.settings: dict[str, Any] = {
            "mqtt": {"host": "127.0.0.1", "port": port},
            "hermes_health": {
                "record": str(folder / "var" / "state.json"),
                "telegram_api": api.url,
                "telegram_token_file": str(token),
                "telegram_chat": "4711",
            },
        }

    def hermes_says(self, state: str, reason: str) -> None:
        """What the incidents worker retains."""
        client = paho.Client(CallbackAPIVersion.VERSION2)
        client.connect("127.0.0.1", self.port)
        client.loop_start()
        said = json.dumps({"state": state, "name": "incidents", "at": "2026-11-23T11:00:00.000Z", "reason": reason})
        client.publish(TOPIC, said, qos=1, retain=True).wait_for_publish(10)
        client.disconnect()
        client.loop_stop()

    def swept(self) -> None:
        self.hermes_says("online", f"last sweep {iso(datetime.fromtimestamp(self.now - 60, UTC))}")

    def run(self, minutes: float = 15) -> int:
        self.now += minutes * 60
        return hermes_health.run(self.settings, self.now)[0]


@pytest.fixture
def outpost(tmp_path: Path, mqtt_address: MqttAddress, api: BotApi) -> Iterator[Outpost]:
    made = Outpost(tmp_path, mqtt_address.port, api)
    yield made
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", mqtt_address.port)
    client.loop_start()
    client.publish(TOPIC, b"", qos=1, retain=True).wait_for_publish(10)
    client.disconnect()
    client.loop_stop()


def test_while_hermes_sweeps_nobody_is_told(outpost: Outpost, api: BotApi) -> None:
    for _ in range(8):
        outpost.swept()
        assert outpost.run() == hermes_health.FINE
    assert api.messages == []


def test_a_dead_hermes_is_told_once_and_told_again_when_it_is_back(outpost: Outpost, api: BotApi) -> None:
    outpost.swept()
    outpost.run(1)
    outpost.hermes_says("offline", "connection lost")
    assert [outpost.run() for _ in range(5)] == [0, 0, 1, 1, 1]
    (message,) = api.messages
    assert message["chat_id"] == "4711"
    assert message["text"].startswith("hermes has been silent for 45 min; its last words: offline connection lost")

    outpost.swept()
    assert outpost.run() == hermes_health.FINE
    assert "hermes is back" in api.messages[1]["text"]
    outpost.swept()
    outpost.run()
    assert len(api.messages) == 2


@pytest.mark.parametrize(
    ("state", "reason"),
    [("online", "last sweep 2026-11-23T11:58:00.000Z"), ("online", "no sweep yet"), ("degraded", "redis is gone")],
)
def test_who_says_nothing_new_is_silent_too(outpost: Outpost, api: BotApi, state: str, reason: str) -> None:
    outpost.hermes_says(state, reason)
    assert [outpost.run() for _ in range(4)][-1] == hermes_health.SILENT
    assert reason in api.messages[0]["text"]


def test_a_broker_that_is_gone_is_no_reason_to_be_calm(outpost: Outpost, api: BotApi) -> None:
    outpost.settings["mqtt"]["port"] = free_port()
    assert [outpost.run() for _ in range(4)][-1] == hermes_health.SILENT
    assert "the broker does not answer" in api.messages[0]["text"]


def test_a_hermes_whose_clock_is_two_hours_off_is_alive(outpost: Outpost, api: BotApi) -> None:
    for _ in range(8):
        outpost.hermes_says("online", f"last sweep {iso(datetime.fromtimestamp(outpost.now - 7200, UTC))}")
        assert outpost.run() == hermes_health.FINE
    assert api.messages == []


def test_a_message_that_could_not_be_sent_is_sent_next_time(
    outpost: Outpost, api: BotApi, capsys: pytest.CaptureFixture[str]
) -> None:
    outpost.swept()
    outpost.run(1)
    api.broken = True
    outpost.hermes_says("offline", "connection lost")
    assert outpost.run(40) == hermes_health.UNTOLD
    api.broken = False
    assert outpost.run() == hermes_health.SILENT
    assert len(api.messages) == 1
    assert TOKEN not in capsys.readouterr().err


def test_a_second_way_reaches_the_human_when_the_first_does_not(outpost: Outpost, api: BotApi) -> None:
    outpost.settings["hermes_health"] |= {"telegram_chat": "nobody", "ntfy_url": f"{api.url}/hermes"}
    assert [outpost.run() for _ in range(4)][-1] == hermes_health.SILENT
    assert (len(api.messages), len(api.pushed)) == (0, 1)


def test_its_own_external_watcher_hears_how_it_went(outpost: Outpost, api: BotApi) -> None:
    outpost.settings["hermes_health"]["ping_url"] = f"{api.url}/ping/hermes-health"
    outpost.swept()
    outpost.run(1)
    outpost.run(45)
    assert api.pinged == ["/ping/hermes-health", "/ping/hermes-health/fail"]


def test_the_program_needs_nothing_but_the_standard_library(outpost: Outpost, api: BotApi, tmp_path: Path) -> None:
    health, mqtt = outpost.settings["hermes_health"], outpost.settings["mqtt"]
    lines = ["[mqtt]", *[f"{key} = {json.dumps(value)}" for key, value in mqtt.items()]]
    lines += ["[hermes_health]", *[f"{key} = {json.dumps(value)}" for key, value in health.items()]]
    (tmp_path / "aiops.toml").write_text("\n".join(lines), encoding="utf-8")
    outpost.now = datetime.now(UTC).timestamp()
    outpost.swept()
    # -S: no site-packages at all; -I: no environment, no folder of the script.
    command = [shutil.which("python3") or sys.executable, "-I", "-S", str(PROGRAM)]
    done = subprocess.run(
        command,
        env={"AIOPS_CONFIG": str(tmp_path / "aiops.toml")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("hermes works; its last words: online last sweep")


@pytest.mark.parametrize("text", ["", "[mqtt]\nhost = 'x'\n", "not toml"])
def test_settings_that_could_tell_nobody_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "aiops.toml").write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-I", str(PROGRAM)],
        env={"AIOPS_CONFIG": str(tmp_path / "aiops.toml")},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == hermes_health.USAGE
