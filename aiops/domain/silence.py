"""What a human wants kept quiet: for a while (a silence), or because it is known to be harmless here (benign)."""

from fnmatch import fnmatchcase
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from aiops.domain.fact import Fact, Moment
from aiops.domain.finding import Finding


class Pattern(BaseModel):
    """Which findings are meant. A field that is given must match the whole value; ``*`` stands for any characters."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str = Field(default="", description="finding kind; empty: every kind")
    host: str = Field(default="", description="host; empty: every host")
    subject: str = Field(default="", description="subject of the finding; empty: every subject")

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not any(value.strip("*") for value in (self.kind, self.host, self.subject)):
            msg = "name a kind, a host or a subject: a pattern that matches everything would hide the whole fleet"
            raise ValueError(msg)
        return self

    def matches(self, finding: Finding) -> bool:
        """Whether every field that is given matches."""
        pairs = ((self.kind, finding.kind), (self.host, finding.host), (self.subject, finding.subject))
        return all(not pattern or fnmatchcase(value, pattern) for pattern, value in pairs)

    def __str__(self) -> str:
        return " ".join(f"{name}={value}" for name in ("kind", "host", "subject") if (value := getattr(self, name)))


class Benign(Pattern):
    """Known to be harmless: an entry of ``[[benign]]`` in the settings."""

    reason: str = Field(min_length=3, description="why it is harmless, for whoever reads it next year")


class Silence(Fact):
    """Findings that match open nothing and tell nobody until ``ends_at``."""

    id: str
    pattern: Pattern
    why: str
    who: str
    created_at: Moment
    ends_at: Moment


class Muted(Fact):
    """A finding that was recorded and opened nothing. ``by`` is a silence, an incident or ``benign``."""

    by: str
    reason: str
    finding: Finding
    count: int
    first_seen_at: Moment
    last_seen_at: Moment


class Sightings(Fact):
    """How often and when a finding of an incident was seen."""

    count: int
    first_seen_at: Moment
    last_seen_at: Moment
