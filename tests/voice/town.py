"""Everybody who takes part in a conversation, without the queues between them: the deciding side with its real ledger, the
voice with its real mailbox and its real Telegram adapters, and a Bot API. What is handed over is carried by hand."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from aiops import steps, words
from aiops.adapters.mailbox import SqliteMailbox
from aiops.adapters.memory_events import MemoryEvents
from aiops.adapters.telegram_channel import TelegramChannel
from aiops.adapters.telegram_ears import TelegramEars
from aiops.domain.event import Event
from aiops.domain.handover import Handover
from aiops.domain.incident import Incident
from aiops.domain.notice import Bundle, Voice
from aiops.errors import ChannelError
from aiops.ports import Channel, ListenServices, NotifyServices
from tests.incident_world import World
from tests.voice.telegram_server import DIRECT, GROUP, TOKEN, Telegram

MARIE, PAUL, STRANGER = 11, 22, 666


@dataclass
class Second:
    """The second way."""

    name: str = "ntfy"
    took: list[Bundle] = field(default_factory=list)

    def send(self, bundle: Bundle) -> str:
        self.took.append(bundle)
        return f"n{len(self.took)}"


class Town:
    """``turn`` lets everything that waits go one step further."""

    def __init__(self, folder: Path, server: Telegram, *, language: words.Language = "en", **changes: Any) -> None:
        self.server, self.folder = server, folder
        self.said = words.load(language)
        voice = changes.pop("voice", Voice(language=language))
        self.world = World(
            folder / "incidents",
            decision="ask",
            users=frozenset({MARIE, PAUL}),
            voice=voice,
            words=self.said,
            **changes,
        )
        self.channel = TelegramChannel(TOKEN, GROUP, DIRECT, server.api, self.said)
        self.ears = TelegramEars(TOKEN, server.api, poll=0, clock=lambda: self.world.now)
        self.second = Second()
        self.plans: list[Any] = []
        self.looks: list[Any] = []
        self.outside = MemoryEvents()
        self.rung: list[int] = []
        self.ring = True
        self.open(voice)

    def open(self, voice: Voice | None = None) -> None:
        """The voice's processes start, or start again: all they know is in the mailbox."""
        clock: Callable[[], datetime] = lambda: self.world.now  # noqa: E731 - a clock
        mailbox = SqliteMailbox(self.folder / "mailbox.sqlite")
        ways: list[Channel] = [self.channel, self.second]
        self.voice = NotifyServices(
            mailbox=mailbox,
            channels=ways,
            events=self.outside,
            voice=voice or self.voice.voice,
            clock=clock,
            talker=self.channel,
            words=self.said,
        )
        self.listening = ListenServices(
            inbox=mailbox,
            ears=self.ears,
            mouthpiece=self.world.mouthpiece,
            users=frozenset({MARIE, PAUL}),
            chats=frozenset({GROUP, DIRECT}),
            events=self.outside,
            words=self.said,
            clock=clock,
        )

    def close(self) -> None:
        self.channel.close()
        self.ears.close()

    def find(self, host: str = "ct201", **more: Any) -> Incident:
        """A detector finds something, and the human is asked."""
        seen = self.world.finding(host=host, **more)
        sweep = self.world.sweep(seen, hosts=[host], name=f"sweep-{host}-{self.world.now}")
        for verdict in steps.correlate(sweep, self.world.services).verdicts:
            self.carry(steps.authorise(verdict, self.world.services))
        held: Incident | None = self.world.ledger.by_fingerprint(seen.fingerprint)
        assert held
        return held

    def carry(self, handed: Handover) -> None:
        """What tasks do."""
        for notice in handed.notices:
            self.notify(notice)
        for answer in handed.answers:
            steps.take_answer(answer, self.voice)
        self.plans += handed.plans
        self.looks += handed.patrols

    def notify(self, notice: Event) -> None:
        steps.notify(notice, self.voice)
        steps.taken(notice.id, self.world.services)

    def hear(self) -> None:
        """One poll, and what was heard is carried to those who decide."""
        steps.listen(self.listening)
        self.hand()

    def hand(self) -> None:
        for said in steps.to_hand(self.listening) if self.ring else ():
            self.rung.append(said.update)
            steps.handed(said, self.listening)
            self.carry(steps.heard(steps.signed(said, self.listening), self.world.services))

    def speak(self, seconds: float = 1) -> None:
        """The deciding side brings its cards up to date, the voice has a round, and time goes by."""
        self.carry(steps.refresh_cards(self.world.services) + steps.remind(self.world.services))
        steps.deliver(self.voice)
        self.world.now = self.world.now + timedelta(seconds=seconds)

    def turn(self) -> None:
        self.hear()
        self.speak()
        self.speak()

    def card(self, incident: Incident) -> int:
        """The message that shows the incident."""
        shown = self.voice.mailbox.card(incident.id)
        assert shown
        return shown.message

    def text(self, incident: Incident) -> str:
        """What its card says now."""
        return str(self.server.shown[self.card(incident)]["text"])

    def with_second_after(self, seconds: float) -> None:
        self.voice = replace(self.voice, voice=self.voice.voice.model_copy(update={"second_after": seconds}))


def deaf(town: Town) -> ChannelError:
    """The error of a poll that fails."""
    try:
        town.hear()
    except ChannelError as error:
        return error
    raise AssertionError("the poll went well")
