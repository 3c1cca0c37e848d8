"""One table: what each process may do in Redis. A key, a queue or a command that is missing here does not exist for it.

Celery names no such table (celery #8724). It is built from what each trust domain consumes and pushes to; measured against a real
server, with an empty ``ACL LOG`` in normal use, by ``tests/pipeline/test_access.py``.
"""

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

NOBODY: Final = "user default off ~* &* +@all"
"""Nobody can log in as it. It keeps its rights because a server that starts reads its own append-only file as this account, and
leaves out, without a word, each transaction that it may not do (measured: Redis 7.0.15)."""
_KNOWS_SETINFO: Final = (7, 2)
CONNECT: Final = ("ping",)
"""``AUTH`` and ``HELLO`` are nobody's right: whoever connects may say them."""


@dataclass(frozen=True)
class Rule:
    """Some commands on some keys. ``mode`` is R, W or RW, as in Redis's ``%R~``."""

    commands: tuple[str, ...]
    keys: tuple[str, ...]
    mode: str = "RW"

    def text(self) -> str:
        """The rule as an ACL selector."""
        keys = [f"~{key}" if self.mode == "RW" else f"%{self.mode}~{key}" for key in self.keys]
        return f"({' '.join(['-@all', *(f'+{name}' for name in self.commands), *keys])})"


@dataclass(frozen=True)
class Access:
    """What one account may do: which queue it drains and to which it pushes, whether it says events, lives by a pulse and is
    seen in Flower.
    """

    consumes: str = ""
    pushes: tuple[str, ...] = ()
    more: tuple[Rule, ...] = ()
    channels: tuple[str, ...] = ()
    tells_flower: bool = True
    says: bool = True
    lives: bool = True
    connects_with: tuple[str, ...] = ()

    def rules(self, name: str) -> tuple[Rule, ...]:
        """Everything but connecting, one selector each."""
        said = _saying() if self.says else ()
        lived = _living(name) if self.lives else ()
        return (*_consuming(self.consumes), *_pushing(self.pushes), *said, *lived, *self.more)


def _consuming(queue: str) -> Iterable[Rule]:
    if queue:
        yield Rule(("brpop", "llen", "lpush", "rpush"), (queue,))
        yield Rule(("hset", "hdel", "hget", "watch"), (f"{queue}.unacked",))
        yield Rule(("zadd", "zrem", "zrange"), (f"{queue}.unacked_index",))
        yield Rule(("set", "get", "del", "evalsha"), (f"{queue}.unacked_mutex",))
        yield Rule(("sadd",), (f"_kombu.binding.{queue}", f"_kombu.binding_permanent.{queue}"), "W")
        yield Rule(("smembers",), (f"_kombu.binding.{queue}",), "R")
        # Signs of life beside its own: that all its places are taken, that it still hears.
        yield Rule(("set",), (f"aiops.pulse.{queue}.*",), "W")


def _pushing(queues: tuple[str, ...]) -> Iterable[Rule]:
    for queue in queues:
        yield Rule(("lpush",), (queue,), "W")


def _saying() -> Iterable[Rule]:
    yield Rule(("xadd",), ("aiops:events",), "W")
    yield Rule(("hincrby",), ("aiops:counters",))


def _living(name: str) -> Iterable[Rule]:
    yield Rule(("set",), (f"aiops.pulse.{name}",), "W")


_PULSES: Final = Rule(("pttl",), ("aiops.pulse.*",), "R")
_TASK_EVENTS: Final = "/0.celeryev/*"
"""Word for word what Flower subscribes to: a pattern is not matched by a wider one. The queues lie in database 0."""
_FLOWERS: Final = ("_kombu.binding.celeryev", "_kombu.binding.reply.celery.pidbox")
_LENGTHS: Final = Rule(("llen",), ("detect", "incidents", "triage", "remediation", "notify", "night"), "R")
_PERMITS: Final = Rule(("set", "del"), ("aiops.permit", "aiops.permit.backups"), "RW")

