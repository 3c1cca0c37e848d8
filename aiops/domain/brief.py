"""Questions of other agents, and what they are answered. Nothing here can ask for a change."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter


class _Question(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    id: str = Field(pattern=r"^[A-Za-z0-9._:-]{1,64}$", description="comes back with the answer")


class AskIncidents(_Question):
    """What is open, or was."""

    ask: Literal["incidents"]
    host: str = Field(default="", max_length=253)
    open: bool = True
    limit: int = Field(default=20, ge=1, le=50)


class AskIncident(_Question):
    """The story of one incident."""

    ask: Literal["incident"]
    incident: str = Field(max_length=64)


class AskHost(_Question):
    """How one host is."""

    ask: Literal["host"]
    host: str = Field(max_length=253)


class AskSchedule(_Question):
    """What runs when, and when it last did."""

    ask: Literal["schedule"]


BriefQuestion = Annotated[AskIncidents | AskIncident | AskHost | AskSchedule, Field(discriminator="ask")]
QUESTION: TypeAdapter[BriefQuestion] = TypeAdapter(BriefQuestion)
"""Everything that can be asked. What is none of these is answered with that."""
