"""What a step hands to the next trust domains."""

from aiops.domain.backup import Sealed
from aiops.domain.event import Event
from aiops.domain.fact import Fact
from aiops.domain.plan import SignedPlan
from aiops.domain.session import SignedGrant
from aiops.domain.sweep import Patrol
from aiops.domain.talk import Answer, Wanted
from aiops.domain.verdict import Question, Verdict


class Handover(Fact):
    """Everything that has to be published next, each to the queue that its kind belongs to.

    ``verify`` proves a repair, ``looks`` are ordinary patrols, ``backups`` signed orders, ``patrols`` are
    what a human asked for, ``answers`` go back to him, ``canaries`` are workers whose queue gets one.
    ``gather`` is a sweep whose other shards are still out. Empty: nothing is left to do.
    """

    verdicts: tuple[Verdict, ...] = ()
    questions: tuple[Question, ...] = ()
    plans: tuple[SignedPlan, ...] = ()
    grants: tuple[SignedGrant, ...] = ()
    verify: tuple[Patrol, ...] = ()
    looks: tuple[Patrol, ...] = ()
    notices: tuple[Event, ...] = ()
    backups: tuple[Sealed, ...] = ()
    canaries: tuple[str, ...] = ()
    answers: tuple[Answer, ...] = ()
    patrols: tuple[Wanted, ...] = ()
    gather: str = ""

    def __add__(self, other: "Handover") -> "Handover":
        return Handover(
            verdicts=self.verdicts + other.verdicts,
            questions=self.questions + other.questions,
            plans=self.plans + other.plans,
            grants=self.grants + other.grants,
            verify=self.verify + other.verify,
            looks=self.looks + other.looks,
            notices=self.notices + other.notices,
            backups=self.backups + other.backups,
            canaries=self.canaries + other.canaries,
            answers=self.answers + other.answers,
            patrols=self.patrols + other.patrols,
            gather=self.gather or other.gather,
        )