ACCESS: Final[Mapping[str, Access]] = {
    "beat": Access(pushes=("detect", "incidents", "night")),
    "detect": Access(consumes="detect", pushes=("incidents",)),
    "incidents": Access(
        consumes="incidents",
        pushes=("detect", "triage", "remediation", "notify", "night"),
        more=(_PULSES, _PERMITS),
    ),
    "triage": Access(
        consumes="triage",
        pushes=("incidents", "night"),
        more=(
            Rule(
                ("exists", "get", "set", "del", "pttl", "incrby", "expire", "hincrbyfloat", "hincrby", "hmget"),
                ("aiops.llm.*",),
            ),
        ),
    ),
    "remediation": Access(
        consumes="remediation",
        pushes=("incidents",),
        more=(Rule(("get",), ("aiops.permit", "aiops.permit.backups"), "R"),),
    ),
    "notify": Access(consumes="notify", pushes=("incidents",)),
    "listen": Access(pushes=("incidents",)),
    "night": Access(consumes="night", pushes=("incidents", "triage")),
    "ingest": Access(pushes=("incidents", "night")),
    "bridge": Access(
        tells_flower=False,
        more=(Rule(("xread", "xinfo|stream"), ("aiops:events",), "R"), Rule(("get", "set"), ("aiops:events:cursor",))),
    ),
    # Sees what workers say and reaches no queue. It calls for the workers; nobody listens, remote control is off everywhere.
    "flower": Access(
        says=False,
        lives=False,
        more=(
            Rule(("llen", "del"), ("celeryev.*", "*.reply.celery.pidbox")),
            Rule(("brpop",), ("*.reply.celery.pidbox",)),
            Rule(("zrange",), ("flower.unacked_index",), "R"),
            Rule(("set", "get", "del", "evalsha"), ("flower.unacked_mutex",)),
            Rule(("evalsha",), (*_FLOWERS, "_kombu.binding_deadlines")),
            Rule(("sadd", "srem"), _FLOWERS, "W"),
            Rule(("del",), ("_kombu.binding.celeryev",), "W"),
            Rule(
                ("srem", "exists"),
                ("_kombu.binding_permanent.celeryev", "_kombu.binding_permanent.reply.celery.pidbox"),
            ),
            Rule(("zadd", "zrangebyscore", "zrem"), ("_kombu.binding_deadlines",)),
        ),
        channels=("/0.celery.pidbox",),
        connects_with=("multi", "exec", "psubscribe", "punsubscribe", "time", "script|load", "script|exists"),
    ),
    # CT190's metrics: how long queues are and who lives, and nothing of what is in them.
    "metrics_incidents": Access(tells_flower=False, says=False, lives=False, more=(_PULSES, _LENGTHS)),
    # The human at the command line, on CT190.
    "operator": Access(
        pushes=("detect", "incidents", "triage", "remediation", "notify", "night"),
        lives=False,
        more=(
            _PULSES,
            _PERMITS,
            _LENGTHS,
            Rule(("hgetall",), ("aiops:counters",), "R"),
            Rule(("hmget",), ("aiops.llm.*",), "R"),
            Rule(("xread", "xinfo|stream"), ("aiops:events",), "R"),
        ),
        connects_with=("info",),
    ),
}


def line(name: str, passwords_sha256: Iterable[str], *, setinfo: bool) -> str:
    """The account, which any of the passwords opens, as a line of Redis's ACL file.

    ``setinfo``: the server is 7.2 or later and knows ``CLIENT SETINFO``.
    """
    access = ACCESS[name]
    says = ["multi", "exec"] if access.says else []
    consumes = ["script|load", "unwatch"] if access.consumes else []
    connect = [*CONNECT, *says, *consumes, *access.connects_with, *(["client|setinfo"] if setinfo else [])]
    channels = list(access.channels)
    if access.tells_flower:
        connect.append("publish")
        channels.append(_TASK_EVENTS)
    parts = [
        f"user {name} on {' '.join(f'#{digest}' for digest in passwords_sha256)} resetkeys resetchannels -@all",
        *(f"+{command}" for command in connect),
        *(f"&{channel}" for channel in channels),
        *(rule.text() for rule in access.rules(name)),
    ]
    return " ".join(parts)


def lines(folder: Path, version: tuple[int, int]) -> list[str]:
    """The ACL file for a server of this version: every account, whose password lies in ``folder/<account>.password``.

    A password that is missing is made, readable by nobody else; the line holds only its SHA-256.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = []
    for name in ACCESS:
        file = password_file(folder, name)
        if not file.exists():
            file.touch(mode=0o600)
            file.write_text(secrets.token_urlsafe(24), encoding="utf-8")
        # Two while one replaces the other: `aiops keys rotate redis`.
        digests = [hashlib.sha256(password).hexdigest() for password in file.read_bytes().split()]
        made.append(line(name, digests, setinfo=version >= _KNOWS_SETINFO))
    return made


def password_file(folder: Path, name: str) -> Path:
    """Where the account's password lies."""
    return folder / f"{name}.password"
