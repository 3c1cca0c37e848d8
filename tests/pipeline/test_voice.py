"""A message on its way to Telegram survives what may happen to it: real processes, a Bot API on the loopback."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.pipeline.test_storm import aiops
from tests.system import System
from tests.voice.notices import event
from tests.voice.telegram_server import DIRECT, GROUP, TOKEN, Telegram, running

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def telegram() -> Iterator[Telegram]:
    with running() as server:
        yield server


@pytest.fixture(scope="module")
def system(start_system: Callable[..., System], telegram: Telegram, tmp_path_factory: pytest.TempPathFactory) -> System:
    token = tmp_path_factory.mktemp("secrets") / "telegram_token"
    token.write_text(TOKEN)
    extra = f'\n[telegram]\ntoken_file = "{token}"\ngroup = {GROUP}\ndirect = {DIRECT}\napi = "{telegram.api}"\n'
    started = start_system(only=("notify",), extra=extra)
    started.wait_online("notify")
    return started


def tell(system: System, number: int) -> None:
    system.producer().send_task(
        "notify", args=(event(number=number).model_dump(mode="json"),), queue="notify", ignore_result=True
    )


def test_a_message_arrives_and_is_listed_with_its_way(system: System, telegram: Telegram) -> None:
    tell(system, 1)
    (sent,) = telegram.wait(1)
    assert "ct201: 38 agents are gone" in sent["text"]
    system.wait_for(lambda: system.events(type="notify.sent"), what="the event")
    assert "telegram" in aiops("notices")


def test_a_doorbell_that_rings_twice_is_one_message(system: System, telegram: Telegram) -> None:
    before = len(telegram.sent)
    tell(system, 2)
    tell(system, 2)
    tell(system, 3)
    telegram.wait(before + 2)
    assert [sent["text"].split(":")[0][-5:] for sent in telegram.sent[before:]] == ["ct202", "ct203"]


def test_a_voice_that_was_killed_speaks_after_it_is_back(system: System, telegram: Telegram) -> None:
    before = len(telegram.sent)
    telegram.faults[:] = ["500 Internal Server Error"] * 100
    tell(system, 4)
    system.wait_for(lambda: system.events(type="notify.failed"), what="the failure is an event")
    assert "failed" in aiops("notices", "--waiting", code=1)
    (child,) = [child for child in system.local.children if child.name == "notify"]
    assert child.process
    os.killpg(child.process.pid, signal.SIGKILL)
    child.process.wait()
    telegram.faults.clear()
    child.start()
    assert "ct204" in telegram.wait(before + 1, 60)[-1]["text"]


def test_the_token_is_in_no_log_and_no_event(system: System) -> None:
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in Path(system.local.folder, "log").iterdir()]
    texts += [str(one) for one in system.events()]
    assert len(texts) > 3
    assert not [text for text in texts if TOKEN in text]
