"""A backup of our own ledgers: what is in it, and how to tell that it is whole."""

from aiops.domain.fact import Fact, Moment


class CopiedLedger(Fact):
    """One ledger in a backup. ``version`` is that of its tables; ``audit_line`` and ``audit_hash`` are its audit log's head."""

    name: str
    file: str
    sha256: str
    bytes: int
    version: int
    audit_line: int
    audit_hash: str


class Manifest(Fact):
    """What a backup holds. Written last: a folder without one is no backup."""

    made_at: Moment
    host: str
    ledgers: tuple[CopiedLedger, ...]


class BegunAgain(Fact):
    """What became of a ledger that came back: how many plans nobody knows the end of, and how many approvals are asked again."""

    name: str
    unknown: int = 0
    asked: int = 0
