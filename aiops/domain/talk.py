"""The conversation with the human: what is shown about an incident, what a human said, and what is answered."""

from enum import StrEnum

from pydantic import Field

from aiops.domain.fact import Fact, Moment
from aiops.domain.incident import State
from aiops.domain.severity import Severity


class Press(StrEnum):
    """What a button of a card does."""

    APPROVE = "approve"
    DENY = "deny"
    SNOOZE = "snooze"
    WHY = "why"
    UNDO = "undo"


class Nonce(Fact):
    """The right to press one button once. ``digest`` is the plan's, where the press is about a plan."""

    nonce: str
    incident: str
    press: Press
    digest: str = ""
    expires_at: Moment
    used_by: str = ""


class Button(Fact):
    """One button of a card."""

    press: Press
    nonce: str = Field(min_length=16, max_length=64, description="Telegram takes 64 bytes")


class PlanShown(Fact):
    """The plan of a card: what, where, with what, who allowed it and what came of it.

    ``executed`` is the outcome's status; empty as long as CT196 has said nothing.
    """

    id: str
    digest: str
    remediation: str
    hosts: tuple[str, ...]
    params: tuple[str, ...] = ()
    risk: str
    destructive: bool = False
    expires_at: Moment
    approved_by: str = ""
    executed: str = ""
    reason: str = ""
    changes: tuple[str, ...] = ()


class Card(Fact):
    """Everything that is shown about one incident. A higher ``seq`` takes the place of a lower one.

    ``meaning`` says the sort of trouble in the human's language, where the title is not in it.
    """

    incident: str
    seq: int = Field(ge=1)
    state: State
    severity: Severity
    title: str
    meaning: str = ""
    hosts: tuple[str, ...]
    evidence: tuple[str, ...] = ()
    lately: tuple[str, ...] = ()
    plan: PlanShown | None = None
    relapse_of: str = ""
    snoozed_until: Moment | None = None
    buttons: tuple[Button, ...] = ()

    @property
    def waits(self) -> bool:
        """Whether a human's word on its plan is missing."""
        return self.state is State.AWAITING_APPROVAL and self.plan is not None and not self.plan.approved_by


class Said(Fact):
    """One thing that a human did or wrote. ``update`` is Telegram's number of it: the same number is the same thing.

    ``callback`` is set for a press, whose ``text`` is the button's nonce. ``about`` is the message that was pressed or
    replied to, and ``incident`` what the voice knows it to be about. ``sent_at`` is when a text was written.
    """

    update: int
    user: int
    chat: int
    message: int = 0
    about: int = 0
    text: str = Field(default="", max_length=4096)
    callback: str = ""
    incident: str = ""
    sent_at: Moment | None = None
    at: Moment

    @property
    def by(self) -> str:
        """How the records name who it was."""
        return f"telegram:{self.user}"


class SignedSaid(Fact):
    """Canonical JSON of a ``Said`` as text, and the signature of the ears; ``incident`` is a label for logs, not trusted.

    What lacks a part is nothing that anybody signed, and is refused as such instead of as a message that cannot be read.
    """

    payload: str = ""
    signature: str = ""
    key: str = ""
    incident: str = ""


class Unread(Fact):
    """An update that could not be read, and the kind of error; ``update`` is 0 where not even its number could be."""

    update: int
    reason: str


class Poll(Fact):
    """What one poll brought: ``newest`` is the last update that need not come again."""

    newest: int
    said: tuple[Said, ...] = ()
    unread: tuple[Unread, ...] = ()


class Answer(Fact):
    """What a human is told. ``toast`` answers a press (200 characters at most), ``text`` is a message.

    ``card`` asks the voice for the card of that incident, where it has not been sent yet.
    """

    update: int
    chat: int
    message: int = 0
    callback: str = ""
    toast: str = ""
    text: str = ""
    card: str = ""


class Wanted(Fact):
    """A patrol that a human asked for."""

    sweep: str
    guardians: tuple[str, ...]
    hosts: tuple[str, ...] = ()
    by: str


class Mark(Fact):
    """What the incident ledger remembers of a card: its newest edition, and how far the timeline went then.

    ``reminded`` counts the reminders about ``digest``, the plan that waits; the next comes at ``remind_at``.
    """

    incident: str
    seq: int = 0
    line: int = 0
    content: str = ""
    digest: str = ""
    reminded: int = 0
    remind_at: Moment | None = None
    snoozed_until: Moment | None = None


class Confirmation(Fact):
    """A human pressed Approve on a destructive plan; the host's name, typed, is still missing."""

    incident: str
    digest: str
    by: str
    until: Moment


class Shown(Fact):
    """A card in the voice's mailbox. ``shown`` is the edition that ``message`` in ``chat`` shows; 0: none was posted.

    ``owed``: it is to be posted as a message of its own.
    """

    card: Card
    shown: int = 0
    chat: int = 0
    message: int = 0
    posted_at: Moment | None = None
    owed: bool = False
    attempts: int = 0
