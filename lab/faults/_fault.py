from collections.abc import Callable
from dataclasses import dataclass

from lab.enter import Inside


@dataclass(frozen=True)
class Look:
    """What the oracle saw: whether the fault is there, by which sign, and whether somebody did harm meanwhile."""

    present: bool
    reason: str
    harmed: bool = False


def absent(reason: str) -> Look:
    """The fault is not there, because `reason`."""
    return Look(present=False, reason=reason)


def present(reason: str) -> Look:
    """The fault is there, because `reason`."""
    return Look(present=True, reason=reason)


def nothing(_host: Inside) -> None:
    """No preparation needed."""


@dataclass(frozen=True)
class Fault:
    """One way for a host to be broken.

    `inject` breaks a healthy host (after `prepare`, which makes it one that can be broken so; it may take seconds and
    is not part of the fault). `look` tells whether the fault is there; it raises CannotLookError when it cannot tell.
    `heal` makes the host healthy from any state, also after somebody else repaired it, well or badly.
    """

    name: str
    summary: str
    inject: Callable[[Inside], None]
    look: Callable[[Inside], Look]
    heal: Callable[[Inside], None]
    prepare: Callable[[Inside], None] = nothing
    benign: bool = False  # looks like a fault and is none: whoever "repairs" it does harm
