"""No secret of ours leaves its file: a whole repair, a question to a model and a message to the human, with servers that repeat
what they were shown, and then everything that can be read is read.
"""

import gzip
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from aiops.domain.finding import Finding
from aiops.domain.incident import State
from aiops.domain.severity import Severity
from aiops.domain.sweep import Patrol, Sweep
from tests.faults.hosts import Hosts, serving
from tests.faults.site import PATIENCE, ROOT, Site
from tests.llm.provider import Provider, provider
from tests.secrecy import Watch, marks
from tests.voice.telegram_server import DIRECT, GROUP, TOKEN, Telegram
from tests.voice.telegram_server import running as telegram_running

pytestmark = [pytest.mark.root, pytest.mark.litellm, pytest.mark.timeout(600)]

PLANTED = {
    "telegram_token": TOKEN,
    "groq_key": "gsk_4vQeT9mZr2LhXs7WbYp1",
    "minimax_key": "mm-8Hd2kPw5RtGz3NqVc6Ju",
    "loki_token": "glc_1FsB7yKx9DvMj4EoTa2L",
    "metrics_token": "vm-6UcRi3SgWn8QbZe5HpX",
}


@dataclass
class Parrot:
    """Refuses every request and repeats what it was shown in its header and in its answer."""

    base: str = ""
    asked: list[str] = field(default_factory=list)


@contextmanager
def parrot() -> Iterator[Parrot]:
    state = Parrot()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            shown = self.headers.get("Authorization", "")
            state.asked.append(shown)
            body = f"the credential {shown!r} is not good enough".encode()
            self.send_response(403)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.base = f"http://127.0.0.1:{server.server_address[1]}"
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield state
        server.shutdown()
        thread.join()


@dataclass
class Stage:
    """The system, whom it talks to, and who reads along."""

    site: Site
    telegram: Telegram
    models: dict[str, Provider]
    parrot: Parrot
    secrets: dict[str, Path]
    watch: Watch

    def aiops(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "tasks.cli", *words],
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=120,
            check=False,
            env={**os.environ, "AIOPS_CONFIG": str(self.site.local.config)},
        )
        return done.stdout + done.stderr

    def find(self, host: str) -> str:
        """Something is found that nobody knows a fix for; returns its incident once a model was asked."""
        now = datetime.now(UTC)
        finding = Finding(
            kind="moon.full",
            detector="moon",
            host=host,
            subject="moon",
            severity=Severity.CRITICAL,
            summary="the moon is full",
            seen_at=now,
        )
        patrol = Patrol(sweep=f"sweep-{host}", detectors=("moon",), hosts=(host,), requested_at=now)
        looked_at = {host: ("moon.full",)}
        sweep = Sweep(patrol=patrol, findings=(finding,), looked_at=looked_at, started_at=now, finished_at=now)
        self.site.producer.send_task("correlate", args=[sweep.model_dump(mode="json")])
        asked = self.site.until(lambda: self.events("llm.asked"), PATIENCE, "a model is asked")
        return str(asked[-1]["incident"])

    def events(self, kind: str) -> list[dict[str, Any]]:
        entries: Any = self.site.client.xrange("aiops:events")
        found = [json.loads(fields[b"payload"]) for _, fields in entries]
        return [one for one in found if one.get("type") == kind]


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    folder = tmp_path / "secrets"
    folder.mkdir(mode=0o700)
    # Short: the path of a socket has at most 108 bytes.
    moment = Path(tempfile.mkdtemp(prefix="m"))
    for name, secret in PLANTED.items():
        (folder / name).write_text(secret)
    monkeypatch.setenv("TMPDIR", str(moment))
    with (
        telegram_running() as telegram,
        provider("minimax") as refuses,
        provider("groq") as answers,
        parrot() as echoing,
        serving(Hosts(tmp_path / "fleet", 2, timeout=60)) as hosts,
    ):
        extra = f"""
[telegram]
token_file = "{folder}/telegram_token"
group = {GROUP}
direct = {DIRECT}
users = [11]
api = "{telegram.api}"
[llm]
seconds = 60
deadline = 200
[[llm.providers]]
name = "minimax"
api_base = "{refuses.base}"
key_file = "{folder}/minimax_key"
[[llm.providers]]
name = "groq"
api_base = "{answers.base}"
key_file = "{folder}/groq_key"
[loki]
url = "{echoing.base}"
token_file = "{folder}/loki_token"
[metrics]
url = "{echoing.base}"
token_file = "{folder}/metrics_token"
[[metrics.queries]]
name = "up"
query = "up"
limit = 1
beyond = "below"
"""
        refuses.status, refuses.body = 401, json.dumps({"error": {"message": f"bad key {PLANTED['minimax_key']}"}})
        answers.content = json.dumps(
            {
                "action": "ask_human",
                "playbook": "none",
                "reason": "Somebody has to look.",
                "confidence": "low",
                "evidence": [],
            }
        )
        site = Site(tmp_path / "system", hosts, start_within=300, extra=extra)
        try:
            site.start()
            secrets = {name: folder / name for name in PLANTED} | _of_the_system(site, hosts)
            with Watch({name: marks(file) for name, file in secrets.items()}, moment) as watch:
                yield Stage(site, telegram, {"minimax": refuses, "groq": answers}, echoing, secrets, watch)
        finally:
            site.stop()
            shutil.rmtree(moment)


