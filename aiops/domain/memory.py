"""What is remembered of a host or a service: facts with their source and an end. Nothing here is ever an instruction."""

from datetime import datetime

from pydantic import Field

from aiops.domain.fact import Fact, Moment


class Remembered(Fact):
    """One fact. ``about`` is a host of the inventory or a service such as ``nginx.service``; ``source`` says who knows it."""

    about: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9@._:-]{0,252}$")
    text: str = Field(min_length=3, max_length=300)
    source: str = Field(min_length=1, max_length=200)
    at: Moment
    until: Moment

    def holds(self, moment: datetime) -> bool:
        """Whether it may still be used: what has expired, or claims to come from the future, may not."""
        return self.at <= moment < self.until

    def told(self, moment: datetime) -> str:
        """The fact for whoever judges: never without its source and its age, which come first, so that no cut takes them away."""
        days = (moment - self.at).days
        age = "today" if days == 0 else f"{days} day{'s' * (days != 1)} ago"
        return f"{self.about} (source: {self.source}, {age}): {self.text}"
