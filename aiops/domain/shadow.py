"""Shadow: a new system beside an old one looks and decides, and neither says nor does anything."""

from typing import Final, Literal

from aiops.domain.fact import Fact, Moment
from aiops.domain.severity import Severity

Shadow = Literal["off", "untaken", "all"]
"""``all``: the whole system is in shadow, whatever else is set. ``untaken``: each guardian is, until a human takes it over."""

LEVEL: Final = "shadow"
"""The level below the prefix of MQTT under which a shadow is seen."""

NIGHT: Final = ("doc-sync", "rss-digest")
"""Night work that the old system tells of too: taken over like a guardian."""


class Takeover(Fact):
    """A guardian that speaks and acts, while the others still are in shadow."""

    guardian: str
    who: str
    why: str
    at: Moment


class Shadowed(Fact):
    """What would have been said or done about an incident; without ``incident`` it is about the whole fleet."""

    at: Moment
    what: Literal["said", "done"]
    severity: Severity
    text: str
    incident: str = ""
