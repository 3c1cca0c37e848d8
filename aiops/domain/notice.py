"""What the human is told: where it goes, when, and how it reads."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from aiops.domain.event import Event
from aiops.domain.fact import Fact, Moment, digest
from aiops.domain.hours import Hours, end_of, within
from aiops.domain.severity import Severity, worst


class Route(StrEnum):
    """Who is told, and whether it makes a sound."""

    NOBODY = "nobody"
    GROUP_SILENTLY = "group silently"
    GROUP = "group"
    DIRECT = "direct"


ROUTES: Final = {
    Severity.DEBUG: Route.NOBODY,
    Severity.INFO: Route.GROUP_SILENTLY,
    Severity.WARNING: Route.GROUP,
    Severity.CRITICAL: Route.DIRECT,
}
"""The operator's table. It is looked up before anything is spent on the event."""

LONGEST: Final = 4000
"""Characters of one message. Telegram takes 4096."""

REPORT: Final = "night.report"
"""The type of event that brings ``lines`` besides its sentence."""

_SIGNS: Final = {Severity.DEBUG: "·", Severity.INFO: "ℹ️", Severity.WARNING: "⚠️", Severity.CRITICAL: "🔴"}  # noqa: RUF001 - the sign for information


class Voice(BaseModel):
    """When and how the human is told. Chats and tokens stand with their channels."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    quiet_hours: Hours = Field(
        default="", description="HH:MM-HH:MM in which only critical messages come; one digest when they end"
    )
    digest_from: int = Field(
        default=6, ge=2, le=100, description="so many messages for one chat at once become a single digest"
    )
    language: Literal["en", "fr"] = Field(default="en", description="language of cards, buttons and answers")
    remind_minutes: int = Field(
        default=15, ge=1, le=1440, description="after which an unanswered question is said again; then twice as long"
    )
    snooze_minutes: int = Field(default=60, ge=1, le=1440, description="without reminders after Snooze was pressed")
    second_after: float = Field(
        default=60, ge=0, le=3600, description="seconds without success after which the next channel is tried too"
    )

    def due(self, severity: Severity, at: datetime, zone: str) -> datetime:
        """When a message of that severity may go out."""
        if severity is Severity.CRITICAL or not self.quiet_hours or not within(self.quiet_hours, at, zone):
            return at
        return end_of(self.quiet_hours, at, zone)


class Notice(Fact):
    """One message to the human. ``id`` is the event's own, so that a doorbell that rings twice is one message."""

    id: str
    event: Event
    route: Route
    due_at: Moment
    attempts: int = 0
    reason: str = ""
    delivered_at: Moment | None = None
    channel: str = ""
    receipt: str = ""

    @classmethod
    def of(cls, event: Event, due_at: datetime) -> "Notice":
        """The notice of an event."""
        name = event.id or digest(event.model_dump(mode="json"))[:32]
        return cls(id=name, event=event, route=ROUTES[event.severity], due_at=due_at)


class Bundle(Fact):
    """Notices that travel as one message. ``heading`` and ``rest`` take a count: how many there are, and how many did not fit."""

    notices: tuple[Notice, ...] = Field(min_length=1)
    heading: str = "{count} messages:"
    rest: str = "... and {count} more: aiops notices"

    @property
    def route(self) -> Route:
        """The loudest of theirs."""
        return ROUTES[worst([notice.event.severity for notice in self.notices])]

    @property
    def text(self) -> str:
        """What the human reads: plain text, nothing in it is markup."""
        if len(self.notices) == 1:
            event = self.notices[0].event
            head = f"{_SIGNS[event.severity]} {_line(event)}"
            return _cut([head, *_body(event), *([event.incident] if event.incident else [])], self.rest)
        lines = [f"{_SIGNS[notice.event.severity]} {_line(notice.event)}" for notice in self.notices]
        return _cut([self.heading.format(count=len(self.notices)), *lines], self.rest)


def bundles(notices: Sequence[Notice], digest_from: int) -> list[Bundle]:
    """What goes out now, the most severe first; ``digest_from`` or more for the same chat become one."""
    ordered = sorted(notices, key=lambda notice: (-notice.event.severity.rank, notice.event.timestamp))
    made: list[Bundle] = []
    for direct in (True, False):
        those = [notice for notice in ordered if (notice.route is Route.DIRECT) is direct]
        if len(those) >= digest_from:
            made.append(Bundle(notices=tuple(those)))
        else:
            made += [Bundle(notices=(notice,)) for notice in those]
    return made


def _line(event: Event) -> str:
    return _plain(f"{event.host}: {event.symptom}")


def _body(event: Event) -> list[str]:
    """The lines of a report. Each stays one line, whatever stands in it."""
    lines = event.context.get("lines") if event.type == REPORT else None
    return [_plain(str(line)) for line in lines] if isinstance(lines, list | tuple) else []


def _plain(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)


def _cut(lines: Sequence[str], rest: str) -> str:
    """As many whole lines as fit, and how many did not; a single line that is too long is cut."""
    kept: list[str] = []
    for place, line in enumerate(lines):
        left = len(lines) - place
        room = LONGEST - sum(len(one) + 1 for one in kept) - 60
        if len(line) > room and kept:
            return "\n".join([*kept, rest.format(count=left)])
        kept.append(line if len(line) <= room else line[:room] + " ...")
    return "\n".join(kept)
