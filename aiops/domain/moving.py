"""Moving in: what of an old system still runs beside us, and which guardian of ours it would double."""

import re
from collections.abc import Iterable, Sequence
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from aiops.domain.fact import Fact

OURS: Final = re.compile(r"aiops|hermes_health\.py")
"""What we put there ourselves."""

BotPolled = Literal["polled by somebody else", "a webhook is set", "nobody else polls it", "not looked at"]


class OldWork(BaseModel):
    """One thing that the old system did by the clock. ``pattern`` is searched for in the whole line, small and capital alike."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    doubles: str = Field(min_length=1, description="the guardian or night work of ours that does the same")
    pattern: str = Field(min_length=1, description="regular expression over the line that starts it")
    advice: str = Field(default="", description="what to do, beyond taking the line out")

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"no regular expression: {error}") from None
        return pattern


class Trace(Fact):
    """A line on a host that starts something by the clock. ``place`` is a file, or the name of a timer."""

    host: str
    place: str
    text: str


class Double(Fact):
    """An old line that is alive, and what it doubles."""

    host: str
    place: str
    text: str
    doubles: str
    advice: str


class Unseen(Fact):
    """A place that could not be looked at: nothing is known there."""

    host: str
    place: str
    reason: str


class Moved(Fact):
    """What came of looking for the old system. ``bot`` is what is known of another poller of our bot."""

    doubles: tuple[Double, ...] = ()
    unseen: tuple[Unseen, ...] = ()
    bot: BotPolled = "not looked at"

    @property
    def clear(self) -> bool:
        """Nothing old was found, and everything was looked at that was asked for."""
        return not self.doubles and not self.unseen and self.bot in {"nobody else polls it", "not looked at"}


def doubles(traces: Iterable[Trace], known: Sequence[OldWork]) -> list[Double]:
    """The lines that the first fitting entry knows. A line of our own is none."""
    found = []
    for trace in traces:
        line = f"{trace.place} {trace.text}"
        work = next((one for one in known if re.search(one.pattern, line, re.IGNORECASE)), None)
        if work and not OURS.search(line):
            found.append(
                Double(host=trace.host, place=trace.place, text=trace.text, doubles=work.doubles, advice=work.advice)
            )
    return found
