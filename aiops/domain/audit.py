"""The audit log: every decision and every effect, each line bound to the one before it by its hash."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from aiops.domain.fact import Fact, Moment, canonical

GENESIS = "0" * 64
"""What the first line is bound to."""


class AuditLine(Fact):
    """Who did what. ``digest`` is the plan's, ``transcript`` the SHA-256 of the transcript file, both in hex."""

    n: int
    at: Moment
    who: str
    what: str
    incident: str = ""
    plan: str = ""
    digest: str = ""
    outcome: str = ""
    transcript: str = ""
    text: str = ""

    def written(self) -> str:
        """The line as it is kept and hashed."""
        return canonical(self.model_dump(mode="json"))


@dataclass(frozen=True)
class Kept:
    """A line as the ledger holds it; ``line`` may be anything after somebody had their hands on it."""

    n: int
    line: str
    hash: str


@dataclass(frozen=True)
class Head:
    """The last line's number and hash: whoever keeps one elsewhere can tell that nothing before it was changed."""

    n: int = 0
    hash: str = GENESIS

    def __str__(self) -> str:
        return f"{self.n}:{self.hash}"


@dataclass(frozen=True)
class Break:
    """Where the chain does not hold, and why."""

    n: int
    reason: str


def chained(previous: str, line: str) -> str:
    """SHA-256, in hex, over the hash before and the line."""
    return hashlib.sha256(f"{previous}\n{line}".encode()).hexdigest()


def breaks(kept: Iterable[Kept], head: Head, anchors: Iterable[Head] = ()) -> Iterator[Break]:
    """Every place where the log is not what was written.

    :param head: what the ledger says its last line is; a cut-off end shows here
    :param anchors: heads that were kept elsewhere; they show it when the whole log was written anew
    """
    wanted = {anchor.n: anchor.hash for anchor in anchors}
    last = Head()
    for row in kept:
        if row.n != last.n + 1:
            gone = (
                f"line {last.n + 1} is missing" if row.n == last.n + 2 else f"{last.n + 1} to {row.n - 1} are missing"
            )
            yield Break(last.n + 1, gone)
        if chained(last.hash, row.line) != row.hash:
            yield Break(row.n, "the line or its place was changed: its hash does not follow from the line before it")
        elif _number(row.line) != row.n:
            yield Break(row.n, "the line was written for another place")
        if wanted.pop(row.n, row.hash) != row.hash:
            yield Break(row.n, "the hash is not the one that was kept elsewhere: the log was written anew")
        last = Head(row.n, row.hash)
    if last != head:
        yield Break(
            last.n, f"the log ends at line {last.n}, but line {head.n} was its last: the end was cut or replaced"
        )
    for n in sorted(n for n in wanted if n > last.n):
        yield Break(n, "this line was kept elsewhere as written, and is not here")


def _number(line: str) -> int:
    try:
        return AuditLine.model_validate_json(line).n
    except ValidationError:
        return -1
