"""What each process does in Redis, feature by feature, through the code that does it in production, and what each needs for it.

The second table beside ``tasks/access.py``: there stands what an account may do, here what for.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from celery import Celery
from kombu import Consumer, Exchange, Queue, pools
from kombu.transport import redis as stock
from redis import Redis
from redis.exceptions import ResponseError

from aiops.adapters.permit import BACKUP_KEY, KEY, RedisPermit, RedisPermitOffice
from aiops.adapters.redis_event_log import RedisEventLog
from aiops.adapters.redis_events import RedisEvents
from aiops.adapters.redis_provider_state import RedisProviderState
from aiops.adapters.redis_pulse import RedisPulse
from aiops.adapters.redis_queues import RedisQueues
from aiops.adapters.selftest import redis_answers, redis_lets_in
from aiops.adapters.signing import KeySigner, KeyVerifier
from aiops.domain.event import Event
from aiops.domain.fact import utcnow
from aiops.domain.severity import Severity
from aiops.domain.verdict import Spent
from aiops.domain.watch import busy
from aiops.settings import Settings
from tasks.access import ACCESS
from tasks.config import configuration
from tasks.queues import QUEUES
from workers.draining import own_keys

Needs = dict[str, tuple[str, ...]]
"""A command and the patterns of keys on which it is used; ``&`` stands for channels."""


@dataclass
class Desk:
    """One account and a server where it may log in; ``admin`` prepares and looks."""

    user: str
    settings: Settings
    admin: Redis
    admin_url: str
    signer: KeySigner
    verifier: KeyVerifier

    @cached_property
    def app(self) -> Any:
        """Celery as in production, with this account."""
        app: Celery[Any] = Celery(self.user, set_as_current=False)
        app.conf.update(configuration(self.settings))
        app.conf.broker_transport = "tasks.transport:Transport"
        # What is refused is refused at the next try too: it need not be waited for.
        at_once = {"max_retries": 1, "interval_start": 0, "interval_step": 0}
        app.conf.broker_transport_options = {**app.conf.broker_transport_options, **own_keys(self.user), **at_once}
        return app

    def close(self) -> None:
        """Let go of every connection, so that none says a late word while another feature is watched."""
        if "app" in self.__dict__:
            pools.reset()
            self.app.close()

    @property
    def url(self) -> str:
        return self.settings.redis.full_url()

    @contextmanager
    def channel(self) -> Iterator[Any]:
        """A channel of our transport, as the worker's."""
        with self.app.connection_for_read(retry=False) as connection:
            yield connection.channel()

    def message(self) -> str:
        """A message as a producer puts it into this account's queue."""
        app: Celery[Any] = Celery("producer", set_as_current=False)
        app.conf.update({**configuration(self.settings), "broker_url": self.admin_url})
        self.bound(self.user)
        app.send_task(QUEUES[self.user][0])
        return str(self.admin.rpop(self.user))

    def bound(self, queue: str) -> None:
        """The queue's owner has bound it."""
        self.admin.sadd(f"_kombu.binding.{queue}", f"{queue}\x06\x16\x06\x16{queue}")

    def hold(self) -> str:
        """A message that was taken and not acknowledged, for longer than anybody waits."""
        message = json.loads(self.message())
        tag = str(message["properties"]["delivery_tag"])
        self.admin.hset(f"{self.user}.unacked", tag, json.dumps([message, self.user, self.user]))
        self.admin.zadd(f"{self.user}.unacked_index", {tag: 1})
        return tag


def _bind(desk: Desk) -> None:
    desk.admin.delete(f"_kombu.binding.{desk.user}", f"_kombu.binding_permanent.{desk.user}")
    with desk.channel() as channel:
        Queue(desk.user, Exchange(desk.user, type="direct"), routing_key=desk.user)(channel).declare()
    assert desk.admin.smembers(f"_kombu.binding.{desk.user}")


