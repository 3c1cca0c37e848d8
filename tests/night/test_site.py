"""site-metrics: from the ledger, the inventory, Proxmox and the agent's sums to the two values that the site reads."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from aiops import bootstrap, steps
from aiops.adapters.cloudflare_kv import CloudflareKv, check
from aiops.adapters.json_api import JsonApi
from aiops.adapters.memory_events import MemoryEvents
from aiops.adapters.night_book import SqliteNightBook
from aiops.adapters.proxmox_nodes import ProxmoxNodes
from aiops.domain.host import Host
from aiops.domain.night import Usage
from aiops.domain.severity import Severity
from aiops.errors import BusError, SettingsError
from aiops.ports import NightServices
from aiops.settings import Settings
from tests.contracts.http_services import TOKEN as FORGE_TOKEN
from tests.contracts.http_services import Forgejo, Service, commit, forgejo_refusal, serving
from tests.incident_world import Hosts, World
from tests.night.kv import ACCOUNT, NAMESPACE, TOKEN, Kv

PAGES = {"ct201": "https://photos.lab.example", "ct202": "http://10.0.0.7:3000", "ct203": "https://wiki.lab.example"}
RESOURCES = [
    {"type": "node", "node": "pve1", "status": "online", "cpu": 0.25, "mem": 8, "maxmem": 16, "uptime": 864000},
    {"type": "node", "node": "pve3", "status": "offline"},
    {"type": "node", "node": "pve9", "status": "offline"},
    {"type": "lxc", "node": "pve1", "vmid": 201, "status": "running"},
    {"type": "lxc", "node": "pve1", "vmid": 999, "template": 1},
    {"type": "qemu", "node": "pve1", "vmid": 300, "status": "running"},
]


class Answer:
    """One node's API that gives this."""

    def get(self, path: str, **_: Any) -> Any:
        assert path == "/cluster/resources"
        return RESOURCES


@pytest.fixture
def kv() -> Iterator[Kv]:
    server = Kv()
    yield server
    server.close()


@pytest.fixture
def world(tmp_path: Path) -> World:
    hosts = [Host(name=name, role="web", labels={"http": url}) for name, url in PAGES.items()]
    return World(tmp_path / "decides", inventory=Hosts(*hosts, Host(name="pve3", expected_state="on_demand")))


@pytest.fixture
def night(world: World, kv: Kv, tmp_path: Path) -> NightServices:
    return NightServices(
        inventory=world.services.inventory,
        events=MemoryEvents(),
        book=SqliteNightBook(tmp_path / "night.sqlite"),
        playbooks=21,
        site=site(kv),
        nodes=ProxmoxNodes([Answer()]),
        core=frozenset({"photos"}),
        clock=lambda: world.now,
    )


def site(kv: Kv, token: str = TOKEN) -> CloudflareKv:
    return CloudflareKv(JsonApi("cloudflare", kv.url, lambda: {"Authorization": f"Bearer {token}"}), ACCOUNT, NAMESPACE)


def look(world: World, **said: str) -> None:
    """``health`` has looked and kept these figures."""
    sweep = world.sweep(hosts=tuple(said), name=f"look-{world.now}")
    figures = {host: {f"page {PAGES[host]}": text} for host, text in said.items()}
    steps.correlate(sweep.model_copy(update={"figures": figures}), world.services)
    world.later(seconds=1)


def sums(world: World, **more: Any) -> Usage:
    given = {
        "sessions": 12,
        "hours": 40.5,
        "tokens_input": 10,
        "tokens_output": 5,
        "cache_read": 80,
        "cache_creation": 10,
    }
    return Usage(**{"at": world.now, **given, **more})


def publish(world: World, night: NightServices) -> Any:
    return steps.publish_site(steps.site_figures(world.services), night)


