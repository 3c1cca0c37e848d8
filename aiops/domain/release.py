"""Versions of applications as their makers and distributions write them: ``v12.0.1``, ``version/2026.2.1``, ``1:12.0.1-1+b1``."""

import re
from dataclasses import dataclass
from functools import total_ordering

_STAGES = {"alpha": 1, "a": 1, "beta": 2, "b": 2, "pre": 3, "preview": 3, "rc": 3}
"""How far a trial is; whatever else is built on the way (``dev``, ``nightly``) comes before all of them."""
_FINAL = 4
_WORDS = "|".join(sorted({*_STAGES, "dev", "nightly", "snapshot", "canary"}, key=len, reverse=True))
_VERSION = re.compile(
    r"(?<![\w.])(?:\d+:)?v?(?P<numbers>\d+(?:\.\d+)+|\d+(?=$|[-_+~]))"
    rf"(?:[-._~+]?(?P<stage>{_WORDS})(?![a-z])[-._]?(?P<count>\d*))?",
    re.IGNORECASE,
)


@total_ordering
@dataclass(frozen=True, eq=False)
class Version:
    """Its numbers, how far it is (alpha, beta, release candidate ...), and which one of these it is.

    What a distribution adds (``-1+b1``) and the names of builds say nothing about the application, so they are left out.
    """

    numbers: tuple[int, ...]
    stage: int = _FINAL
    count: int = 0
    text: str = ""

    @property
    def trial(self) -> bool:
        """Whether its maker does not call it finished."""
        return self.stage < _FINAL

    @property
    def _rank(self) -> tuple[tuple[int, ...], int, int]:
        return self.numbers, self.stage, self.count

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self._rank == other._rank

    def __lt__(self, other: "Version") -> bool:
        return self._rank < other._rank

    def __hash__(self) -> int:
        return hash(self._rank)


def version(text: str) -> Version | None:
    """The version that a tag or a program names; None where there is none to be found."""
    match = _VERSION.search(text.strip()[:200])
    if not match:
        return None
    numbers = [int(number[:18]) for number in match["numbers"].split(".")]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    stage = _STAGES.get(match["stage"].lower(), 0) if match["stage"] else _FINAL
    return Version(tuple(numbers), stage, int((match["count"] or "0")[:9]), text.strip())