def _take(desk: Desk) -> None:
    desk.admin.lpush(desk.user, desk.message())
    got: list[Any] = []
    with desk.app.connection_for_read() as connection:
        queue = Queue(desk.user, Exchange(desk.user, type="direct"), routing_key=desk.user)
        channel = connection.channel()
        with Consumer(channel, [queue], on_message=got.append, auto_declare=False):
            connection.drain_events(timeout=2)
        assert desk.admin.zcard(f"{desk.user}.unacked_index") == 1
        # What is held is given back when a channel is closed; here that is another feature.
        channel.qos._delivered.clear()
    assert len(got) == 1


def _acknowledge(desk: Desk) -> None:
    tag = desk.hold()
    with desk.channel() as channel:
        channel.qos._remove_from_indices(tag).execute()
    assert not desk.admin.exists(f"{desk.user}.unacked", f"{desk.user}.unacked_index")


def _put_back(desk: Desk) -> None:
    tag = desk.hold()
    with desk.channel() as channel:
        channel.qos.restore_by_tag(tag)
    assert desk.admin.llen(desk.user) == 1


def _give_up(desk: Desk) -> None:
    """An error in the middle of putting back: what was watched is let go of, and the error is not hidden by another."""
    desk.admin.set(f"{desk.user}.unacked", "no hash")
    with desk.channel() as channel:
        try:
            stock.QoS.restore_by_tag(channel.qos, "tag")
        except ResponseError as error:
            assert "WRONGTYPE" in str(error)  # noqa: PT017 - the features are no tests by themselves


def _inherit(desk: Desk) -> None:
    desk.hold()
    with desk.channel() as channel:
        channel.qos.restore_visible(num=10, interval=1)
    assert desk.admin.llen(desk.user) == 1
    assert not desk.admin.exists(f"{desk.user}.unacked_mutex")


def _push(queue: str) -> Callable[[Desk], None]:
    def run(desk: Desk) -> None:
        desk.bound(queue)
        desk.app.send_task(QUEUES[queue][0], retry=False)
        assert desk.admin.llen(queue) == 1

    return run


def _event(desk: Desk) -> None:
    events = RedisEvents(desk.url, retry_seconds=60)
    events.publish(
        Event(
            source="a", cron="a", severity=Severity.INFO, timestamp=utcnow(), host="web01", symptom="it is", type="a.b"
        )
    )
    events.close()
    assert desk.admin.xlen("aiops:events") == 1


def _quarantine(desk: Desk) -> None:
    events = RedisEvents(desk.url, retry_seconds=60)
    events.publish_raw("no event")
    events.close()
    assert desk.admin.hget("aiops:counters", "quarantined") == "1"


def _pulse(desk: Desk) -> None:
    with closing(RedisPulse(desk.url)) as pulse:
        pulse.beat(desk.user)
    assert desk.admin.exists(f"aiops.pulse.{desk.user}")


def _busy(desk: Desk) -> None:
    with closing(RedisPulse(desk.url)) as pulse:
        pulse.beat(busy(desk.user))
    assert desk.admin.exists(f"aiops.pulse.{busy(desk.user)}")


def _who_lives(desk: Desk) -> None:
    desk.admin.set("aiops.pulse.detect", "", px=60_000)
    with closing(RedisPulse(desk.url)) as pulse:
        assert set(pulse.ages(["detect", "beat"])) == {"detect"}


def _give_permit(key: str) -> Callable[[Desk], None]:
    def run(desk: Desk) -> None:
        with closing(RedisPermitOffice(desk.url, desk.signer, key=key)) as office:
            office.renew()
        assert desk.admin.exists(key)

    return run


def _freeze(key: str) -> Callable[[Desk], None]:
    def run(desk: Desk) -> None:
        desk.admin.set(key, "x")
        with closing(RedisPermitOffice(desk.url, desk.signer, key=key)) as office:
            office.revoke()
        assert not desk.admin.exists(key)

    return run


