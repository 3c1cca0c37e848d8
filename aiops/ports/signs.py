"""Signs of life."""

from collections.abc import Mapping, Sequence
from typing import Protocol


class Pulse(Protocol):
    """The signs of life of our own processes."""

    def beat(self, name: str) -> None:
        """The process of that name lives.

        :raises BusError: Redis does not answer
        """

    def ages(self, names: Sequence[str]) -> Mapping[str, float]:
        """Seconds since the last sign of each; who left none within a day is not in it.

        :raises BusError: Redis does not answer
        """


class Beacon(Protocol):
    """What is seen from outside when all else is dead: the signs that only a working system can give."""

    def well(self, text: str) -> None:
        """All is well.

        :raises BusError: nobody took it
        """

    def ill(self, text: str) -> None:
        """Something of ours is dead; ``text`` says what.

        :raises BusError: nobody took it
        """
