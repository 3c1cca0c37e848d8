"""Other agents ask over a real broker: they are answered from the record, and can cause nothing."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from aiops import steps
from aiops.adapters.ledger_view import LedgerView
from aiops.adapters.mqtt import MqttAddress
from aiops.adapters.mqtt_desk import MqttDesk
from aiops.domain.verdict import Verdict
from aiops.errors import LedgerBusyError
from aiops.ports import BriefServices
from aiops.steps.answer import answer
from tasks.queues import QUEUES
from tests.incident_world import NOON, World
from tests.servers import Subscriber


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def services(world: World, tmp_path: Path) -> BriefServices:
    assert world.ledger.live() == []
    return BriefServices(
        views=LedgerView(tmp_path / "incidents.sqlite"),
        inventory=world.services.inventory,
        schedule=lambda now: {"disk": now + timedelta(minutes=5)},
        clock=lambda: world.now,
    )


def ask(services: BriefServices, **question: Any) -> Any:
    return answer(json.dumps({"id": "q1", **question}).encode(), services)


def test_open_incidents_are_told_the_worst_first(world: World, services: BriefServices) -> None:
    steps.correlate(world.sweep(world.finding(), world.finding(host="ct202"), hosts=("ct201", "ct202")), world.services)
    reply = ask(services, ask="incidents", limit=1)
    assert (reply["id"], reply["ok"], reply["answer"]["count"], len(reply["answer"]["incidents"])) == ("q1", True, 2, 1)
    (one,) = ask(services, ask="incidents", host="ct202")["answer"]["incidents"]
    assert (one["hosts"], one["state"]) == (["ct202"], "new")


def test_the_story_of_an_incident_is_told_without_secrets(world: World, services: BriefServices) -> None:
    steps.correlate(world.sweep(world.finding(summary="cannot log in with password=hunter22")), world.services)
    reply = ask(services, ask="incident", incident=world.only().id)
    assert reply["answer"]["story"]
    assert "hunter22" not in json.dumps(reply)


def test_a_host_is_told_with_who_looked_and_what_is_open(world: World, services: BriefServices) -> None:
    steps.correlate(world.sweep(world.finding()), world.services)
    told = ask(services, ask="host", host="ct201")["answer"]
    assert (told["role"], told["looks"]["health"]["findings"], len(told["incidents"])) == ("web", 1, 1)


def test_the_schedule_is_told(services: BriefServices) -> None:
    assert ask(services, ask="schedule")["answer"] == {"next": {"disk": "2026-11-23T12:05:00.000Z"}}


@pytest.mark.parametrize("question", [{"ask": "host", "host": "nobody"}, {"ask": "incident", "incident": "inc-none"}])
def test_what_is_not_there_is_said(services: BriefServices, question: dict[str, str]) -> None:
    reply = ask(services, **question)
    assert (reply["id"], reply["ok"], "there is no" in reply["error"]) == ("q1", False, True)


@pytest.mark.parametrize("name", [task for tasks in QUEUES.values() for task in tasks])
def test_no_task_can_be_asked_for(services: BriefServices, name: str) -> None:
    for question in ({"ask": name}, {"ask": "incidents", "task": name}, {"task": name, "args": []}):
        reply = ask(services, **question)
        assert (reply["ok"], "no question that is answered here" in reply["error"]) == (False, True)


@pytest.mark.parametrize(
    "text", [b"", b"null", b"[]", b'"incidents"', b"\xff\xfe", b"[" * 3000, b'{"id": "a b", "ask": "schedule"}']
)
def test_what_is_no_question_is_answered_with_that(services: BriefServices, text: bytes) -> None:
    assert answer(text, services)["ok"] is False


def test_the_view_of_the_ledger_cannot_write(world: World, services: BriefServices, tmp_path: Path) -> None:
    steps.correlate(world.sweep(world.finding()), world.services)
    view, incident = LedgerView(tmp_path / "incidents.sqlite"), world.only()
    for write in (
        lambda: view.freeze("stranger", "why", NOON),
        lambda: view.store_verdict(Verdict(incident=incident.id, action="drop", reason="r", source="s")),
        lambda: view.prune(NOON + timedelta(days=999), NOON),
        lambda: view.decide_baseline(incident.id),
    ):
        with pytest.raises(LedgerBusyError, match=r"readonly|read-only"):
            write()
    assert world.ledger.frozen() == ""


def test_without_a_ledger_it_says_who_has_to_run(tmp_path: Path) -> None:
    with pytest.raises(LedgerBusyError, match="incidents worker"):
        LedgerView(tmp_path / "incidents.sqlite").live()
    assert list(tmp_path.iterdir()) == []


class Asker:
    """Another agent."""

    def __init__(self, port: int, prefix: str) -> None:
        self._topic = f"{prefix}/agents/brief"
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="")
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def ask(self, text: bytes, *, retain: bool = False) -> None:
        self._client.publish(self._topic, text, qos=1, retain=retain).wait_for_publish(60)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def open_desk(
    services: BriefServices, mqtt_address: MqttAddress, request: pytest.FixtureRequest
) -> Iterator[Callable[..., str]]:
    desks: list[MqttDesk] = []
    prefix = f"t{abs(hash(request.node.name))}"

    def open_one(**limits: Any) -> str:
        given = {"per_minute": 30, "most": 4096, **limits}
        desk = MqttDesk(mqtt_address, lambda asked: answer(asked, services), prefix=prefix, **given)
        desk.open()
        desks.append(desk)
        assert desk.wait(60)
        return prefix

    yield open_one
    for desk in desks:
        desk.close()


def replies(port: int, prefix: str, questions: list[bytes], count: int, *, retain: bool = False) -> list[Any]:
    """What is heard after these were asked, once so many replies have come."""
    asker = Asker(port, prefix)
    try:
        with Subscriber(port, f"{prefix}/agents/reply") as reply:
            # The desk subscribes a moment after it is connected: ask until it hears.
            for _ in range(200):
                asker.ask(b'{"id": "ready", "ask": "schedule"}')
                if reply.wait(bool, 0.2):
                    break
            before = len(reply.heard)
            for question in questions:
                asker.ask(question, retain=retain)
            heard = reply.wait(lambda heard: len(heard) >= before + count, 40)
            return [json.loads(one.payload) for one in heard[before:] if json.loads(one.payload)["id"] != "ready"]
    finally:
        asker.close()


def test_a_question_is_answered_on_the_reply_topic_with_its_id(
    world: World, open_desk: Callable[..., str], mqtt_address: MqttAddress
) -> None:
    steps.correlate(world.sweep(world.finding()), world.services)
    prefix = open_desk()
    (reply,) = replies(mqtt_address.port, prefix, [b'{"id": "abc", "ask": "incidents"}'], 1)
    assert (reply["id"], reply["answer"]["count"]) == ("abc", 1)


def test_a_question_that_is_too_long_is_refused(open_desk: Callable[..., str], mqtt_address: MqttAddress) -> None:
    prefix = open_desk(most=200)
    (reply,) = replies(mqtt_address.port, prefix, [b'{"id": "abc", "ask": "host", "host": "' + b"x" * 300 + b'"}'], 1)
    assert reply["error"] == "a question has at most 200 bytes"


def test_too_many_questions_are_refused_once_and_then_not_heard(
    services: BriefServices, mqtt_address: MqttAddress
) -> None:
    moment = [0.0]
    desk = MqttDesk(
        mqtt_address,
        lambda asked: answer(asked, services),
        prefix="x",
        per_minute=3,
        most=4096,
        clock=lambda: moment[0],
    )
    asked = b'{"id": "q", "ask": "schedule"}'
    said = [desk._said(asked) for _ in range(6)]
    assert [one is not None for one in said] == [True, True, True, True, False, False]
    assert "more than 3 questions a minute" in str(said[3])
    moment[0] = 61.0
    assert json.loads(str(desk._said(asked)))["ok"] is True


def test_what_the_schedule_says_comes_from_the_crontab() -> None:
    from workers.brief import due  # noqa: PLC0415 - a worker's module

    said = due("Europe/Paris", datetime.fromisoformat("2026-11-23T12:00:00+00:00"))
    assert said["read_feeds"].isoformat() == "2026-11-23T15:00:00+00:00"
    assert {"disk", "doc_sync", "site_metrics", "security_digest"} <= set(said)
