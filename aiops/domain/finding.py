"""One thing wrong on one host."""

import hashlib
import re
from functools import lru_cache
from typing import Final, Literal

from pydantic import Field, field_validator

from aiops.domain.fact import Fact, Moment
from aiops.domain.severity import Severity

Persistence = Literal["state", "occurrence"]
Value = str | int | float | bool | list[str] | None
Evidence = dict[str, Value]
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""All but tab and new line: what moves a cursor, sets a title or hides a line in the terminal of whoever reads."""


def harmless(text: str) -> str:
    """Text of a host as a terminal may show it: each control character is a replacement character."""
    return _CONTROLS.sub("\ufffd", text)


def _harmless_value(value: Value) -> Value:
    if isinstance(value, str):
        return harmless(value)
    return [harmless(one) for one in value] if isinstance(value, list) else value


class Kind(Fact):
    """A sort of finding, declared by exactly one detector.

    ``persistence``: a *state* is true until it is not; an *occurrence* happened at a cursor (apt's history, a log line)
    and is cause and evidence, never the condition an incident closes on.
    ``shared``: the same cause on many hosts is one incident (a broken template), where it is not, thirty full disks
    are thirty incidents.
    """

    name: str = Field(pattern=r"^[a-z_]+\.[a-z_]+$")
    sentence: str = Field(min_length=8)
    persistence: Persistence = "state"
    shared: bool = False


class Finding(Fact):
    """What a detector saw.

    ``cause`` is a stable label that ties findings of one trouble together (``package:wazuh-manager``): findings with the
    same host and cause belong to one incident. ``cursor`` is the position of an occurrence in its log.
    ``ripens``: hours without a break after which it is that severe; a detector has no memory, so incidents count them.
    """

    kind: str
    detector: str
    host: str
    subject: str
    severity: Severity
    summary: str
    persistence: Persistence = "state"
    shared: bool = False
    cause: str = ""
    cursor: str = ""
    ripens: dict[Severity, float] = Field(default_factory=dict)
    evidence: Evidence = Field(default_factory=dict)
    seen_at: Moment

    @field_validator("subject", "summary")
    @classmethod
    def _shown(cls, text: str) -> str:
        return harmless(text)

    @field_validator("evidence")
    @classmethod
    def _evidence_shown(cls, evidence: Evidence) -> Evidence:
        return {name: _harmless_value(value) for name, value in evidence.items()}

    @property
    def fingerprint(self) -> str:
        """Identity labels only (kind, host, subject; an occurrence's cursor), never text or values: 16 hex digits."""
        return _fingerprint(f"{self.kind}\0{self.host}\0{self.subject}\0{self.cursor}")


@lru_cache(maxsize=8192)
def _fingerprint(labels: str) -> str:
    """A sweep asks a dozen times for each; the same states come back every few minutes."""
    return hashlib.sha256(labels.encode()).hexdigest()[:16]
