"""A question that waits for the end of quiet hours."""

from aiops.domain.fact import Fact, Moment


class Held(Fact):
    """``look`` is the sweep that looks again before it is asked; empty until the quiet hours are over."""

    incident: str
    until: Moment
    look: str = ""
    looked_at: Moment | None = None
