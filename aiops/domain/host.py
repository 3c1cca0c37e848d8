"""A machine of the fleet."""

from typing import Literal

from pydantic import Field

from aiops.domain.fact import Fact

ExpectedState = Literal["up", "on_demand", "maintenance"]


class Host(Fact):
    """One machine of the inventory.

    ``role`` decides what may be done to it: an unknown role is read-only for every playbook. A host whose
    ``expected_state`` is ``on_demand`` may be asleep: then it is neither down nor blind nor missed.
    ``pair`` names the redundant set the host belongs to; two hosts of one pair are never touched by one plan.
    """

    name: str = Field(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    address: str = ""
    port: int = Field(default=22, ge=1, le=65535)
    role: str = ""
    pair: str = ""
    expected_state: ExpectedState = "up"
    local: bool = False
    labels: dict[str, str] = Field(default_factory=dict)

    @property
    def target(self) -> str:
        """Where to connect: the address, or the name where none is given."""
        return self.address or self.name
