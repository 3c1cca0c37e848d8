"""The whole system with an account per process: what the table gives is enough, and nothing else is given.

Who may do what stands here a second time, in words of its own, and is asked of a real server (``ACL DRYRUN``).
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, ResponseError

from aiops.adapters.embedded import EmbeddedRedis
from aiops.adapters.redis_provider_state import RedisProviderState
from aiops.domain.fact import utcnow
from aiops.domain.verdict import Spent
from tasks.access import ACCESS, lines, password_file
from tasks.local import free_port
from tasks.queues import QUEUES
from tests.pipeline.test_command import aiops
from tests.system import System

PUSHES = {
    "beat": {"detect", "incidents", "night"},
    "detect": {"incidents"},
    "incidents": {"detect", "triage", "remediation", "notify", "night"},
    "triage": {"incidents", "night"},
    "remediation": {"incidents"},
    "notify": {"incidents"},
    "listen": {"incidents"},
    "night": {"incidents", "triage"},
    "ingest": {"incidents", "night"},
    "bridge": set(),
    "flower": set(),
    "metrics_incidents": set(),
    "operator": set(QUEUES),
}
"""Beside its own queue, to which a worker may push what has to be tried again."""

SILENT = {"flower", "metrics_incidents"}
"""They say no events."""
DUMB = {*SILENT, "operator"}
"""They have no sign of life."""

TAKES = {
    "brpop": ["0"],
    "rpop": [],
    "lrange": ["0", "-1"],
    "del": [],
    "rename": ["elsewhere"],
    "copy": ["elsewhere"],
    "lset": ["0", "x"],
    "lrem": ["0", "x"],
    "dump": [],
}
"""What takes a message out of a queue, changes it or reads it, with the arguments that follow the key."""

FORBIDDEN = (
    *("config set maxmemory 1", "flushall", "flushdb", "keys *", "scan 0", "monitor", "eval return 0", "shutdown"),
    *("acl list", "acl whoami", "client list", "client kill 1", "debug sleep 0", "replicaof no one", "module list"),
    *(
        "save",
        "function list",
        "swapdb 0 1",
        "migrate h 1 k 0 1",
        "randomkey",
        "dbsize",
        "latency latest",
        "slowlog get",
    ),
)


@pytest.fixture(scope="module")
def system(start_system: Callable[..., System]) -> System:
    started = start_system(flower_port=free_port(0))
    started.wait_online(*QUEUES)
    return started


def may(system: System, user: str, *words: str) -> bool:
    said = system.client.execute_command("ACL", "DRYRUN", user, *words)
    return said == "OK"


def test_every_process_has_an_account_and_every_account_a_row_here() -> None:
    assert set(ACCESS) == set(PUSHES)


@pytest.mark.parametrize("queue", QUEUES)
@pytest.mark.parametrize("user", ACCESS)
def test_a_queue_is_pushed_to_by_whom_the_pipeline_names(system: System, user: str, queue: str) -> None:
    allowed = queue in PUSHES[user] or user == queue
    assert may(system, user, "LPUSH", queue, "x") is allowed


@pytest.mark.parametrize("command", TAKES)
@pytest.mark.parametrize("user", ACCESS)
def test_nobody_takes_or_reads_what_is_anothers(system: System, user: str, command: str) -> None:
    for queue in QUEUES:
        if user == queue:
            continue
        bindings = (f"_kombu.binding.{queue}", f"_kombu.binding_permanent.{queue}")
        for key in (queue, f"{queue}.unacked", f"{queue}.unacked_index", f"{queue}.unacked_mutex", *bindings):
            words = [command, key, *TAKES[command]]
            assert not may(system, user, *words), words


@pytest.mark.parametrize("user", ACCESS)
def test_nobody_binds_forges_or_puts_back_for_another(system: System, user: str) -> None:
    for queue in QUEUES:
        if user != queue:
            assert not may(system, user, "SADD", f"_kombu.binding.{queue}", "x")
            assert not may(system, user, "SADD", f"_kombu.binding_permanent.{queue}", "x")
            assert not may(system, user, "HSET", f"{queue}.unacked", "tag", "x")
            assert not may(system, user, "ZADD", f"{queue}.unacked_index", "0", "tag")
            assert not may(system, user, "SET", f"{queue}.unacked_mutex", "x")


@pytest.mark.parametrize("command", FORBIDDEN)
@pytest.mark.parametrize("user", ACCESS)
def test_nobody_runs_what_concerns_the_server(system: System, user: str, command: str) -> None:
    try:
        assert not may(system, user, *command.split())
    except ResponseError as error:
        # A command of newer servers only: nobody can run it here at all.
        assert "not found" in str(error)  # noqa: PT017


@pytest.mark.parametrize("user", ACCESS)
def test_only_the_deciding_side_gives_and_takes_the_permit(system: System, user: str) -> None:
    gives = user in {"incidents", "operator"}
    for key in ("aiops.permit", "aiops.permit.backups"):
        assert may(system, user, "SET", key, "x", "PX", "900") is gives
        assert may(system, user, "DEL", key) is gives
        assert may(system, user, "GET", key) is (user == "remediation")


@pytest.mark.parametrize("user", ACCESS)
def test_nobody_lives_in_anothers_name(system: System, user: str) -> None:
    for name in ACCESS:
        assert may(system, user, "SET", f"aiops.pulse.{name}", "") is (name == user and user not in DUMB)


@pytest.mark.parametrize("user", ACCESS)
def test_the_event_stream_is_only_ever_added_to(system: System, user: str) -> None:
    assert may(system, user, "XADD", "aiops:events", "*", "payload", "{}") is (user not in SILENT)
    for command in (["XDEL", "aiops:events", "0-1"], ["XTRIM", "aiops:events", "MAXLEN", "0"], ["DEL", "aiops:events"]):
        assert not may(system, user, *command)
    assert may(system, user, "XREAD", "STREAMS", "aiops:events", "0") is (user in {"bridge", "operator"})
    assert may(system, user, "SET", "aiops:events:cursor", "0") is (user == "bridge")


@pytest.mark.parametrize("user", ACCESS)
def test_what_the_llm_costs_is_written_by_triage_alone(system: System, user: str) -> None:
    assert may(system, user, "HINCRBYFLOAT", "aiops.llm.spent.2026-11", "eur", "1") is (user == "triage")
    assert may(system, user, "HMGET", "aiops.llm.spent.2026-11", "eur") is (user in {"triage", "operator"})


@pytest.mark.parametrize("user", ACCESS)
def test_no_worker_hears_what_is_said_to_all_and_none_but_flower_says_it(system: System, user: str) -> None:
    assert may(system, user, "PUBLISH", "/0.celery.pidbox", "{}") is (user == "flower")
    assert system.client.pubsub_numsub("/0.celery.pidbox") == [("/0.celery.pidbox", 0)]


def test_nobody_comes_in_without_an_account(system: System) -> None:
    default = system.client.acl_getuser("default")
    assert default is not None
    assert "off" in default["flags"]


def sweep(system: System) -> None:
    before = len(system.events(type="sweep.finished"))
    system.producer().send_task("patrol", args=("disk",))
    system.wait_for(lambda: len(system.events(type="sweep.finished")) > before, 30, "a sweep has finished")


def refused(system: System) -> set[tuple[str, str]]:
    return {(str(entry["username"]), str(entry["object"])) for entry in system.client.acl_log()}


def test_in_normal_use_nothing_is_refused(system: System) -> None:
    sweep(system)
    system.wait_for(system.client.pubsub_numpat, 40, "Flower listens")
    sweep(system)
    assert refused(system) == set()


def test_triage_may_do_with_its_keys_all_that_it_does(system: System) -> None:
    settings = system.settings.redis.model_copy(
        update={"username": "triage", "password_file": system.local.folder / "redis" / "triage.password"}
    )
    state = RedisProviderState(settings.full_url())
    state.failed("nobody", "gone", [5.0])
    assert "gone" in state.obstacle("nobody", 5)
    state.worked("nobody")
    assert state.obstacle("nobody", 5) == ""
    state.remember("question", "answer", 5)
    assert state.recall("question") == "answer"
    state.spend(Spent(eur=0.5), utcnow())
    assert state.spent(utcnow())[0].eur >= 0.5
    state.close()
    assert refused(system) == set()


@pytest.fixture
def changed(system: System) -> Iterator[Callable[[str, str], None]]:
    """Takes one right away while everything runs, and gives it back."""
    before = {line.split()[1]: line for line in system.client.acl_list()}

    def change(user: str, right: str) -> None:
        line = before[user]
        assert right in line, line
        system.client.execute_command("ACL", "SETUSER", user, "reset", *split(line.replace(right, "", 1)))

    yield change
    for user, line in before.items():
        if user not in {"default", "admin"}:
            system.client.execute_command("ACL", "SETUSER", user, "reset", *split(line))
    system.client.acl_log_reset()


def split(line: str) -> list[str]:
    """The rules of an ``ACL LIST`` line; a selector in brackets is one rule."""
    rules: list[str] = []
    for word in line.split()[2:]:
        if rules and rules[-1].startswith("(") and not rules[-1].endswith(")"):
            rules[-1] += f" {word}"
        else:
            rules.append(word)
    return rules


@pytest.mark.parametrize(
    ("user", "key", "right"),
    [
        ("detect", "incidents", "(%W~incidents resetchannels -@all +lpush)"),
        ("incidents", "aiops.permit", "~aiops.permit ~aiops.permit.backups"),
        ("bridge", "aiops:events", "%R~aiops:events"),
        ("notify", "aiops.pulse.notify", "%W~aiops.pulse.notify "),
    ],
)
def test_a_right_that_is_taken_away_is_missed_by_its_owner_and_nobody_else(
    system: System, changed: Callable[[str, str], None], user: str, key: str, right: str
) -> None:
    system.client.acl_log_reset()
    changed(user, right)
    system.producer().send_task("patrol", args=("disk",))
    system.wait_for(lambda: refused(system), 30, f"{user} misses {key}")
    assert {name for name, _ in refused(system)} == {user}


def test_what_was_written_in_a_transaction_survives_a_restart_of_the_server(tmp_path: Path) -> None:
    """A server reads its append-only file as the default account; kombu keeps un-acknowledged messages in transactions."""
    folder, accounts = tmp_path / "redis", lambda version: lines(tmp_path / "redis", version)
    with EmbeddedRedis(folder, accounts=accounts) as server:
        password = password_file(folder, "detect").read_text()
        worker = Redis(port=server.port, username="detect", password=password)
        with worker, worker.pipeline(transaction=True) as both:
            both.hset("detect.unacked", "tag", "a message").zadd("detect.unacked_index", {"tag": 1}).execute()
    with EmbeddedRedis(folder, accounts=accounts) as server, Redis.from_url(server.url) as admin:
        assert admin.hget("detect.unacked", "tag") == b"a message"
        assert admin.acl_log() == []
        with pytest.raises(AuthenticationError), Redis(port=server.port) as stranger:
            stranger.get("x")


def test_the_printed_accounts_are_taken_by_a_server_of_ones_own(tmp_path: Path) -> None:
    done = aiops("redis-acl", "--passwords", str(tmp_path / "passwords"))
    assert done.stdout.startswith("user default off ")
    passwords = {file.stem: file.read_text() for file in (tmp_path / "passwords").iterdir()}
    assert set(passwords) == set(ACCESS)
    assert not [name for name, password in passwords.items() if password in done.stdout]
    assert {oct(file.stat().st_mode & 0o777) for file in (tmp_path / "passwords").iterdir()} == {"0o600"}

    with EmbeddedRedis(tmp_path / "redis", accounts=lambda _: done.stdout.splitlines()[1:]) as server:
        client = Redis(port=server.port, username="detect", password=passwords["detect"], protocol=2)
        assert client.lpush("incidents", "x") == 1
        with pytest.raises(NoPermissionError):
            client.lpush("remediation", "x")
        client.close()


def test_a_server_that_knows_no_rights_per_key_is_named(tmp_path: Path) -> None:
    assert "7.0" in aiops("redis-acl", "--passwords", str(tmp_path), "--server", "6.2", code=2).stderr
    assert "no version" in aiops("redis-acl", "--passwords", str(tmp_path), "--server", "new", code=2).stderr
