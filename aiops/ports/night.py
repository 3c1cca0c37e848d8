"""The night work of CT190: what it reads outside, where it publishes, and what it remembers. It holds no ledger and no key."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from aiops.domain.docs import Commit, Page
from aiops.domain.fact import utcnow
from aiops.domain.night import FeedItem, NodeState
from aiops.ports.hosts import Inventory, Topology
from aiops.ports.stream import Events


class NightBook(Protocol):
    """What must be remembered from one night to the next. Every write is durable when the call returns.

    :raises LedgerBusyError: from any method, when the database is locked or its disk is full
    """

    def untold(self, keys: Sequence[str]) -> frozenset[str]:
        """Those of the keys that were not told before."""

    def told(self, keys: Sequence[str], at: datetime, forget_before: datetime) -> None:
        """Remember them as told, and forget what nobody has seen since then."""

    def keep(self, name: str, value: str, at: datetime) -> bool:
        """Keep the value under that name; False when a younger one, or one of the same moment, is kept there."""

    def kept(self, name: str) -> str:
        """What is kept under that name; empty when nothing is."""


class Site(Protocol):
    """Where the public site reads its figures."""

    def get(self, key: str) -> Any:
        """What the site says now; None when it says nothing, or nothing that is JSON.

        :raises SettingsError: we may not read it
        :raises BusError: it does not answer now
        """

    def put(self, key: str, value: Mapping[str, Any]) -> None:
        """Put the value there.

        :raises SettingsError: we may not write it, or it has not the form that the site reads: then nothing was sent
        :raises BusError: it does not answer now
        """

    def check(self, key: str, value: Mapping[str, Any]) -> None:
        """:raises SettingsError: the value has not the form that the site reads"""


class NodeSource(Protocol):
    """The Proxmox nodes with their load."""

    def nodes(self) -> Sequence[NodeState]:
        """All of them.

        :raises SettingsError: it cannot be asked as it is set up
        :raises BusError: it does not answer now
        """


class Forge(Protocol):
    """Where the git repositories are kept."""

    def commits_since(self, since: datetime) -> int:
        """Commits since then on the default branches of its repositories, without mirrors and forks.

        :raises SettingsError: it cannot be asked as it is set up
        :raises BusError: it does not answer now
        """


class FeedSource(Protocol):
    """Reads one feed of a stranger."""

    def read(self, url: str) -> Sequence[FeedItem]:
        """Its items, newest first as the feed has them, each cut and scrubbed.

        :raises RefusedError: its address, or one it redirects to, is not one we go to; or it is too large, or a bomb
        :raises SettingsError: it is no feed, or the server says for good that there is none
        :raises BusError: it does not answer now
        """


class DocsSource(Protocol):
    """What is written down in git, and the way to propose a change to it."""

    def pages(self) -> Sequence[Page]:
        """Every Markdown page of the wiki, as it is at the remote.

        :raises LedgerBusyError: the remote does not answer, or refuses us
        """

    def journal(self) -> str | None:
        """The text of the whole ops journal; None when none is named.

        :raises LedgerBusyError: the remote does not answer, or refuses us
        """

    def commits(self, since: datetime) -> Sequence[Commit]:
        """Commits since then in the repositories that the journal should name.

        :raises LedgerBusyError: a remote does not answer, or refuses us
        """

    def propose(self, branch: str, files: Mapping[str, str], message: str) -> bool:
        """Push a new branch with these whole files; False when a branch of that name is there already.

        :raises LedgerBusyError: the remote does not take it
        """


@dataclass(frozen=True)
class NightServices:
    """What the night work has. ``None``: that part is not set up, and does nothing."""

    inventory: Inventory
    events: Events
    book: NightBook
    playbooks: int = 0
    topologies: Sequence[Topology] = ()
    site: Site | None = None
    nodes: NodeSource | None = None
    forge: Forge | None = None
    core: frozenset[str] = frozenset()
    stale: timedelta = timedelta(hours=24)
    feeds: FeedSource | None = None
    urls: Sequence[str] = ()
    most_items: int = 40
    keep_items: timedelta = timedelta(days=120)
    docs: DocsSource | None = None
    docs_days: int = 7
    clock: Callable[[], datetime] = utcnow
