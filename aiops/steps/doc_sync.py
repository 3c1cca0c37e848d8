"""doc-sync: what is, against what is written down. A report of the differences, and a branch where they can be mended.

Silent when nothing differs, and when nothing differs otherwise than told. A source that could not be read is named, and then no
branch is proposed: who could not look must not strike out what others wrote.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from aiops.domain.docs import Commit, Delta
from aiops.domain.fact import digest
from aiops.domain.guest import Guest
from aiops.domain.host import Host
from aiops.domain.night import NightReport
from aiops.errors import AiopsError
from aiops.ports import NightServices
from aiops.steps.doc_tables import Row, compare_page
from aiops.steps.inventory import compare

SHOWN: Final = 40
SHORT: Final = 7
"""Characters of a commit's hash that a journal names at least: git's own short form."""


class DocSync:
    """What one comparison found: ``files`` are pages as they would be right, by path."""

    def __init__(self) -> None:
        self.deltas: list[Delta] = []
        self.blind: list[str] = []
        self.files: dict[str, str] = {}

    @property
    def branch(self) -> str:
        """Named by what it would change, so that the same proposal is made once."""
        return f"doc-sync/{digest(self.files)[:12]}"


def compare_docs(services: NightServices) -> DocSync:
    """Look everywhere, change nothing."""
    found = DocSync()
    hosts = [host for host in services.inventory.hosts() if not host.local]
    guests = _machines(hosts, found, services)
    if services.docs:
        try:
            _wiki(_facts(hosts, guests), found, services)
        except AiopsError as error:
            found.blind.append(str(error))
        try:
            _journal(found, services)
        except AiopsError as error:
            found.blind.append(str(error))
    return found


def doc_sync(services: NightServices) -> NightReport | None:
    """Compare, propose what can be proposed, and say what is new.

    :raises LedgerBusyError: the branch could not be pushed, or our own book cannot be written
    """
    found = compare_docs(services)
    if not found.deltas and not found.blind:
        return None
    proposed = _propose(found, services)
    key = f"doc-sync:{digest([[one.model_dump() for one in found.deltas], found.blind])[:24]}"
    if not proposed and not services.book.untold([key]):
        return None
    lines = [f"{one.where}: {one.text}" for one in found.deltas]
    more = [f"and {len(lines) - SHOWN} more: aiops doc-sync --dry-run"] if len(lines) > SHOWN else []
    head = f"doc-sync: {len(lines)} differences" + (f"; the branch {found.branch} mends the wiki's" if proposed else "")
    return NightReport(
        name="doc-sync",
        at=services.clock(),
        lines=(head, *lines[:SHOWN], *more, *(f"not compared: {reason}" for reason in found.blind)),
        items=(key,),
    )


def _propose(found: DocSync, services: NightServices) -> bool:
    """Once per proposal: a branch that a human has thrown away does not come back."""
    if not found.files or found.blind or services.docs is None or not services.book.untold([found.branch]):
        return False
    told = "\n".join(f"- {one.where}: {one.text}" for one in found.deltas if one.where in found.files)
    new = services.docs.propose(found.branch, found.files, f"Bring the tables of hosts up to date\n\n{told}")
    now = services.clock()
    services.book.told([found.branch], now, now - services.keep_items)
    return new


def _machines(hosts: Sequence[Host], found: DocSync, services: NightServices) -> list[Guest]:
    """Each source against the inventory, and the machines of all."""
    known: list[Guest] = []
    for source in services.topologies:
        try:
            guests = source.guests()
        except AiopsError as error:
            found.blind.append(str(error))
            continue
        known += guests
        strangers, unknown = compare(hosts, guests)
        name = next((guest.source for guest in guests), "another source")
        found.deltas += [
            Delta(where="inventory", text=f"{guest.name} is missing; {guest.source} has it") for guest in strangers
        ]
        found.deltas += [Delta(where=name, text=f"{host} is missing; the inventory has it") for host in unknown]
    return known


def _facts(hosts: Sequence[Host], guests: Sequence[Guest]) -> list[Row]:
    rows: list[Row] = []
    for host in hosts:
        same = [guest for guest in guests if guest.is_host(host)]
        node = next((guest.node for guest in same if guest.node), host.labels.get("node", ""))
        number = next((guest.number for guest in same if guest.number), 0)
        rows.append(
            {
                "host": host.name,
                "address": host.address,
                "role": host.role,
                "node": node,
                "number": str(number or ""),
                "state": host.expected_state,
            }
        )
    return rows


def _wiki(facts: Sequence[Row], found: DocSync, services: NightServices) -> None:
    for page in services.docs.pages() if services.docs else []:
        deltas, text = compare_page(page, facts)
        found.deltas += deltas
        if text != page.text:
            found.files[page.path] = text


def _journal(found: DocSync, services: NightServices) -> None:
    journal = services.docs.journal() if services.docs else None
    if journal is None or services.docs is None:
        return
    for commit in services.docs.commits(services.clock() - timedelta(days=services.docs_days)):
        if not _named(commit, journal):
            subject = " ".join(commit.subject.split())[:80]
            where = f"{commit.repository} {commit.hash[:SHORT]} of {commit.at:%Y-%m-%d}"
            found.deltas.append(Delta(where="journal", text=f"{where} ({subject}) has no entry"))


def _named(commit: Commit, journal: str) -> bool:
    """By its hash, or by the plan or incident that its trailers name."""
    trailers = [
        line.partition(":")[2].strip() for line in commit.body.splitlines() if line.startswith(("Plan:", "Incident:"))
    ]
    return commit.hash[:SHORT] in journal or any(name and name in journal for name in trailers)
