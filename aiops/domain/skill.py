"""A known fix that was learned or written down: when to use it, how it goes, what to watch out for, how it is proved."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from aiops.domain.fact import Fact, Moment

Standing = Literal["draft", "approved", "rejected", "demoted"]


class Skill(BaseModel):
    """One ``SKILL.md``: its front matter, and its text as it is.

    ``conditions`` are patterns for whole values: ``role``, ``detector``, or ``evidence.<key>`` of the finding. ``parameters``
    say where the playbook's come from and must be what its manifest says: a skill chooses, it never binds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)
    description: str = Field(min_length=8, max_length=1024)
    kinds: tuple[str, ...] = Field(min_length=1)
    conditions: dict[str, str] = Field(default_factory=dict)
    playbook: str
    parameters: dict[str, str] = Field(default_factory=dict)
    text: str


class Lesson(Fact):
    """The record of a skill: what it stands on. ``text`` is what was approved, ``draft`` what waits for a human.

    ``successes`` and ``relapses`` are incidents. ``confirmed_at`` is the last verified success, from which it expires.
    """

    name: str
    standing: Standing
    text: str = ""
    draft: str = ""
    successes: tuple[str, ...] = ()
    relapses: tuple[str, ...] = ()
    created_at: Moment
    confirmed_at: Moment
