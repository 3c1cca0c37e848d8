"""A closer look by an agent that may only propose: the grant that starts it, what it said, and how it ended."""

from typing import Literal

from pydantic import Field

from aiops.domain.fact import Fact, Moment, digest
from aiops.domain.host import Host
from aiops.domain.remediation import ParamValue
from aiops.domain.verdict import Question

Ending = Literal["proposed", "nothing", "stopped", "lost", "refused"]
"""``proposed``: there is a proposal; ``nothing``: it looked and has none; ``stopped``: a budget or a border ended it; ``lost``:
nobody saw its end; ``refused``: it was not started here."""

What = Literal["began", "asked", "said", "called", "result", "refused", "stopped", "proposed", "ended"]


class SessionBudget(Fact):
    """What one session may use. ``calls`` counts every turn of the model; ``tokens`` what goes to it and comes from it."""

    seconds: int = Field(default=300, ge=5, le=3000, description="from its start to its death")
    calls: int = Field(default=30, ge=1, le=500, description="turns of the model")
    tokens: int = Field(default=60_000, ge=500, description="to and from the model, together")

    def narrower(self, other: "SessionBudget") -> "SessionBudget":
        """The smaller of each."""
        return SessionBudget(
            seconds=min(self.seconds, other.seconds),
            calls=min(self.calls, other.calls),
            tokens=min(self.tokens, other.tokens),
        )


class SessionLimits(Fact):
    """What the deciding side grants. ``dollars_in`` and ``dollars_out`` price a million tokens; None: nobody knows it."""

    budget: SessionBudget = SessionBudget()
    per_day: int = 10
    start_within: int = 600
    dollars_in: float | None = None
    dollars_out: float | None = None
    eur_per_dollar: float = 1.0

    def cost(self, tokens_in: int, tokens_out: int) -> float | None:
        """In euros; None where nobody knows the price."""
        if self.dollars_in is None or self.dollars_out is None:
            return None
        return (tokens_in * self.dollars_in + tokens_out * self.dollars_out) * self.eur_per_dollar / 1_000_000

    @property
    def dearest(self) -> float | None:
        """What a session costs that uses all its tokens at the higher price, in euros; None where nobody knows it."""
        return (
            max(self.cost(self.budget.tokens, 0) or 0.0, self.cost(0, self.budget.tokens) or 0.0)
            if self.priced
            else None
        )

    @property
    def priced(self) -> bool:
        """Whether the price is known."""
        return self.dollars_in is not None and self.dollars_out is not None


class Grant(Fact):
    """The right to one session about one incident, with everything it may know: CT196 keeps no state of ours.

    ``question`` is what triage was asked, ``hosts`` the incident's hosts as the inventory knows them, ``looks`` what the
    detectors last saw there. ``by`` asked for it. The nonce makes it single use; ``not_after`` is its latest start.
    """

    id: str = Field(pattern=r"^session-[0-9]{8}-[a-z0-9]{6}$")
    incident: str
    by: str
    why: str
    question: Question
    hosts: tuple[Host, ...]
    looks: tuple[str, ...] = ()
    budget: SessionBudget
    at: Moment
    not_after: Moment
    nonce: str = Field(min_length=16)

    @property
    def digest(self) -> str:
        """SHA-256 over the canonical grant."""
        return digest(self.model_dump(mode="json"))


class SignedGrant(Fact):
    """Canonical JSON of a ``Grant`` as text, and its signature; ``incident`` is a label for logs, not trusted."""

    payload: str
    signature: str
    key: str
    incident: str = ""


class Said(Fact):
    """One line of a session's transcript; ``at`` is in seconds since its start."""

    at: float
    what: What
    text: str


class ProposedPlan(Fact):
    """A playbook of the catalogue for one host. Everything in it is checked again by whoever reads it."""

    playbook: str = Field(max_length=100)
    host: str = Field(max_length=253)
    params: dict[str, ParamValue] = Field(default_factory=dict)
    reason: str = Field(max_length=2000)


class ProposedPlaybook(Fact):
    """A playbook that the catalogue does not have, for a human to review: both files as text."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]{2,60}$")
    playbook: str = Field(max_length=30_000)
    manifest: str = Field(max_length=30_000)
    reason: str = Field(max_length=2000)


class SessionEnd(Fact):
    """How a session ended. ``lines`` is its transcript, which stays on CT196; ``branch`` is where a new playbook waits.

    ``confinement`` says in words what held the agent; ``model`` what it was.
    """

    session: str
    incident: str
    ending: Ending
    reason: str = ""
    plan: ProposedPlan | None = None
    playbook: ProposedPlaybook | None = None
    branch: str = ""
    model: str = ""
    confinement: str = ""
    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    started_at: Moment | None = None
    finished_at: Moment
    lines: tuple[Said, ...] = ()

    @property
    def told(self) -> "SessionEnd":
        """What crosses to the deciding side: everything but the transcript and the text of a new playbook."""
        return self.model_copy(update={"lines": (), "playbook": None})
