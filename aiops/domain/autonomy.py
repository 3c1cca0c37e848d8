"""The autonomy ladder: how far one playbook may go on hosts of one role. It only ever takes away from what policy allows."""

from typing import Final, Literal, get_args

from aiops.domain.fact import Fact, Moment
from aiops.domain.policy import Decision, stricter

Rung = Literal["observe", "suggest", "ask", "auto"]
RUNGS: Final[tuple[Rung, ...]] = get_args(Rung)
_MOST: Final[dict[Rung, Decision]] = {"observe": "never", "suggest": "never", "ask": "ask", "auto": "auto"}


class Standing(Fact):
    """Where a playbook stands on a role. ``closures`` are repairs that a detector has proved since the last relapse and
    since it came to this rung; ``proved`` and ``relapses`` count everything.
    """

    playbook: str
    role: str
    rung: Rung = "observe"
    since: Moment | None = None
    who: str = ""
    why: str = ""
    proposed: bool = False
    closures: int = 0
    proved: int = 0
    relapses: int = 0

    @property
    def next(self) -> Rung | None:
        """The rung above; None at the top."""
        above = RUNGS.index(self.rung) + 1
        return RUNGS[above] if above < len(RUNGS) else None


def limited(decision: Decision, rung: Rung, *, asked: bool = False) -> Decision:
    """What is left of policy's decision on that rung. A human who asks for a plan himself needs ``suggest`` only."""
    most = "ask" if asked and rung == "suggest" else _MOST[rung]
    return stricter(decision, most)
