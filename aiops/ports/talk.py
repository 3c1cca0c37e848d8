"""The conversation with the human: what the incident ledger keeps of it, and the ways it goes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol, runtime_checkable

from aiops.domain.talk import Answer, Card, Confirmation, Mark, Nonce, Poll, Press, Said, Shown


class TalkLedger(Protocol):
    """The part of CT190's record about cards, their buttons, and what humans said.

    :raises LedgerBusyError: from any method, when the database is locked or its disk is full
    """

    def mark_of(self, incident: str) -> Mark | None:
        """What is remembered of the incident's card; None when it has none."""

    def keep_mark(self, mark: Mark) -> None:
        """Remember it in place of what was."""

    def outdated(self, limit: int) -> Sequence[Mark]:
        """Marks of cards whose incident has a newer line in its timeline, the longest unchanged first."""

    def to_remind(self, now: datetime, limit: int) -> Sequence[Mark]:
        """Marks whose reminder is due."""

    def last_line(self, incident: str) -> int:
        """The number of the newest line of its timeline; 0 when it has none."""

    def issue(self, nonce: Nonce) -> None:
        """Keep a button's nonce."""

    def unused(self, incident: str, press: Press, digest: str, now: datetime) -> Nonce | None:
        """A nonce that can still be used for exactly this."""

    def nonce(self, nonce: str) -> Nonce | None:
        """What was issued under that name, used or not."""

    def use(self, nonce: str, by: str, at: datetime) -> bool:
        """Compare-and-set: use it up. False when it was used before, or has expired."""

    def confirm(self, confirmation: Confirmation) -> None:
        """Remember that a typed name is awaited, in place of any other for the incident."""

    def confirmation(self, incident: str) -> Confirmation | None:
        """What is awaited for the incident, if anything."""

    def confirmed(self, incident: str) -> None:
        """Nothing is awaited any more."""

    def keep_code(self, code: str, by: str, until: datetime) -> None:
        """A word that this human has to write back, until then."""

    def take_code(self, code: str, by: str, at: datetime) -> bool:
        """Use it up; False when it is not his, was used, or its time is over."""

    def answered(self, update: int) -> Answer | None:
        """What was answered to that update before."""

    def keep_answer(self, answer: Answer, at: datetime) -> None:
        """Remember it, so that the same update is never acted on twice."""


@runtime_checkable
class Talker(Protocol):
    """The sending end of a conversation: cards that are edited in place, and answers.

    :raises ChannelError: from any method: not now
    :raises SettingsError: never, as things are set
    """

    @property
    def name(self) -> str:
        """What it is called in records: ``telegram``."""

    def chat(self, *, direct: bool) -> int:
        """The human's own chat, or the group's."""

    def post(self, chat: int, card: Card, html: str, *, silent: bool) -> int:
        """Send a card; returns the message."""

    def edit(self, chat: int, message: int, card: Card, html: str) -> bool:
        """Put this into the message's place; False when the message is gone."""

    def answer(self, callback: str, text: str) -> None:
        """Answer a press. One that is too old to be answered is no error."""

    def say(self, chat: int, text: str, reply_to: int = 0, *, silent: bool = True) -> int:
        """Send plain text; returns the message."""


class Ears(Protocol):
    """The hearing end: one poller per bot."""

    def hear(self, after: int) -> Poll:
        """What came after that update, waiting for it for a while. One update that cannot be read costs no other.

        :raises ChannelError: it cannot be asked now; ``rest`` is how long to leave it alone
        :raises SettingsError: a wrong token
        """

    def introduce(self, commands: Sequence[tuple[str, str]]) -> None:
        """Tell Telegram which commands there are.

        :raises ChannelError: not now
        """


class CardBox(Protocol):
    """Cards and answers in the voice's own mailbox. Durable when a call returns.

    :raises LedgerBusyError: from any method, when the database is locked or its disk is full
    """

    def put_card(self, card: Card, now: datetime) -> None:
        """Keep it, unless a later edition is known."""

    def card(self, incident: str) -> Shown | None:
        """The newest edition, and what shows it."""

    def owe(self, incident: str) -> None:
        """It is to be posted, where no message shows it."""

    def cards_due(self, now: datetime) -> Sequence[Shown]:
        """Those to post, and those whose message shows an older edition; the most severe first."""

    def card_shown(self, incident: str, seq: int, chat: int, message: int, now: datetime) -> None:
        """That message shows that edition now."""

    def card_failed(self, incident: str, again_at: datetime) -> None:
        """It could not be shown; not to be tried before ``again_at``."""

    def card_gone(self, incident: str) -> None:
        """Its message was deleted: it is owed again."""

    def about(self, chat: int, message: int, incident: str, now: datetime) -> None:
        """A message about the incident went there: a reply to it is about the incident too."""

    def put_answer(self, answer: Answer, now: datetime) -> None:
        """Keep an answer until it has arrived; one that is known already stays as it is."""

    def answers_due(self, now: datetime) -> Sequence[tuple[Answer, bool]]:
        """What is to be said now, oldest first, and whether its toast was shown already."""

    def toasted(self, update: int) -> None:
        """The press was answered; its text, if any, is still to be sent."""

    def answer_done(self, update: int, now: datetime) -> None:
        """It has arrived whole, or never will."""

    def answer_failed(self, update: int, again_at: datetime) -> int:
        """It did not go out; returns how often so far."""


class Inbox(Protocol):
    """What was heard, in the voice's own mailbox, until it is answered. Durable when a call returns.

    :raises LedgerBusyError: from any method, when the database is locked or its disk is full
    """

    def offset(self) -> int:
        """The newest update that was taken; 0 at first."""

    def take(self, offset: int, heard: Sequence[Said], unread: int = 0) -> int:
        """Keep what was heard together with the offset; what is known already stays as it is.

        Returns how many updates could not be read since the mailbox was made, these ``unread`` included.
        """

    def unhanded(self, again: datetime, oldest: datetime) -> Sequence[Said]:
        """What was not handed to the incidents' side, or not answered since ``again``; nothing from before ``oldest``."""

    def handed(self, update: int, now: datetime) -> None:
        """It is in the incidents' queue."""

    def stranger(self, user: int, now: datetime) -> bool:
        """Remember a stranger; True the first time, as long as there are not too many of them."""

    def incident_of(self, chat: int, message: int) -> str:
        """The incident whose card, or message about it, that is; empty when it is none."""
