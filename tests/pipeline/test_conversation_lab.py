"""By one press from the phone to a repaired real host; and every press that must not do that."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from aiops import bootstrap
from aiops.domain.fact import utcnow
from aiops.domain.incident import Incident, State
from aiops.domain.talk import Nonce, Press
from aiops.ports import IncidentServices
from aiops.settings import load_settings
from tasks.local import Local
from tasks.real_hosts import fleet, lab
from tests.pipeline.test_storm import aiops
from tests.system import System
from tests.voice.telegram_server import DIRECT, GROUP, TOKEN, Telegram, running

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]

NAME = f"talk{os.getpid()}"
MARIE, PAUL, STRANGER = 11, 22, 666
ASK = '\n[policy]\ndefault = "ask"\n[floor]\nstarts_per_hour = 100\n'


@pytest.fixture(scope="module")
def telegram() -> Iterator[Telegram]:
    with running() as server:
        yield server


@pytest.fixture(scope="module")
def local(telegram: Telegram, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    folder = tmp_path_factory.mktemp("talk")
    (folder / "telegram_token").write_text(TOKEN)
    more = f"""
[telegram]
token_file = "{folder}/telegram_token"
group = {GROUP}
direct = {DIRECT}
users = [{MARIE}, {PAUL}]
api = "{telegram.api}"
"""
    with fleet(folder, NAME, hosts=1, policy=ASK, more=more) as local:
        yield local


@pytest.fixture(scope="module")
def system(local: Local) -> System:
    started = System(local, load_settings())
    wanted = {"detect", "incidents", "remediation", "notify"}
    started.wait_for(
        lambda: wanted <= {event["context"]["queue"] for event in started.events(type="worker.online")},
        150,
        "they are up",
    )
    return started


def services(system: System) -> IncidentServices:
    return bootstrap.incidents(system.settings)


def incident_of(system: System, state: State, seconds: float = 120) -> Incident:
    def look() -> Incident | None:
        found = services(system).ledger.search(host="ct201", limit=1)
        return found[0] if found and found[0].state is state else None

    return system.wait_for(look, seconds, f"ct201 is {state}")  # type: ignore[no-any-return]


def active() -> str:
    return lab("exec", "--name", NAME, "ct201", "--", "systemctl", "is-active", "cron.service", check=False).strip()


def test_the_right_press_repairs_the_host_and_no_other_one_does(system: System, telegram: Telegram) -> None:
    lab("break", "ct201", "dead-service", "--name", NAME)
    aiops("sweep", "health", "--host", "ct201", code=1)
    incident = incident_of(system, State.AWAITING_APPROVAL)
    (card,) = telegram.until(
        lambda: [n for n, one in telegram.shown.items() if incident.id in one["text"] and one.get("reply_markup")],
        "the card",
        40,
    )
    first = telegram.button(card, "Approve")
    assert "not on this bot's list" in telegram.toast(telegram.press_nonce(STRANGER, card, first))
    aiops("plan", incident.id)
    edited = telegram.press_nonce(MARIE, card, first)
    assert telegram.toast(edited).startswith("The plan is another one now")
    telegram.until(lambda: telegram.buttons(card).get("Approve", first) != first, "the card has the new plan's button")
    late = Nonce(
        nonce=f"too-late-{os.getpid()}",
        incident=incident.id,
        press=Press.APPROVE,
        digest=services(system).ledger.plan_of(incident.id).digest,  # type: ignore[union-attr]
        expires_at=utcnow() - timedelta(seconds=1),
    )
    services(system).ledger.issue(late)
    assert telegram.toast(telegram.press_nonce(MARIE, card, late.nonce)).startswith("Too late")
    assert active() != "active"
    assert not system.events(type="remediation.started")

    nonce = telegram.button(card, "Approve")
    with ThreadPoolExecutor(2) as both:
        presses = list(both.map(lambda user: telegram.press_nonce(user, card, nonce), (MARIE, PAUL)))
    said = sorted(telegram.toast(press) for press in presses)
    assert said[0].startswith("Already used, by telegram:")
    assert said[1].startswith("Approved: restart_service on ct201")

    closed = incident_of(system, State.RESOLVED, 300)
    assert closed.id == incident.id
    assert active() == "active"
    telegram.until(lambda: "Executed: success" in telegram.shown[card]["text"], "the card says so", 40)
    telegram.until(lambda: "<b>resolved</b>" in telegram.shown[card]["text"], "the card says so", 40)
    replayed = telegram.press_nonce(MARIE, card, nonce)
    assert telegram.toast(replayed).startswith("Already used")
    assert len(system.events(type="remediation.started")) == 1
    plan = services(system).ledger.plan_of(incident.id)
    approval = services(system).ledger.approval(plan.id) if plan else None
    assert approval
    assert approval.by in {f"telegram:{MARIE}", f"telegram:{PAUL}"}
    shown = aiops("show", incident.id)
    assert f"delivered: telegram #{card}" in shown
    assert "executed: success" in shown


def test_the_doctor_proves_token_group_and_direct_chat(system: System, telegram: Telegram) -> None:
    known = len(telegram.sent)
    (line,) = [line for line in aiops("doctor", code=0).splitlines() if " telegram " in line]
    assert "@hermes_bot writes to operations, Marie; hears 2 people" in line
    assert len(telegram.sent) == known


def test_a_restart_of_everything_keeps_the_card(system: System, telegram: Telegram) -> None:
    (card,) = [number for number, one in telegram.shown.items() if one.get("reply_markup")]
    (poller,) = [child for child in system.local.children if child.name == "listen"]
    (voice,) = [child for child in system.local.children if child.name == "notify"]
    for one in (poller, voice):
        assert one.process
        one.process.terminate()
        one.process.wait()
        one.start()
    why = telegram.press(MARIE, card, "Why")
    assert telegram.toast(why, 60) == "The reasons follow."
    assert telegram.until(lambda: "restart_service" in telegram.sent[-1]["text"], "the reasons", 40)