def _of_the_system(site: Site, hosts: Hosts) -> dict[str, Path]:
    keys = [path for path in (site.local.folder / "keys").iterdir() if path.is_file() and path.suffix != ".pub"]
    passwords = (site.local.folder / "redis").glob("*.password")
    return {f"{path.parent.name}/{path.name}": path for path in (*keys, *passwords, hosts.key)}


def test_no_secret_leaves_its_file(stage: Stage) -> None:
    site = stage.site
    # The bot API repeats the token in an error, once.
    stage.telegram.faults.append(f"400 Bad Request: bot {TOKEN} may not do that")
    site.break_("ct1")
    site.sweep("ct1")
    site.producer.send_task("patrol", args=(["logs", "metrics"],), queue="detect")
    stage.find("ct2")
    ended = site.until(lambda: site.ended("ct1"), PATIENCE, "ct1 ends")
    site.until(lambda: len(stage.parrot.asked) >= 2, PATIENCE, "logs and metrics were asked")
    stage.telegram.wait(1, seconds=PATIENCE)
    site.evidence()

    commands = (
        "settings",
        "settings --json",
        "doctor --json",
        "incidents --json",
        f"show {ended.id} --json",
        "cost --json",
    )
    said = {words: stage.aiops(*words.split()) for words in commands}

    # All of it happened: a repair, two models, a message, two sources that repeated what they were shown.
    assert ended.state is State.RESOLVED
    assert [bool(one.requests) for one in stage.models.values()] == [True, True]
    assert {word.split()[-1] for word in stage.parrot.asked} == {PLANTED["loki_token"], PLANTED["metrics_token"]}
    assert any("ansible-playbook" in name for name in stage.watch.seen)
    assert len(stage.secrets) > 15
    for words, text in said.items():
        stage.watch.check(f"aiops {words}", text.encode())
    for name, model in stage.models.items():
        stage.watch.check(f"a prompt to {name}", json.dumps(model.requests).encode())
    stage.watch.check("messages to the human", json.dumps([stage.telegram.sent, stage.telegram.edits]).encode())
    for heard in site.heard.wait(lambda _: True):
        stage.watch.check(f"MQTT {heard.topic}", f"{heard.payload}".encode())
    stage.watch.check("the event stream", repr(site.client.xrange("aiops:events")).encode())
    stage.watch.files(site.local.folder, but=stage.secrets.values())
    assert stage.watch.found == set()


def test_what_is_read_would_be_found(tmp_path: Path) -> None:
    """The reading itself: a secret in each kind of place is found, and named by its place."""
    moment, folder = tmp_path / "moment", tmp_path / "folder"
    moment.mkdir()
    (folder / "deep").mkdir(parents=True)
    (folder / "log").write_text("token=swordfish-0123456789")
    (folder / "old.gz").write_bytes(gzip.compress(b"swordfish-0123456789"))
    (folder / "own").write_text("swordfish-0123456789")
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as database, database:
        database.execute("CREATE TABLE t AS SELECT 'swordfish-0123456789' AS x")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(folder / "deep")]
    subprocess.run([*git, "init", "-q"], check=True)
    (folder / "deep" / "note").write_text("swordfish-0123456789")
    subprocess.run([*git, "add", "note"], check=True)
    subprocess.run([*git, "commit", "-qm", "it"], check=True)
    (folder / "deep" / "note").unlink()
    sleeper = [shutil.which("sleep") or "sleep", "20"]
    with Watch({"fish": [b"swordfish-0123456789"]}, moment) as watch:
        (moment / "env").write_text("swordfish-0123456789")
        with subprocess.Popen([*sleeper], env={"PASSWORD": "swordfish-0123456789"}) as one:
            with subprocess.Popen(
                [sys.executable, "-c", "input()", "swordfish-0123456789"], stdin=subprocess.PIPE
            ) as two:
                _until(lambda: len(watch.found) >= 3)
                two.terminate()
            one.terminate()
    places = {place.partition(" of ")[0] for _, place in watch.found}
    assert places == {"the arguments", "the environment", "a file for a moment, env"}
    watch.found.clear()
    watch.files(folder, but=[folder / "own"])
    assert {place for _, place in watch.found} == {
        "log",
        "old.gz, unpacked",
        "ledger.sqlite",
        "an object of deep/.git",
    }


def _until(look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 15
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.05)
