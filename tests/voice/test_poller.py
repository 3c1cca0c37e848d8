"""Whether an old poller still reads our bot: Telegram says so with 409, and nothing that waits is lost by asking."""

import http.client
import json
import threading
from collections.abc import Iterator
from http import HTTPStatus

import pytest

from aiops.adapters.telegram_poller import who_polls
from aiops.errors import ChannelError, SettingsError
from tests.voice.telegram_server import DIRECT, TOKEN, Telegram, running


@pytest.fixture
def server() -> Iterator[Telegram]:
    with running() as state:
        yield state


def old_poller(server: Telegram, over: threading.Event) -> None:
    """As every framework does it: poll, and poll again after a conflict."""
    while not over.is_set():
        link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        try:
            link.request(
                "POST", f"/bot{TOKEN}/getUpdates", json.dumps({"timeout": 5}), {"Content-Type": "application/json"}
            )
            if link.getresponse().status != HTTPStatus.OK:
                over.wait(0.05)
        except OSError:
            return
        finally:
            link.close()


def test_an_old_poller_is_found(server: Telegram) -> None:
    over = threading.Event()
    old = threading.Thread(target=old_poller, args=(server, over), daemon=True)
    old.start()
    server.until(lambda: server.polls > 0, "the old one polls")
    try:
        assert who_polls(TOKEN, server.api, 30) == "polled by somebody else"
    finally:
        over.set()
        server.over.set()
        old.join(30)


def test_a_bot_that_nobody_polls_is_free_and_what_waits_for_it_stays(server: Telegram) -> None:
    server.write(DIRECT, "/status", chat=DIRECT)
    assert who_polls(TOKEN, server.api, 1) == "nobody else polls it"
    assert len(server.updates) == 1


def test_a_webhook_is_told(server: Telegram) -> None:
    server.webhook = "https://old.example.org/hook"
    assert who_polls(TOKEN, server.api, 1) == "a webhook is set"
    assert "getUpdates" not in server.asked


def test_a_token_that_is_not_taken_and_a_server_that_is_away_are_told_apart(server: Telegram) -> None:
    with pytest.raises(SettingsError):
        who_polls("123456:AA-another-token-of-nobody-012345678901", server.api, 1)
    server.dead = True
    with pytest.raises(ChannelError):
        who_polls(TOKEN, server.api, 1)