def test_both_values_are_pushed_as_the_schemas_want_them(world: World, night: NightServices, kv: Kv) -> None:
    steps.keep_usage(sums(world), night)
    look(world, ct201="up, 34 ms", ct202="down", ct203="up, 8 ms")
    report = publish(world, night)
    stats, status = kv.json("stats"), kv.json("status")
    check("stats", stats)
    check("status", status)
    assert stats["stats"] == {
        "ansible_hosts": 4,
        "ansible_playbooks": 21,
        "https_services": 2,
        "services_up": 2,
        "services_total": 3,
        "services_up_core": 1,
        "services_total_core": 1,
        "uptime_pct": 66.7,
        "proxmox_nodes": 3,
        "lxc_count": 1,
        "claude_hours": 40,
        "claude_sessions": 12,
        "claude_tokens_billions": 0.0,
        "claude_cache_hit": 80.0,
        "claude_stale": False,
    }
    assert status["services"][0] == {"name": "photos", "status": "up", "latency": 34, "category": "web"}
    assert status["services"][1] == {"name": "ct202", "status": "down", "latency": None, "category": "web"}
    assert [(node["name"], node["state"]) for node in status["nodes"]] == [
        ("pve1", "up"),
        ("pve3", "on-demand"),
        ("pve9", "offline"),
    ]
    assert status["nodes"][0] == {"name": "pve1", "state": "up", "cpu": 25.0, "ram": 50.0, "uptime_days": 10.0}
    assert "services_up: the site says nothing, it is 2" in report.lines


class Counted:
    """A forge with that many commits since it was asked for them."""

    def __init__(self) -> None:
        self.since: list[datetime] = []

    def commits_since(self, since: datetime) -> int:
        self.since.append(since)
        return 73


def test_the_commits_of_thirty_days_are_told_where_a_forge_is_named(world: World, night: NightServices, kv: Kv) -> None:
    forge = Counted()
    look(world, ct201="up, 34 ms")
    publish(world, replace(night, forge=forge))
    assert kv.json("stats")["stats"]["forgejo_commits_30d"] == 73
    assert forge.since == [world.now - timedelta(days=30)]


