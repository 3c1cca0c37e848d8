"""A known judgement: where its conditions hold, what is to be done is known and costs no token."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from aiops.domain.severity import Severity
from aiops.domain.verdict import Action

Tier = Literal["guard", "benign", "fix", "default"]


class Limits(BaseModel):
    """Bounds of a figure, both of them inclusive; a figure that is not there is in no bounds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    least: float | None = None
    most: float | None = None

    def hold(self, figure: float | None) -> bool:
        """Whether the figure is known and lies within."""
        if figure is None:
            return False
        return (self.least is None or figure >= self.least) and (self.most is None or figure <= self.most)


class Judgement(BaseModel):
    """One rule. Every condition that is given must hold; the first rule that matches decides.

    ``detectors`` and ``kinds`` are shell patterns. ``evidence`` are patterns for whole values of evidence that our own
    detectors wrote; ``figures`` are bounds for numbers in it, or for numbers read from foreign text. ``all_of``,
    ``any_of`` and ``none_of`` are patterns for foreign text and match nothing else.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    tier: Tier = "default"
    detectors: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    severities: tuple[Severity, ...] = ()
    evidence: dict[str, str] = Field(default_factory=dict)
    figures: dict[str, Limits] = Field(default_factory=dict)
    all_of: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    none_of: tuple[str, ...] = ()
    action: Action
    playbook: str = ""
    severity: Severity
    reason: str = Field(min_length=8)

    @model_validator(mode="after")
    def _whole(self) -> "Judgement":
        if (self.action == "remediate") != bool(self.playbook):
            raise ValueError("remediate, and nothing else, names a playbook")
        if self.action == "drop" and self.tier != "benign":
            raise ValueError("only a rule for what is known to be benign may drop")
        if not (self.detectors or self.kinds or self.hosts or self.roles):
            raise ValueError("says neither detectors, kinds, hosts nor roles: it would match anything")
        return self


class Ruling(BaseModel):
    """What a rule says about one finding."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: str
    action: Action
    playbook: str = ""
    severity: Severity
    reason: str
    certain: bool = True
    guard: bool = False