def _read_permit(key: str) -> Callable[[Desk], None]:
    def run(desk: Desk) -> None:
        RedisPermitOffice(desk.admin_url, desk.signer, key=key).renew()
        with closing(RedisPermit(desk.url, desk.verifier, key=key)) as permit:
            assert permit.valid()

    return run


def _obstacle(desk: Desk) -> None:
    desk.admin.set("aiops.llm.rest.one", "gone", px=60_000)
    desk.admin.set("aiops.llm.rested.two", "1")
    with closing(RedisProviderState(desk.url)) as state:
        assert "gone" in state.obstacle("one", 5)
        assert state.obstacle("two", 5) == ""
    assert desk.admin.exists("aiops.llm.trial.two")


def _failed(desk: Desk) -> None:
    with closing(RedisProviderState(desk.url)) as state:
        state.failed("one", "gone", [60.0])
    assert desk.admin.get("aiops.llm.rest.one") == "gone"


def _worked(desk: Desk) -> None:
    desk.admin.set("aiops.llm.rest.one", "gone")
    with closing(RedisProviderState(desk.url)) as state:
        state.worked("one")
    assert not desk.admin.exists("aiops.llm.rest.one")


def _remember(desk: Desk) -> None:
    with closing(RedisProviderState(desk.url)) as state:
        state.remember("question", "answer", 60)
    assert desk.admin.get("aiops.llm.answer.question") == "answer"


def _recall(desk: Desk) -> None:
    desk.admin.set("aiops.llm.answer.question", "answer")
    with closing(RedisProviderState(desk.url)) as state:
        assert state.recall("question") == "answer"


def _spend(desk: Desk) -> None:
    with closing(RedisProviderState(desk.url)) as state:
        state.spend(Spent(eur=0.5), utcnow())
    (key,) = desk.admin.keys("aiops.llm.spent.????-??")
    assert desk.admin.hget(key, "eur") == "0.5"
    assert desk.admin.ttl(key) > 0


def _spent(desk: Desk) -> None:
    RedisProviderState(desk.admin_url).spend(Spent(eur=0.5), utcnow())
    with closing(RedisProviderState(desk.url)) as state:
        assert state.spent(utcnow())[0].eur == 0.5


def _read_events(desk: Desk) -> None:
    desk.admin.xadd("aiops:events", {"topic": "a", "payload": "{}"})
    with closing(RedisEvents(desk.url)) as events, closing(RedisEventLog(desk.url, events)) as log:
        (one,) = log.read("0", 10, 0)
        assert log.read(one.cursor, 10, 0) == []


def _move(desk: Desk) -> None:
    with closing(RedisEvents(desk.url)) as events, closing(RedisEventLog(desk.url, events)) as log:
        log.move("1-0")
    assert desk.admin.get("aiops:events:cursor") == "1-0"


def _where(desk: Desk) -> None:
    desk.admin.set("aiops:events:cursor", "1-0")
    with closing(RedisEvents(desk.url)) as events, closing(RedisEventLog(desk.url, events)) as log:
        assert log.cursor() == "1-0"


def _count(desk: Desk) -> None:
    desk.admin.hset("aiops:counters", "quarantined", 3)
    with closing(RedisEvents(desk.url)) as events:
        assert events.counters() == {"quarantined": 3}


def _length(queue: str) -> Callable[[Desk], None]:
    def run(desk: Desk) -> None:
        desk.admin.lpush(queue, "x")
        assert RedisQueues(desk.url).lengths([queue]) == {queue: 1}

    return run


def _says(desk: Desk) -> None:
    """An event of Celery's own, which Flower hears."""
    with desk.admin.pubsub() as heard:
        heard.psubscribe("/0.celeryev/*")
        heard.get_message(timeout=1)
        with desk.app.connection_for_write() as connection, desk.app.events.Dispatcher(connection) as dispatcher:
            dispatcher.send("worker-heartbeat")
        assert heard.get_message(timeout=1)


