"""A conversation through the real processes: the poller, the deciding side, the voice, and a Bot API on the loopback."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery

from aiops import bootstrap, steps
from aiops.adapters.signing import KeySigner
from aiops.adapters.telegram_ears import TelegramEars
from aiops.domain.fact import utcnow
from aiops.domain.incident import Incident, State
from aiops.domain.severity import Severity
from aiops.domain.sweep import Patrol, Sweep
from aiops.domain.talk import Said
from aiops.ports import IncidentServices
from tasks import access
from tasks.config import configuration
from tasks.local import Child
from tests.incident_world import a_finding
from tests.pipeline.test_storm import aiops
from tests.system import System
from tests.voice.telegram_server import DIRECT, GROUP, TOKEN, Telegram, running

pytestmark = pytest.mark.slow

MARIE, STRANGER = 11, 666


@pytest.fixture(scope="module")
def telegram() -> Iterator[Telegram]:
    with running() as server:
        yield server


@pytest.fixture(scope="module")
def system(start_system: Callable[..., System], telegram: Telegram, tmp_path_factory: pytest.TempPathFactory) -> System:
    folder = tmp_path_factory.mktemp("secrets")
    (folder / "telegram_token").write_text(TOKEN)
    hosts = {f"ct20{n}": {"ansible_host": "192.0.2.1", "aiops_role": "web"} for n in range(1, 9)}
    (folder / "hosts.yml").write_text(json.dumps({"all": {"hosts": hosts}}))
    extra = f"""
[fleet]
inventory = "{folder}/hosts.yml"
[correlation]
baseline = false
[policy]
default = "ask"
[telegram]
token_file = "{folder}/telegram_token"
group = {GROUP}
direct = {DIRECT}
users = [{MARIE}]
api = "{telegram.api}"
"""
    started = start_system(only=("incidents", "notify"), extra=extra)
    started.wait_for(
        lambda: {"incidents", "notify"} <= {one["context"]["queue"] for one in started.events(type="worker.online")},
        100,
        "they are up",
    )
    telegram.until(lambda: telegram.commands, "the commands are registered", 100)
    return started


def services(system: System) -> IncidentServices:
    return bootstrap.incidents(system.settings)


def child(system: System, name: str) -> Child:
    (found,) = [one for one in system.local.children if one.name == name]
    return found


def find(system: System, telegram: Telegram, host: str) -> tuple[Incident, int]:
    """A detector's sweep arrives; the incident, and the message that is its card."""
    known, now = len(telegram.sent), utcnow()
    patrol = Patrol(sweep=f"sweep-{host}", detectors=("health",), hosts=(host,), requested_at=now)
    seen = a_finding(host=host, severity=Severity.WARNING, seen_at=now)
    sweep = Sweep(patrol=patrol, findings=(seen,), started_at=now, finished_at=now, looked_at={host: ("service.dead",)})
    system.producer().send_task("correlate", args=(sweep.model_dump(mode="json"),), queue="incidents")
    telegram.until(lambda: [one for one in telegram.sent[known:] if host in one["text"]], f"the card of {host}", 40)
    incident = services(system).ledger.by_fingerprint(seen.fingerprint)
    assert incident
    (card,) = [
        number for number, one in telegram.shown.items() if incident.id in one["text"] and one.get("reply_markup")
    ]
    return incident, card


def test_a_press_is_an_approval_and_the_card_says_so(system: System, telegram: Telegram) -> None:
    incident, card = find(system, telegram, "ct201")
    nonce = telegram.button(card, "Approve")
    wrong = telegram.press_nonce(STRANGER, card, nonce)
    assert "not on this bot's list" in telegram.toast(wrong)
    press = telegram.press_nonce(MARIE, card, nonce)
    assert telegram.toast(press).startswith("Approved: restart_service on ct201")
    again = telegram.press_nonce(MARIE, card, nonce)
    assert telegram.toast(again).startswith("Already used")
    ledger = services(system).ledger
    plan = ledger.plan_of(incident.id)
    approval = ledger.approval(plan.id) if plan else None
    assert approval
    assert approval.by == f"telegram:{MARIE}"
    system.wait_for(lambda: ledger.get(incident.id).state is State.REMEDIATING, what="it is handed to remediation")
    telegram.until(lambda: "Executed: not yet, approved by" in telegram.shown[card]["text"], "the card is edited")
    assert "#" in aiops("notices")


def test_a_poller_that_was_killed_hears_what_was_said_meanwhile_once(system: System, telegram: Telegram) -> None:
    incident, card = find(system, telegram, "ct202")
    poller = child(system, "listen")
    assert poller.process
    os.killpg(poller.process.pid, signal.SIGKILL)
    poller.process.wait()
    press = telegram.press(MARIE, card, "Deny")
    poller.start()
    assert telegram.toast(press, 60).startswith("Denied")
    telegram.until(lambda: "<b>yours</b>" in telegram.shown[card]["text"], "the card is edited")
    denied = [line for line in services(system).ledger.timeline(incident.id) if line.text.startswith("denied")]
    assert len(denied) == 1
    assert len([one for one in telegram.toasts if one["callback_query_id"] == f"q{press}"]) == 1


