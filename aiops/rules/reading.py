"""Foreign text as rules may see it: what a machine said, and what only passed through it."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from aiops.domain.finding import Finding
from aiops.rules.figures import figures
from aiops.rules.suspicion import suspicious

FOREIGN: Final = "foreign."
"""Kinds of findings whose text was not written by a detector of ours: webhooks, Alertmanager, log lines."""
MOST: Final = 20_000
"""Characters of text that are read; what comes after is not needed to know what kind of trouble it is."""

_BORROWED: Final = tuple(
    re.compile(pattern, re.IGNORECASE | re.DOTALL)
    for pattern in (
        r'"[^"]{0,4000}"',
        r"\b(?:UA|user-?agent|referer|referrer|cookie)\s*[=:][^\n]*",
        r"\b(?:invalid user|user unknown|unknown user)\s+.{1,200}?(?= from |\n|$)",
        r"(?-i:\b(?:GET|POST|PUT|HEAD|DELETE|OPTIONS)\s+\S+)",
        r"\b(?:(?:CT|VM|guest) name|hostname|comment|notes?|description|subject|message|title|label|banner)\s*:[^\n]*",
        r"(?:^|\s)#\s[^\n]*",
    )
)
"""What a stranger can put into an honest log line: quoted strings, user names, paths, guest names, comments."""


@dataclass(frozen=True)
class Reading:
    """One finding's text.

    ``said`` is all of it. ``machine`` is what is left without anything a stranger could have put there: only that, and the
    figures read from it, may call something benign. ``suspicion`` says what gives the text away, and then no rule looks at
    it any further.
    """

    said: str
    machine: str
    suspicion: str
    figures: dict[str, float]
    machine_figures: dict[str, float]


def read(finding: Finding, names: Collection[str] = ()) -> Reading:
    """The foreign finding's summary and evidence. ``names`` are the playbooks of our catalogue."""
    parts = (finding.summary, *(_flat(value) for value in finding.evidence.values()))
    said = "\n".join(part for part in dict.fromkeys(parts) if part)[:MOST]
    machine = said
    for borrowed in _BORROWED:
        machine = borrowed.sub(" ", machine)
    return Reading(said, machine, suspicious(said, names), figures(said), figures(machine))


def spoken(finding: Finding, names: Collection[str] = ()) -> str:
    """What in a finding of any sort talks to whoever judges it; empty where nothing does."""
    parts = (finding.subject, finding.summary, *(_flat(value) for value in finding.evidence.values()))
    return suspicious("\n".join(parts)[:MOST], names)


def _flat(value: object) -> str:
    return "\n".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)
