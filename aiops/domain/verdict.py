"""What triage is asked and what it answers."""

from typing import Literal

from pydantic import Field

from aiops.domain.fact import Fact
from aiops.domain.incident import Incident

Action = Literal["remediate", "investigate", "alert_human", "drop"]
Confidence = Literal["low", "medium", "high"]


class Choice(Fact):
    """A remediation triage may choose, with the only parameter values it may choose: ours, from the findings."""

    playbook: str
    description: str
    params: dict[str, str | int | bool | list[str]] = Field(default_factory=dict)


class Question(Fact):
    """Everything triage may know about an incident: it holds no ledger of its own."""

    incident: Incident
    history: tuple[str, ...] = ()
    choices: tuple[Choice, ...] = ()


class Verdict(Fact):
    """The judgement. ``source`` says who judged: ``rule:<playbook or rule>``, ``skill:<name>``, ``llm:<model>`` or
    ``fallback``.
    """

    incident: str
    action: Action
    playbook: str = ""
    reason: str
    confidence: Confidence = "medium"
    evidence: tuple[str, ...] = ()
    source: str