def test_commands_are_answered_where_they_were_written(system: System, telegram: Telegram) -> None:
    telegram.write(MARIE, "/incidents", chat=DIRECT)
    found = telegram.until(lambda: [one for one in telegram.sent if int(one["chat_id"]) == DIRECT], "an answer")
    assert "ct202" in found[-1]["text"]
    telegram.write(MARIE, "/freeze moving house", chat=DIRECT)
    system.wait_for(lambda: "moving house" in services(system).ledger.frozen(), what="frozen from the phone")
    telegram.write(MARIE, "/thaw", chat=DIRECT)
    (asked,) = telegram.until(
        lambda: [one["text"] for one in telegram.sent if "To allow" in one["text"]],
        "a code",
    )
    telegram.write(MARIE, "/thaw " + asked.split("/thaw ")[1].split()[0], chat=DIRECT)
    system.wait_for(lambda: not services(system).ledger.frozen(), what="thawed from the phone")
    telegram.write(MARIE, "/health_check ct203", chat=DIRECT)
    system.wait_for(lambda: system.client.llen("detect"), what="the patrol waits for its worker")


def test_each_command_and_a_reply_to_a_card_are_answered(system: System, telegram: Telegram) -> None:
    incident, card = find(system, telegram, "ct205")
    says = {
        "/incidents": incident.id,
        f"/show {incident.id}": "waiting for approval",
        "/sweep disk ct206": "Looking: disk on ct206. /show look-",
        "/health_check ct206": "Looking: health on ct206. /show look-",
        "/audit ct206": "audit_host on ct206: inc-",
        "/commission ct207 shop": "commission on ct207: inc-",
        "/decommission ct208": "decommission on ct208: inc-",
        "/schedule": "health: last ",
        "/report": "incidents seen: ",
        "/help": "/commission HOST [NAME]",
        "/freeze for the test": "Frozen by telegram:11",
        "/thaw": "To allow repairs again write /thaw ",
    }
    for text, answer in says.items():
        known = len(telegram.sent)
        telegram.write(MARIE, text, chat=DIRECT)
        telegram.until(lambda a=answer, n=known: any(a in one["text"] for one in telegram.sent[n:]), text, 60)
    steps.thaw("operator", services(system))
    known = len(telegram.sent)
    telegram.write(MARIE, "and why is that?", chat=GROUP, reply_to=card)
    telegram.until(
        lambda: any("health saw service.dead on ct205" in one["text"] for one in telegram.sent[known:]),
        "the reasons",
        60,
    )


def test_delivered_and_executed_are_different_things_in_the_commands(system: System, telegram: Telegram) -> None:
    incident, card = find(system, telegram, "ct204")
    shown = aiops("show", incident.id, code=1)
    assert f"delivered: telegram #{card}" in shown
    assert "executed: no, it waits for approval" in shown
    assert "executed" in aiops("notices")


def as_detect(system: System) -> "Celery[Any]":
    """A client with the account of the worker that looks: it may push to the queue of incidents."""
    account = {"username": "detect", "password_file": access.password_file(system.local.folder / "redis", "detect")}
    settings = system.settings.model_copy(update={"redis": system.settings.redis.model_copy(update=account)})
    app: Celery[Any] = Celery("taken over", set_as_current=False)
    app.conf.update(configuration(settings))
    return app


def test_a_worker_that_was_taken_over_cannot_speak_as_a_human(system: System, telegram: Telegram) -> None:
    known, before = len(telegram.sent), system.client.llen("detect")
    words = [
        Said(update=telegram.number + 10_000 + n, user=MARIE, chat=DIRECT, text=text, at=utcnow(), sent_at=utcnow())
        for n, text in enumerate(("/freeze all is well", "/sweep", "/health_check ct203"))
    ]
    makes = KeySigner(system.settings.keys.signing)  # not even the key of plans makes words of a human
    app = as_detect(system)
    for said in words:
        app.send_task("heard", args=(said.model_dump(mode="json"),), queue="incidents")
        app.send_task("heard", args=(makes.sign_said(said).model_dump(mode="json"),), queue="incidents")
    refused = system.wait_for(lambda: system.events(type="voice.forged")[5:], 40, "all six are refused") and (
        system.events(type="voice.forged")
    )
    assert {one["context"]["reason"] for one in refused} == {"signature"}
    told = telegram.until(
        lambda: [one for one in telegram.sent[known:] if "claims that a human said" in one["text"]], "he is told", 40
    )
    assert [int(one["chat_id"]) for one in told] == [DIRECT]
    assert "not signed by a key that is trusted here" in aiops("audit")
    assert not services(system).ledger.frozen()
    assert system.client.llen("detect") == before
    telegram.write(MARIE, "/freeze really me", chat=DIRECT)
    system.wait_for(lambda: "really me" in services(system).ledger.frozen(), 40, "the human himself is heard")
    telegram.until(lambda: any("Frozen by" in one["text"] for one in telegram.sent[known:]), "he is answered", 40)
    steps.thaw("operator", services(system))
    assert len(telegram.sent[known:]) == 2


def test_nonces_and_the_token_are_in_no_log_and_no_event(system: System, telegram: Telegram) -> None:
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in Path(system.local.folder, "log").iterdir()]
    texts += [str(one) for one in system.events()]
    nonces = {nonce for number in telegram.shown for nonce in telegram.buttons(number).values()}
    assert len(nonces) > 3
    assert not [text for text in texts if TOKEN in text or any(nonce in text for nonce in nonces)]


def test_a_second_poller_is_said_once_and_outlived(system: System, telegram: Telegram) -> None:
    other = TelegramEars(TOKEN, telegram.api, poll=1)
    try:
        other.hear(telegram.number)
        system.wait_for(lambda: system.events(type="voice.deaf"), 40, "it is said")
        assert "somebody else polls this bot" in system.events(type="voice.deaf")[0]["symptom"]
        system.wait_for(lambda: system.events(type="voice.hears"), 90, "it is heard again")
    finally:
        other.close()
    press = telegram.write(MARIE, "/help", chat=DIRECT)
    telegram.until(lambda: any("/commission HOST" in one["text"] for one in telegram.sent), f"an answer to {press}")
    assert len(system.events(type="voice.deaf")) == 1
