"""What the offers work with, and what their arguments have in common."""

from functools import cached_property

from pydantic import BaseModel, ConfigDict, Field

from aiops import bootstrap
from aiops.ports import IncidentServices
from aiops.settings import Settings, load_settings


class Arguments(BaseModel):
    """What a tool takes; anything else is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Nothing(Arguments):
    """A tool without arguments."""


class OneIncident(Arguments):
    """A tool about one incident."""

    incident: str = Field(pattern=r"^inc-[0-9]{8}-[a-z0-9]{6}$", description="its id, such as inc-20261123-k3f9qd")


class Desk:
    """Settings and the deciding side's services, made at first use. Safe to use from many threads once made."""

    @cached_property
    def settings(self) -> Settings:
        """:raises SettingsError: they cannot be used."""
        return load_settings()

    @cached_property
    def services(self) -> IncidentServices:
        """CT190's, the deciding side."""
        return bootstrap.incidents(self.settings)
