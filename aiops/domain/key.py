"""A secret of ours and how far its replacement has come."""

from typing import Literal

from aiops.domain.fact import Fact, Moment

Stage = Literal["in use", "next made", "old accepted", "missing"]
"""``next made``: the new one is believed and not used yet; ``old accepted``: the new one is used, the old one still passes."""


class Key(Fact):
    """One secret: by the name of its setting or account, and where it lies. Never what it is."""

    name: str
    place: str
    stage: Stage
    made_at: Moment | None = None
    ours: bool = True
    """Made here; else its owner makes it, and we are only told."""
