"""What triage is asked and what it answers."""

from typing import Literal

from pydantic import Field

from aiops.domain.fact import Fact, Moment
from aiops.domain.incident import Incident
from aiops.domain.tool import Heard

Action = Literal["remediate", "investigate", "alert_human", "drop"]
Confidence = Literal["low", "medium", "high"]
Trouble = Literal["rate_limit", "account", "unavailable", "timeout", "invalid"]
"""Why a provider gave no verdict: too many requests; its key, credit or model name; refused or 5xx; no end in time; an
answer that is none."""

UNANSWERED = "llm: "
"""How the reason of a fallback begins when no model answered: such a question stays open and is asked again."""


class Choice(Fact):
    """A remediation triage may choose, with the only parameter values it may choose: ours, from the findings."""

    playbook: str
    description: str
    params: dict[str, str | int | bool | list[str]] = Field(default_factory=dict)


class Budget(Fact):
    """What may be spent on models, in euros, or what is left of it.

    ``unpriced`` is how many answers a day may come from models without a known price, since nobody can say what they cost.
    """

    day: float = 1.0
    month: float = 11.0
    unpriced: int = 20

    def minus(self, day: "Spent", month: "Spent") -> "Budget":
        """What is left after that was spent today and this month; never below nothing."""
        return Budget(
            day=max(0.0, self.day - day.eur),
            month=max(0.0, self.month - month.eur),
            unpriced=max(0, self.unpriced - day.unpriced),
        )

    def narrower(self, other: "Budget | None") -> "Budget":
        """The smaller of each."""
        if other is None:
            return self
        return Budget(
            day=min(self.day, other.day),
            month=min(self.month, other.month),
            unpriced=min(self.unpriced, other.unpriced),
        )


class Spent(Fact):
    """What a span of time has cost, in euros, and how many answers of it have no known price."""

    eur: float = 0.0
    unpriced: int = 0


class Attempt(Fact):
    """One provider's turn in one judgement. ``cost`` is in euros; None means that nobody knows it, never that it was free.

    ``resting`` and ``budget`` are turns in which the provider was not asked at all. ``id`` is unique, so that a message that
    comes twice is booked once.
    """

    id: str
    at: Moment
    provider: str
    model: str
    outcome: Literal["answered", "resting", "budget"] | Trouble
    detail: str = ""
    seconds: float = 0.0
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float | None = 0.0

    @property
    def asked(self) -> bool:
        """Whether a request was made."""
        return self.outcome not in {"resting", "budget"}


class Question(Fact):
    """Everything triage may know about an incident: it holds no ledger of its own.

    ``history`` are the last incidents of the host, ``similar`` the nearest elsewhere, ``changes`` what changed lately on its
    hosts, ``facts`` what memory files say of them, each with its source and age, ``outside`` what servers of others said.
    ``budget`` is what was left when the question was sent.
    """

    incident: Incident
    history: tuple[str, ...] = ()
    similar: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    outside: tuple[Heard, ...] = ()
    choices: tuple[Choice, ...] = ()
    budget: Budget | None = None


class Verdict(Fact):
    """The judgement. ``source`` says who judged: ``rule:<playbook or rule>``, ``skill:<name>``, ``llm:<model>`` or ``fallback``.

    ``attempts`` are the providers' turns on the way to it: triage has no ledger, so they travel back to be booked.
    """

    incident: str
    action: Action
    playbook: str = ""
    reason: str
    confidence: Confidence = "medium"
    evidence: tuple[str, ...] = ()
    source: str
    attempts: tuple[Attempt, ...] = ()

    @property
    def unanswered(self) -> bool:
        """Whether no model answered, so that the question is still open."""
        return self.source == "fallback" and self.reason.startswith(UNANSWERED)