def _hears(desk: Desk) -> None:
    with desk.app.connection_for_read() as connection:
        receiver = desk.app.events.Receiver(connection, handlers={"*": lambda event: None})
        with suppress(TimeoutError):
            next(receiver.itercapture(limit=1, timeout=0.5, wakeup=False))


def _calls(desk: Desk) -> None:
    """Flower asks all workers; none hears that."""
    assert desk.app.control.inspect(timeout=0.5).ping() is None


def _sweeps(desk: Desk) -> None:
    """What a Flower that was killed has left of its queues."""
    for exchange in ("celeryev", "reply.celery.pidbox"):
        desk.admin.sadd(f"_kombu.binding.{exchange}", "x")
        desk.admin.zadd("_kombu.binding_deadlines", {exchange: 1})
    with desk.channel() as channel:
        assert channel.sweep_bindings() == 2
    assert not desk.admin.keys("_kombu.*")


def _doctor(desk: Desk) -> None:
    assert "noeviction" in redis_answers(desk.url)


def _connects(desk: Desk) -> None:
    assert redis_lets_in(desk.url)


@dataclass(frozen=True)
class Feature:
    """Something a process does, and the rights on keys without which it cannot. ``run`` raises when it does not work."""

    name: str
    run: Callable[[Desk], None]
    needs: Needs


def _consuming(queue: str) -> Iterator[Feature]:
    unacked, index, mutex = own_keys(queue).values()
    taken_out: Needs = {"hdel": (unacked,), "zrem": (index,)}
    put_back = taken_out | {"rpush": (queue,), "hget": (unacked,), "watch": (unacked,)}
    put_back |= {"smembers": (f"_kombu.binding.{queue}",)}
    tables = (f"_kombu.binding.{queue}", f"_kombu.binding_permanent.{queue}")
    yield Feature("binds its queue", _bind, {"sadd": tables, "llen": (queue,)})
    yield Feature("takes a message", _take, {"brpop": (queue,), "hset": (unacked,), "zadd": (index,)})
    yield Feature("gives up what cannot be put back", _give_up, {"watch": (unacked,), "hget": (unacked,)})
    yield Feature("acknowledges it", _acknowledge, taken_out)
    yield Feature("puts it back", _put_back, put_back)
    lock: Needs = dict.fromkeys(("set", "get", "del", "evalsha"), (mutex,))
    yield Feature("inherits what a dead worker held", _inherit, put_back | lock | {"zrange": (index,)})
    yield Feature("says that it is busy", _busy, {"set": (f"aiops.pulse.{queue}.*",)})
    yield Feature("tries a task again", _push(queue), {"lpush": (queue,), "&": (_SEEN,)})


def _providers() -> Iterator[Feature]:
    def all_of(*commands: str) -> Needs:
        return dict.fromkeys(commands, ("aiops.llm.*",))

    yield Feature("sees which provider rests", _obstacle, all_of("pttl", "get", "exists", "set"))
    yield Feature("lets a provider rest", _failed, all_of("incrby", "expire", "del", "set"))
    yield Feature("says that a provider worked", _worked, all_of("del"))
    yield Feature("remembers an answer", _remember, all_of("set"))
    yield Feature("recalls an answer", _recall, all_of("get"))
    yield Feature("counts what it cost", _spend, all_of("hincrbyfloat", "hincrby", "expire"))


