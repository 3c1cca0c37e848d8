"""What a client that may push to one queue cannot do: reach another trust domain, or start a repair nobody approved."""

import json
import pickle
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import chain, group, signature

from aiops.adapters.signing import KeySigner
from aiops.domain.plan import ApprovedPlan, SignedPlan
from aiops.remediations import SHIPPED, load
from tasks.queues import QUEUES as TASKS
from tests.plans import approved
from tests.system import System

QUEUES = ("detect", "incidents", "triage", "remediation", "notify", "night")
QUEUED = {queue: tasks[0] for queue, tasks in TASKS.items() if queue in QUEUES}
"""A task that exists there."""


@pytest.fixture(scope="module")
def system(start_system: Callable[..., System]) -> System:
    started = start_system(only=QUEUES)
    started.wait_online(*QUEUES)
    return started


def task_of(app: Any, name: str, *args: Any) -> Any:
    return signature(name, args=args, app=app, immutable=False)


def refused(system: System, before: int) -> list[dict[str, Any]]:
    return system.wait_for(lambda: system.events(type="message.refused")[before:], what="a refusal is published")  # type: ignore[no-any-return]


@pytest.mark.parametrize("queue", [queue for queue in QUEUES if queue != "remediation"])
def test_a_repair_on_another_queue_does_not_exist_there(system: System, queue: str) -> None:
    before = len(system.events(type="message.refused"))
    system.producer().send_task("remediate", args=({},), queue=queue, routing_key=queue)

    (event,) = refused(system, before)
    assert event["context"]["task"] == "remediate"
    assert event["severity"] == "critical"


@pytest.mark.parametrize("embedded", ["chain", "link", "errback"])
@pytest.mark.parametrize(
    ("queue", "task"),
    [
        ("triage", "triage"),
        ("incidents", "dispatch"),
        ("notify", "notify"),
        ("detect", "detect"),
        ("remediation", "remediate"),
        ("night", "keep_usage"),
    ],
)
def test_a_message_that_brings_another_task_along_is_refused_before_it_runs(
    system: System, queue: str, task: str, embedded: str
) -> None:
    app = system.producer()
    before = len(system.events(type="message.refused"))
    bad = task_of(app, "remediate", {}).set(queue="remediation")
    carrier = task_of(app, task, {})
    if embedded == "chain":
        chain(carrier, bad, app=app).apply_async(queue=queue)
    elif embedded == "link":
        carrier.apply_async(link=bad)
    else:
        carrier.apply_async(link_error=bad)

    (event,) = refused(system, before)
    assert event["context"]["task"] == task
    assert "brings" in event["context"]["reason"]
    assert system.client.llen("remediation") == 0


@pytest.mark.parametrize("queue", QUEUES)
def test_celerys_own_group_task_does_not_exist(system: System, queue: str) -> None:
    app = system.producer()
    before = len(system.events(type="message.refused"))
    inner = task_of(app, "remediate", {})
    app.send_task("celery.group", args=([dict(inner)], "result", "group", []), queue=queue, routing_key=queue)

    (event,) = refused(system, before)
    assert event["context"]["task"] == "celery.group"


def test_a_group_of_messages_reaches_only_its_own_queue(system: System) -> None:
    app = system.producer()
    before = len(system.events(type="message.refused"))
    group([task_of(app, "remediate", {}).set(queue="triage", routing_key="triage")] * 2, app=app).apply_async()

    assert system.wait_for(lambda: len(system.events(type="message.refused")) >= before + 2)


def test_a_message_in_the_old_protocol_is_refused(system: System) -> None:
    before = len(system.events(type="message.refused"))
    body = {"task": "triage", "id": "old", "args": [{}], "kwargs": {}, "callbacks": [{"task": "remediate"}]}
    with system.producer().connection_for_write() as connection:
        connection.Producer().publish(body, exchange="", routing_key="triage", serializer="json")

    (event,) = refused(system, before)
    assert "headers.task: missing" in event["context"]["reason"]


