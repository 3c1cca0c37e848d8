"""What the night work hands from one trust domain to the next."""

from pydantic import Field

from aiops.domain.fact import Fact, Moment, digest
from aiops.domain.severity import Severity
from aiops.domain.verdict import Attempt


class NightReport(Fact):
    """What a piece of night work has to say to the human.

    ``attempts`` are models' turns on the way to it, to be booked; ``items`` are what counts as told once the report is kept.
    """

    name: str = Field(pattern=r"^[a-z][a-z-]{2,30}$")
    at: Moment
    lines: tuple[str, ...] = Field(min_length=1)
    severity: Severity = Severity.INFO
    attempts: tuple[Attempt, ...] = ()
    items: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The same report has the same id, so a message that comes twice is told once."""
        return f"night-{digest([self.name, self.at.isoformat(), self.lines])[:24]}"


class ServiceState(Fact):
    """One page of the fleet, as the last look saw it. ``latency`` in milliseconds."""

    name: str
    up: bool
    latency: int | None = None
    category: str = ""
    core: bool = True


class SiteFigures(Fact):
    """What the deciding side knows for the public site; ``unseen`` are services that nobody has looked at lately."""

    at: Moment
    services: tuple[ServiceState, ...] = ()
    unseen: tuple[str, ...] = ()


class NodeState(Fact):
    """A Proxmox node. ``cpu`` and ``ram`` in percent of what it has, ``uptime`` in seconds; None where it does not say."""

    name: str
    online: bool
    cpu: float | None = None
    ram: float | None = None
    uptime: int | None = None
    guests: int = 0
    containers: int = 0


class Usage(Fact):
    """What an agent's own database came to, on the workstation where it lies. Sums only: no project, no path, no text."""

    at: Moment
    sessions: int = Field(ge=0)
    hours: float = Field(ge=0)
    tokens_input: int = Field(ge=0)
    tokens_output: int = Field(ge=0)
    cache_read: int = Field(ge=0)
    cache_creation: int = Field(ge=0)

    @property
    def cache_hit(self) -> float | None:
        """The share of the input that was read from the cache, in percent; None when there was no input."""
        whole = self.cache_read + self.cache_creation + self.tokens_input
        return round(100 * self.cache_read / whole, 1) if whole else None

    @property
    def tokens(self) -> int:
        """Everything that is billed."""
        return self.tokens_input + self.tokens_output + self.cache_read + self.cache_creation


class FeedItem(Fact):
    """One entry of a feed: text of a stranger, scrubbed and cut. ``key`` is its identity."""

    key: str
    feed: str
    title: str
    link: str = ""
    summary: str = ""
    at: Moment | None = None


class FeedBatch(Fact):
    """What is new in the feeds, and which of them could not be read and why."""

    at: Moment
    items: tuple[FeedItem, ...] = ()
    blind: tuple[str, ...] = ()
    left_out: int = 0


class ItemScore(Fact):
    """What a model thinks of one item: 0 to 10, and a sentence."""

    number: int = Field(ge=1)
    score: int = Field(ge=0, le=10)
    sentence: str = ""


class Reading(Fact):
    """A model's word on a batch; ``attempts`` are all providers' turns."""

    scores: tuple[ItemScore, ...] = ()
    attempts: tuple[Attempt, ...] = ()