def _flower() -> Iterator[Feature]:
    events, replies = "_kombu.binding.celeryev", "_kombu.binding.reply.celery.pidbox"
    deadlines = "_kombu.binding_deadlines"
    own: Needs = {"zadd": (deadlines,), "zrangebyscore": (deadlines,)}
    yield Feature(
        "hears workers",
        _hears,
        own
        | {"evalsha": (events, deadlines), "sadd": (events,), "srem": (events, "_kombu.binding_permanent.celeryev")}
        | {"llen": ("celeryev.*",), "del": ("celeryev.*",), "&": (_SEEN,)},
    )
    asked = "*.reply.celery.pidbox"
    yield Feature(
        "calls for workers",
        _calls,
        own
        | {"evalsha": (replies, deadlines, "flower.unacked_mutex"), "sadd": (replies,)}
        | {"srem": (replies, "_kombu.binding_permanent.reply.celery.pidbox"), "llen": (asked,), "brpop": (asked,)}
        | {"del": (asked, "flower.unacked_mutex"), "set": ("flower.unacked_mutex",), "get": ("flower.unacked_mutex",)}
        | {"zrange": ("flower.unacked_index",), "&": ("/0.celery.pidbox",)},
    )
    gone = ("_kombu.binding_permanent.celeryev", "_kombu.binding_permanent.reply.celery.pidbox")
    swept: Needs = {"zrangebyscore": (deadlines,), "zrem": (deadlines,), "evalsha": (deadlines,), "exists": gone}
    yield Feature("sweeps up", _sweeps, swept | {"del": (events, asked)})


def _permits() -> Iterator[Feature]:
    for key in (KEY, BACKUP_KEY):
        yield Feature(f"gives {key}", _give_permit(key), {"set": (key,)})
        yield Feature(f"takes {key} away", _freeze(key), {"del": (key,)})


_SEEN: Final = "/0.celeryev/*"
_SAYING: Final = (
    Feature("says an event", _event, {"xadd": ("aiops:events",)}),
    Feature("quarantines an event", _quarantine, {"xadd": ("aiops:events",), "hincrby": ("aiops:counters",)}),
)
_SEES_WHO_LIVES: Final = Feature("sees who lives", _who_lives, {"pttl": ("aiops.pulse.*",)})
_READS: Final = Feature("reads events", _read_events, {"xread": ("aiops:events",), "xinfo|stream": ("aiops:events",)})
_LENGTHS: Final = tuple(Feature(f"measures {queue}", _length(queue), {"llen": (queue,)}) for queue in QUEUES)
_MORE: Final[Mapping[str, tuple[Feature, ...]]] = {
    "incidents": (_SEES_WHO_LIVES, *_permits()),
    "triage": (*_providers(), Feature("knows what it cost", _spent, {"hmget": ("aiops.llm.*",)})),
    "remediation": tuple(Feature(f"asks for {key}", _read_permit(key), {"get": (key,)}) for key in (KEY, BACKUP_KEY)),
    "bridge": (
        _READS,
        Feature("moves on", _move, {"set": ("aiops:events:cursor",)}),
        Feature("goes on where it was", _where, {"get": ("aiops:events:cursor",)}),
    ),
    "flower": tuple(_flower()),
    "metrics_incidents": (_SEES_WHO_LIVES, *_LENGTHS),
    "operator": (
        _SEES_WHO_LIVES,
        _READS,
        *_LENGTHS,
        *_permits(),
        Feature("counts what was refused", _count, {"hgetall": ("aiops:counters",)}),
        Feature("knows what it cost", _spent, {"hmget": ("aiops.llm.*",)}),
        Feature("examines the server", _doctor, {}),
    ),
}


def features(user: str) -> list[Feature]:
    """Everything that the account is for."""
    access = ACCESS[user]
    found = [Feature("connects", _connects, {}), *_MORE.get(user, ())]
    if access.consumes:
        found += _consuming(access.consumes)
    found += [Feature(f"pushes to {one}", _push(one), {"lpush": (one,), "&": (_SEEN,)}) for one in access.pushes]
    if access.says:
        found += _SAYING
    if access.lives:
        found.append(Feature("lives", _pulse, {"set": (f"aiops.pulse.{user}",)}))
    if access.tells_flower:
        found.append(Feature("is seen in Flower", _says, {"&": (_SEEN,)}))
    return found