class Bomb:
    """What makes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._mark,)


@pytest.mark.parametrize("queue", QUEUES)
def test_a_pickle_is_never_opened(system: System, tmp_path: Path, queue: str) -> None:
    before, mark = len(system.events(type="message.refused")), tmp_path / "opened"
    body = pickle.dumps(([Bomb(mark)], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}))
    with system.producer().connection_for_write() as connection:
        connection.Producer().publish(
            body,
            exchange="",
            routing_key=queue,
            content_type="application/x-python-serialize",
            content_encoding="binary",
            headers={"task": QUEUED[queue], "id": "pickled", "lang": "py"},
        )

    refused(system, before)
    assert not mark.exists()
    pickle.loads(pickle.dumps(Bomb(mark)))  # noqa: S301 - our own: it shows that the bomb would have gone off
    assert mark.exists()


def test_a_word_to_shut_down_over_remote_control_ends_no_worker(system: System) -> None:
    """Published by the one account that may: each of ours is refused by Redis already."""
    before = {child.name: child.process.pid for child in system.local.children if child.process}
    app = system.producer()
    app.conf.broker_url = system.local.redis_url
    app.control.shutdown()
    for queue in QUEUES:
        seen = len(system.events(type="message.refused"))
        app.send_task("nothing", queue=queue, routing_key=queue)
        refused(system, seen)
    assert system.local.watch() == []
    assert {child.name: child.process.pid for child in system.local.children if child.process} == before


@pytest.fixture
def signer(system: System) -> KeySigner:
    return KeySigner(system.settings.keys.signing)


def ours(**changes: Any) -> ApprovedPlan:
    """An approved plan for a unit that does not exist, on a host of the inventory: nothing can come of it."""
    now = datetime.now(UTC)
    fields: dict[str, Any] = {
        "id": f"plan-{now.timestamp():.6f}",
        "hosts": ("nowhere",),
        "created_at": now,
        "expires_at": now + timedelta(hours=1),
        "playbook_digest": load(SHIPPED)["restart_service"].digest,
        "at": now,
    }
    return approved(**{**fields, **changes})


def send(system: System, signed: SignedPlan) -> None:
    system.producer().send_task("remediate", args=(signed.model_dump(mode="json"),))


def refusal(system: System, before: int) -> dict[str, Any]:
    (event,) = system.wait_for(lambda: system.events(type="plan.refused")[before:], what="the plan is refused")
    return event  # type: ignore[no-any-return]


def flip(text: str, position: int) -> str:
    return text[:position] + chr(ord(text[position]) ^ 1) + text[position + 1 :]


@pytest.mark.parametrize("signature", ["", "AAAA", "none"])
def test_an_unsigned_plan_is_refused(system: System, signer: KeySigner, signature: str) -> None:
    before = len(system.events(type="plan.refused"))
    send(system, signer.sign(ours()).model_copy(update={"signature": signature}))

    assert refusal(system, before)["context"]["reason"] == "signature"


def test_a_plan_that_comes_again_with_another_content_is_refused(system: System, signer: KeySigner) -> None:
    before = len(system.events(type="plan.refused"))
    first = ours()
    send(system, signer.sign(first))
    assert refusal(system, before)["context"]["reason"] == "hosts"
    send(system, signer.sign(ours(id=first.plan.id, params={"unit": "other.service"})))

    again = system.wait_for(lambda: system.events(type="plan.refused")[before + 1 :])
    assert again[0]["context"]["reason"] == "digest"


@pytest.mark.parametrize("place", ["payload", "signature", "key"])
def test_a_plan_with_one_flipped_bit_is_refused(system: System, signer: KeySigner, place: str) -> None:
    before = len(system.events(type="plan.refused"))
    signed = signer.sign(ours())
    text = getattr(signed, place)
    send(system, signed.model_copy(update={place: flip(text, len(text) // 2)}))

    assert refusal(system, before)["context"]["reason"] == "signature"


def test_an_expired_plan_is_refused(system: System, signer: KeySigner) -> None:
    before = len(system.events(type="plan.refused"))
    past = datetime.now(UTC) - timedelta(minutes=11)
    send(system, signer.sign(ours(at=past)))

    assert refusal(system, before)["context"]["reason"] in {"expired", "epoch"}


def test_a_nonce_that_comes_with_another_plan_is_refused(system: System, signer: KeySigner) -> None:
    before = len(system.events(type="plan.refused"))
    first = ours()
    send(system, signer.sign(first))
    assert refusal(system, before)["context"]["reason"] == "hosts"
    send(system, signer.sign(ours(nonce=first.approval.nonce, params={"unit": "other.service"})))

    again = system.wait_for(lambda: system.events(type="plan.refused")[before + 1 :])
    assert again[0]["context"]["reason"] == "nonce"


def test_nothing_of_all_this_was_ever_started(system: System) -> None:
    assert not system.events(type="remediation.started")
    said = json.dumps(system.events())
    assert "remediation.finished" not in said