def test_a_forge_is_set_up_by_its_address_and_asked_with_its_token(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(FORGE_TOKEN)
    with serving(Service(Forgejo([], {"me/lab": [commit("2026-11-20T10:00:00Z")]}), forgejo_refusal)) as service:
        forgejo = {"url": service.url, "token_file": tmp_path / "token", "repositories": ["me/lab"]}
        forge = bootstrap.night(Settings(state=tmp_path / "state", forgejo=forgejo)).forge
        assert forge
        assert forge.commits_since(datetime(2026, 11, 1, tzinfo=UTC)) == 1
    with pytest.raises(ValidationError, match="named owner/name"):
        Settings(forgejo={"url": "https://git.example.org", "repositories": ["../../user"]})
    with pytest.raises(ValidationError, match="name repositories, or a token"):
        Settings(forgejo={"url": "https://git.example.org"})


def test_no_address_of_the_lab_reaches_the_site(world: World, night: NightServices, kv: Kv) -> None:
    look(world, ct201="up, 34 ms", ct202="up, 3 ms", ct203="up, 8 ms")
    publish(world, night)
    assert "10.0.0.7" not in kv.values["status"].decode()
    assert "lab.example" not in kv.values["status"].decode()


def test_a_second_push_of_the_same_says_nothing(world: World, night: NightServices) -> None:
    steps.keep_usage(sums(world), night)
    look(world, ct201="up, 34 ms", ct202="up, 3 ms", ct203="up, 8 ms")
    assert publish(world, night) is not None
    assert publish(world, night) is None


def test_only_what_the_site_says_otherwise_is_told(world: World, night: NightServices, kv: Kv) -> None:
    steps.keep_usage(sums(world), night)
    look(world, ct201="up, 34 ms", ct202="up, 3 ms", ct203="up, 8 ms")
    publish(world, night)
    look(world, ct201="down, 9 ms", ct202="up, 4 ms", ct203="up, 7 ms")
    told = publish(world, night).lines[1:]
    assert "photos: the site says up, it is down" in told
    assert "services_up: the site says 3, it is 2" in told
    assert not [line for line in told if "claude" in line]


def test_figures_of_others_stay_as_they_are(world: World, night: NightServices, kv: Kv) -> None:
    kv.values["stats"] = json.dumps({"ok": True, "stats": {"wazuh_agents": 38, "nested": {"a": 1}}}).encode()
    look(world, ct201="up, 34 ms")
    publish(world, night)
    assert kv.json("stats")["stats"]["wazuh_agents"] == 38
    assert "nested" not in kv.json("stats")["stats"]


def test_what_the_site_cannot_read_is_mended(world: World, night: NightServices, kv: Kv) -> None:
    kv.values["stats"] = b"{broken"
    look(world, ct201="up, 34 ms")
    publish(world, night)
    check("stats", kv.json("stats"))


def test_what_nobody_has_looked_at_is_neither_up_nor_down(world: World, night: NightServices, kv: Kv) -> None:
    look(world, ct201="up, 34 ms")
    report = publish(world, night)
    assert [one["name"] for one in kv.json("status")["services"]] == ["photos"]
    assert "nobody has looked lately at ct202, wiki" in report.lines
    world.later(hours=1)
    publish(world, night)
    assert kv.json("status")["ok"] is False


def test_a_host_that_sleeps_by_design_is_not_missed(world: World, night: NightServices) -> None:
    sweep = world.sweep(name="asleep", hosts=()).model_copy(update={"asleep": ("ct201", "ct202", "ct203")})
    steps.correlate(sweep, world.services)
    assert steps.site_figures(world.services).unseen == ()


def test_the_agents_use_is_stale_after_a_day(world: World, night: NightServices, kv: Kv) -> None:
    steps.keep_usage(sums(world), night)
    steps.keep_usage(sums(world, at=world.now - timedelta(hours=2), sessions=1), night)
    world.now += timedelta(hours=25)
    look(world, ct201="up, 34 ms")
    report = publish(world, night)
    assert kv.json("stats")["stats"]["claude_stale"] is True
    assert kv.json("stats")["stats"]["claude_sessions"] == 12
    assert "the agent's use is stale: it was sent 25 h ago" in report.lines


def test_nothing_is_pushed_where_the_site_is_not_set_up(world: World, night: NightServices) -> None:
    assert steps.publish_site(steps.site_figures(world.services), replace(night, site=None)) is None


@pytest.mark.parametrize("status", [500, 429])
def test_a_site_that_does_not_answer_now_is_tried_again(
    world: World, night: NightServices, kv: Kv, status: int
) -> None:
    kv.status = status
    with pytest.raises(BusError):
        publish(world, night)


def test_a_site_that_refuses_is_told_and_a_wrong_token_is_not_in_it(world: World, night: NightServices, kv: Kv) -> None:
    report = publish(world, replace(night, site=site(kv, "wrong-token")))
    assert report.severity is Severity.WARNING
    assert report.lines[0] == "site-metrics: the site's figures were not pushed"
    assert "the token may not read that" in report.lines[1]
    assert "wrong-token" not in report.model_dump_json()
    assert kv.values == {}


@pytest.mark.parametrize(
    ("key", "broken"),
    [
        ("stats", {"ok": True, "stats": {"a": {"b": 1}}, "updated_at": "2026-11-23T12:00:00Z"}),
        ("stats", {"ok": True, "stats": {"a": None}, "updated_at": "2026-11-23T12:00:00Z"}),
        ("stats", {"ok": True, "stats": {"a": float("nan")}, "updated_at": "2026-11-23T12:00:00Z"}),
        ("stats", {"ok": True, "stats": {}, "updated_at": "yesterday"}),
        ("status", {"ok": True, "services": [], "nodes": [], "updated_at": "2026-11-23T12:00:00Z"}),
        (
            "status",
            {
                "ok": True,
                "services": [{"name": "x", "status": "maybe", "latency": None, "category": ""}],
                "nodes": [],
                "summary": {},
                "updated_at": "2026-11-23T12:00:00Z",
            },
        ),
    ],
)
def test_what_would_break_the_site_never_leaves(kv: Kv, key: str, broken: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=f"site {key}"):
        site(kv).put(key, broken)
    assert kv.asked == []
