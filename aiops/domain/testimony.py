"""What another system says about machines: Proxmox, a backup server, the stores of logs and metrics."""

from dataclasses import dataclass, field

from aiops.domain.guest import Guest


@dataclass(frozen=True)
class Told:
    """One thing it says; ``machine`` is the machine it is about."""

    machine: Guest


@dataclass(frozen=True)
class Node(Told):
    """A Proxmox node, as the cluster sees it."""

    online: bool


@dataclass(frozen=True)
class Quorum(Told):
    """A cluster, told by ``machine``. ``missing`` are the nodes that are not online."""

    cluster: str
    quorate: bool
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Storage(Told):
    """A storage on one node. ``used`` and ``total`` in bytes; ``available`` is False when the node cannot use it now."""

    name: str
    used: int
    total: int
    available: bool = True
    shared: bool = False


@dataclass(frozen=True)
class GuestState(Told):
    """A guest: ``running``, ``stopped``, or what else Proxmox says."""

    status: str
    locked: str = ""


@dataclass(frozen=True)
class TaskEnd(Told):
    """How the newest task of one sort on one node ended. ``at`` is in Unix time; ``guest`` empty where it was about none."""

    name: str
    guest: str
    at: int
    good: bool
    reason: str = ""
    cause: str = ""
    warnings: int = 0


@dataclass(frozen=True)
class Uncovered(Told):
    """A guest that is in no backup job."""

    number: int
    kind: str = ""


@dataclass(frozen=True)
class Datastore(Told):
    """A datastore of a backup server. ``collected`` is the end of the last good garbage collection, in Unix time."""

    name: str
    used: int
    total: int
    collected: int = 0
    reason: str = ""


@dataclass(frozen=True)
class Unverified(Told):
    """Snapshots of one group that nobody verified, or that failed it. Times in Unix time."""

    group: str
    oldest: int
    count: int
    failed: int = 0


@dataclass(frozen=True)
class Stream(Told):
    """Lines one machine sent to the log store: errors by unit and age in bins of five minutes, ``last`` as Unix time.

    ``hourly`` is how many lines an hour it usually sends, ``known`` for how many bins back anything is known.
    """

    last: float | None
    hourly: float
    known: int = 0
    errors: dict[str, dict[int, int]] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class OwnLines(Told):
    """When the log store got our own lines last, in Unix time; None when it got none for a week."""

    last: float | None


@dataclass(frozen=True)
class Retention(Told):
    """How long the log store says it keeps lines, in days, and should: None for ever. ``older``: it holds some that it should
    have deleted.
    """

    days: float | None
    wanted: float
    older: bool = False


@dataclass(frozen=True)
class Sample(Told):
    """A series of a query whose value is beyond the query's limit."""

    query: str
    series: str
    value: float
    limit: float
    beyond: str
    severity: str
    summary: str = ""


@dataclass(frozen=True)
class Release(Told):
    """The newest release of an application that runs on ``machine``; ``problem`` says why it is not known.

    What runs is told by the application itself (``running``), or by the Debian ``package`` on the machine.
    """

    application: str
    newest: str = ""
    published: str = ""
    page: str = ""
    running: str = ""
    package: str = ""
    problem: str = ""


@dataclass(frozen=True)
class MirrorState(Told):
    """A copy of a git repository: refs of the original that it lacks or has elsewhere; ``problem``: why that is not known."""

    name: str
    refs: int = 0
    missing: tuple[str, ...] = ()
    behind: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class Gap:
    """What it could not say, and why. ``wide`` hides everything; else only ``machine`` and what runs on it is hidden.

    ``silent``: it did not answer at all, which is no trouble where ``machine`` sleeps by design.
    """

    machine: Guest
    reason: str
    remedy: str
    wide: bool = False
    silent: bool = False


@dataclass(frozen=True)
class Testimony:
    """Everything it said to one question. What is about no host of ours is said of ``home``, where it runs itself."""

    told: tuple[Told, ...]
    home: Guest
    gaps: tuple[Gap, ...] = ()
