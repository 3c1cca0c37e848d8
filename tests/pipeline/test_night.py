"""In from outside and the night work, as processes: what arrives becomes a finding or a message, and nothing else."""

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from aiops import bootstrap
from aiops.adapters.cloudflare_kv import check
from aiops.adapters.feeds import parse
from aiops.adapters.night_book import SqliteNightBook
from aiops.adapters.signed_post import signed_post
from aiops.adapters.usage_db import read_usage
from aiops.errors import BusError, RefusedError
from aiops.ports import IncidentLedger
from tasks.queues import QUEUES
from tests.night.feed_server import FEEDS, Strangers
from tests.night.kv import ACCOUNT, NAMESPACE, TOKEN, Kv
from tests.night.test_brief import Asker
from tests.night.usage import usage_db
from tests.servers import Subscriber
from tests.system import System

pytestmark = pytest.mark.slow

KEY = "a-shared-key-of-the-test"


@pytest.fixture(scope="module")
def strangers() -> Iterator[Strangers]:
    server = Strangers()
    server.file("/rss", "rss2.xml")
    yield server
    server.close()


@pytest.fixture(scope="module")
def kv() -> Iterator[Kv]:
    server = Kv()
    yield server
    server.close()


@pytest.fixture(scope="module")
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def system(
    start_system: Callable[..., System],
    strangers: Strangers,
    kv: Kv,
    port: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> System:
    folder = tmp_path_factory.mktemp("given")
    (folder / "key").write_text(KEY, encoding="utf-8")
    (folder / "token").write_text(TOKEN, encoding="utf-8")
    (folder / "hosts.yml").write_text("all: {hosts: {ct201: {ansible_host: 10.0.0.201}}}\n", encoding="utf-8")
    extra = f"""
[fleet]
inventory = "{folder}/hosts.yml"
[ingest]
port = {port}
[ingest.sources.laptop]
form = "usage"
key_file = "{folder}/key"
[site]
api = "{kv.url}"
account = "{ACCOUNT}"
namespace = "{NAMESPACE}"
token_file = "{folder}/token"
[ingest.sources.script]
form = "generic"
key_file = "{folder}/key"
[brief]
on = true
per_minute = 600
[feeds]
urls = ["{strangers.url("/rss")}", "http://localhost:1/private"]
private = ["127.0.0.2/32"]
"""
    started = start_system(only=("incidents", "triage", "night"), extra=extra)
    started.wait_online("incidents", "triage", "night")
    return started


@pytest.fixture
def ledger(system: System) -> IncidentLedger:
    return bootstrap.incidents(system.settings).ledger


def tell(system: System, port: int, **alert: str) -> None:
    def posted() -> bool:
        try:
            signed_post(f"http://127.0.0.1:{port}/hook/script", KEY, {"name": "ups", "host": "ct201", **alert})
        except BusError:
            return False  # it is still starting
        return True

    system.wait_for(posted, 40, "ingest listens")


def test_a_signed_webhook_opens_an_incident_and_its_end_closes_it(
    system: System, ledger: IncidentLedger, port: int
) -> None:
    tell(system, port, summary="on battery")
    (incident,) = system.wait_for(lambda: ledger.search(text="on battery"), 40, "the incident")
    assert incident.hosts == ("ct201",)
    tell(system, port, summary="on battery", status="resolved")
    system.wait_for(lambda: ledger.get(incident.id).resolved_at, 40, "the end")


def test_a_host_that_nobody_knows_is_refused_at_the_door(system: System, port: int) -> None:
    tell(system, port, summary="warm up", status="resolved")
    with pytest.raises(RefusedError, match="no host of the inventory"):
        tell(system, port, host="stranger")


def test_feeds_are_read_and_told_once_without_any_model(system: System, strangers: Strangers) -> None:
    keys = [item.key for item in parse(strangers.url("/rss"), (FEEDS / "rss2.xml").read_bytes())]
    book = SqliteNightBook(system.settings.state / "night.sqlite")

    def digests() -> list[dict[str, Any]]:
        return system.events(type="night.report", cron="guardian-rss-digest")

    system.producer().send_task("read_feeds", queue="night", ignore_result=True)
    told = system.wait_for(digests, 40, "the digest")
    assert told[0]["symptom"] == "feeds: 2 new, not weighed: no model answered"
    assert told[0]["context"]["lines"][0].startswith("OpenSSH 10.4 & its fixes (Fleet News)")
    assert "not an address of the public internet" in told[0]["context"]["lines"][-1]
    system.wait_for(lambda: not book.untold(keys), 40, "they count as told")
    system.producer().send_task("read_feeds", queue="night", ignore_result=True)
    again = system.wait_for(lambda: digests()[1:], 40, "what could not be read is said again")
    assert again[0]["symptom"] == "feeds: 0 new"


def test_the_sums_of_the_workstation_reach_the_site(system: System, kv: Kv, port: int, tmp_path: Path) -> None:
    sums = read_usage(
        usage_db(tmp_path / "usage.db", ("2026-11-20T10:00:00Z", "2026-11-20T12:00:00Z", 100, 50, 800, 100))
    )

    def sent() -> bool:
        try:
            signed_post(f"http://127.0.0.1:{port}/hook/laptop", KEY, sums.model_dump(mode="json"))
        except BusError:
            return False  # it is still starting
        return True

    system.wait_for(sent, 40, "ingest listens")
    system.producer().send_task("site_metrics", queue="incidents", ignore_result=True)
    system.wait_for(lambda: {"stats", "status"} <= set(kv.values), 40, "both values are pushed")
    for key in ("stats", "status"):
        check(key, kv.json(key))
    assert kv.json("stats")["stats"]["claude_cache_hit"] == 80.0
    assert kv.json("stats")["stats"]["claude_stale"] is False
    system.wait_for(
        lambda: system.events(type="night.report", cron="guardian-site-metrics"), 40, "what changed is told"
    )


def test_a_report_by_hand_is_told_as_every_message_is(system: System) -> None:
    system.producer().send_task("daily_report", queue="incidents", ignore_result=True)
    daily = system.wait_for(lambda: system.events(type="night.report", cron="guardian-daily-report"), 40, "the report")
    assert daily[0]["context"]["lines"][0].startswith("seen ")


def brief(system: System) -> int:
    """The process id of what answers other agents."""
    (child,) = [child for child in system.local.children if child.name == "brief"]
    assert child.process
    return int(next(iter(_tree(child.process.pid))))


def _tree(pid: int) -> Iterator[int]:
    """The process and its children: the supervisor starts them behind one that ends with it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for child in children:
        yield from _tree(int(child))
    yield pid


def peers(pid: int) -> set[int]:
    """The remote ports of every connection that the process holds, as the kernel sees it."""
    own = {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()}
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {int(row[2].rpartition(":")[2], 16) for row in rows if f"socket:[{row[9]}]" in own}


def test_no_task_can_be_caused_over_mqtt_by_what_answers_there(system: System) -> None:
    asker = Asker(system.local.mqtt_port, system.settings.mqtt.prefix)
    with Subscriber(system.local.mqtt_port, f"{system.settings.mqtt.prefix}/agents/reply") as reply:

        def ready() -> Any:
            asker.ask(b'{"id": "ready", "ask": "schedule"}')
            return reply.wait(bool, 0.2)

        system.wait_for(ready, 40, "the desk is open")
        before, events = len(reply.heard), len(system.events())
        names = [task for tasks in QUEUES.values() for task in tasks]
        for name in names:
            asker.ask(json.dumps({"id": "x", "ask": name, "task": name, "args": [], "kwargs": {}}).encode())
        heard = reply.wait(lambda heard: len(heard) >= before + len(names), 40)[before:]
        refused = [json.loads(one.payload) for one in heard if json.loads(one.payload)["id"] == ""]
        assert len(refused) == len(names)
        assert not any(one["ok"] for one in refused)
    asker.close()
    caused = [
        event for event in system.events()[events:] if event["type"] in {"message.refused", "freeze.set", "plan.made"}
    ]
    assert caused == []
    # Not by good behaviour alone: the process has a connection to the broker, and none to Redis.
    connected = peers(brief(system))
    assert system.local.mqtt_port in connected
    assert system.local.redis_port not in connected
