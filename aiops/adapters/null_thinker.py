"""No LLM: what a machine without a key runs with."""

from typing import NoReturn

from aiops.domain.night import FeedBatch
from aiops.domain.verdict import Question
from aiops.errors import ThinkerError


class NullThinker:
    """Port ``Thinker``."""

    def judge(self, question: Question) -> NoReturn:  # noqa: ARG002 - the port's name
        """:raises ThinkerError: always."""
        raise ThinkerError("no LLM is configured")

    def weigh(self, batch: FeedBatch) -> NoReturn:  # noqa: ARG002 - the port's name
        """:raises ThinkerError: always."""
        raise ThinkerError("no LLM is configured")
