"""Telegram's sending end against a server that speaks its protocol and fails in its ways."""

import logging
from collections.abc import Iterator

import pytest

from aiops.adapters import telegram_channel
from aiops.adapters.telegram_channel import TelegramChannel
from aiops.domain.severity import Severity
from aiops.errors import ChannelError, SettingsError
from tests.servers import free_port
from tests.voice.notices import bundle, event
from tests.voice.telegram_server import DIRECT, GROUP, TOKEN, Telegram, running


@pytest.fixture(scope="module")
def server() -> Iterator[Telegram]:
    with running() as telegram:
        yield telegram


@pytest.fixture
def channel(server: Telegram) -> Iterator[TelegramChannel]:
    server.sent.clear()
    server.faults.clear()
    made = TelegramChannel(TOKEN, GROUP, DIRECT, server.api)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("severity", "chat", "silent"),
    [(Severity.INFO, GROUP, True), (Severity.WARNING, GROUP, False), (Severity.CRITICAL, DIRECT, False)],
)
def test_the_severity_decides_chat_and_sound(
    channel: TelegramChannel,
    server: Telegram,
    severity: Severity,
    chat: int,
    silent: bool,  # noqa: FBT001
) -> None:
    number = channel.send(bundle(event(severity)))
    (sent,) = server.sent
    assert number == "1"
    assert int(sent["chat_id"]) == chat
    assert (str(sent.get("disable_notification", "false")).lower() == "true") is silent
    assert "parse_mode" not in sent


def test_text_that_looks_like_markup_arrives_as_it_is(channel: TelegramChannel, server: Telegram) -> None:
    channel.send(bundle(event(symptom="<a href='x'>*all* is _well_</a> & [more](y)")))
    assert "<a href='x'>*all* is _well_</a> & [more](y)" in server.sent[0]["text"]


def test_a_digest_of_five_hundred_fits_into_one_message(channel: TelegramChannel, server: Telegram) -> None:
    channel.send(bundle(*[event(number=number, symptom="é" * 90) for number in range(500)]))
    assert server.sent[0]["text"].startswith("500 messages:")


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("500 Internal Server Error", "Internal Server Error"),
        ("502 Bad Gateway", "Bad Gateway"),
        ("drop", "telegram did not take the message"),
        ("garbage", "telegram did not take the message"),
    ],
)
def test_a_server_in_trouble_is_tried_again_later(
    channel: TelegramChannel, server: Telegram, fault: str, says: str
) -> None:
    server.faults[:] = [fault]
    with pytest.raises(ChannelError, match=says):
        channel.send(bundle(event()))
    channel.send(bundle(event()))
    assert len(server.sent) == 1


def test_the_pause_it_asks_for_is_handed_on(channel: TelegramChannel, server: Telegram) -> None:
    server.faults[:] = ["429:31"]
    with pytest.raises(ChannelError) as raised:
        channel.send(bundle(event()))
    assert raised.value.rest == 31


def test_a_server_that_never_answers_has_its_time(
    channel: TelegramChannel, server: Telegram, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel.check()
    monkeypatch.setattr(telegram_channel, "SECONDS", 1.0)
    server.faults[:] = ["hang"]
    with pytest.raises(ChannelError, match="no answer within 1 s"):
        channel.send(bundle(event()))


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("403 Forbidden: bot was blocked by the user", "blocked by the user"),
        ("400 Bad Request: chat not found", "add the bot to the group"),
    ],
)
def test_what_never_will_arrive_says_what_to_do(
    channel: TelegramChannel, server: Telegram, fault: str, says: str
) -> None:
    server.faults[:] = [fault]
    with pytest.raises(SettingsError, match=says):
        channel.send(bundle(event()))


def test_a_wrong_token_is_a_setting_and_stands_in_no_message(
    server: Telegram, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "654321:AA-not-the-token-0123456789abcdefgh"
    channel = TelegramChannel(secret, GROUP, DIRECT, server.api)
    with pytest.raises(SettingsError, match="BotFather") as raised:
        channel.send(bundle(event()))
    channel.close()
    assert secret not in str(raised.value)
    assert secret not in caplog.text


def test_nobody_listens(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    channel = TelegramChannel(TOKEN, GROUP, DIRECT, f"http://127.0.0.1:{free_port()}")
    with pytest.raises(ChannelError):
        channel.send(bundle(event()))
    channel.close()
    assert TOKEN not in caplog.text


def test_the_token_stays_out_of_the_logs(
    channel: TelegramChannel, server: Telegram, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    channel.send(bundle(event()))
    assert len(server.sent) == 1
    assert TOKEN not in caplog.text


def test_the_doctor_hears_which_bot_and_which_chats(channel: TelegramChannel) -> None:
    assert channel.check() == "@hermes_bot writes to operations, Marie"


def test_the_doctor_proves_the_right_to_write_without_writing(channel: TelegramChannel, server: Telegram) -> None:
    server.broken["sendChatAction"] = ["403 Forbidden: bot was kicked from the supergroup chat"]
    with pytest.raises(SettingsError, match="kicked"):
        channel.check()
    assert not server.sent


def test_the_doctor_finds_a_webhook_that_would_keep_the_bot_deaf(channel: TelegramChannel, server: Telegram) -> None:
    server.webhook = "https://example.org/hook"
    try:
        with pytest.raises(SettingsError, match="deleteWebhook"):
            channel.check()
    finally:
        server.webhook = ""


def test_one_chat_is_enough(server: Telegram) -> None:
    server.sent.clear()
    channel = TelegramChannel(TOKEN, 0, DIRECT, server.api)
    channel.send(bundle(event(Severity.INFO)))
    channel.close()
    assert int(server.sent[0]["chat_id"]) == DIRECT
