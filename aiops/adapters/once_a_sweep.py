"""Asks another system once per sweep, however many hosts, shards and threads want the answer."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from aiops.domain.testimony import Testimony
from aiops.errors import AiopsError
from aiops.ports import Witness

_KEPT: Final = 16
"""Answers kept: the questions of a sweep or two. A verification has a sweep of its own, so it never reads an old one."""


@dataclass
class _Answer:
    lock: threading.Lock = field(default_factory=threading.Lock)
    said: Testimony | AiopsError | None = None


class OnceASweep:
    """Port ``Witness`` around another one. A failure is an answer too: nobody waits for it once per host."""

    def __init__(self, inner: Witness) -> None:
        self._inner = inner
        self._lock = threading.Lock()
        self._answers: OrderedDict[tuple[str, str], _Answer] = OrderedDict()

    def ask(self, question: str, sweep: str) -> Testimony:
        """See ``aiops.ports.Witness``."""
        with self._lock:
            answer = self._answers.setdefault((sweep, question), _Answer())
            while len(self._answers) > _KEPT:
                self._answers.popitem(last=False)
        with answer.lock:
            if answer.said is None:
                try:
                    answer.said = self._inner.ask(question, sweep)
                except AiopsError as error:
                    answer.said = error
        if isinstance(answer.said, AiopsError):
            raise answer.said
        return answer.said
