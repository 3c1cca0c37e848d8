"""When many findings must not become many messages: storms, flapping, what a repair stirs up, what a dead node hides."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field


class Quiet(BaseModel):
    """The thresholds. A storm's are an operator's feel for sixty hosts: more than twenty troubles in five minutes have one
    cause that no single repair mends.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    storm_incidents: int = Field(default=20, ge=2, description="new incidents within storm_minutes that make a storm")
    storm_minutes: int = Field(
        default=5, ge=1, le=120, description="the window; a storm ends when a quarter of that comes in it"
    )
    most_incidents: int = Field(
        default=60,
        ge=2,
        description="new incidents within storm_minutes; what is beyond joins by cause, host, then kind",
    )
    flap_times: int = Field(default=3, ge=2, description="how often the same finding may come and go in flap_hours")
    flap_hours: int = Field(default=6, ge=1, le=168, description="the window; beyond it is one flapping incident")
    flap_quiet_minutes: int = Field(default=30, ge=1, description="how long it must stay away until that is resolved")
    repair_grace: int = Field(
        default=120, ge=0, description="seconds after a repair in which what appears on its hosts is linked to it"
    )
    backup_kinds: tuple[str, ...] = Field(
        default=("soc.log_spike",),
        description="finding kinds that the nightly backup stirs up by itself; on its hosts they open nothing meanwhile",
    )
    down_kinds: tuple[str, ...] = Field(
        default=("host.down", "host.unreachable", "node.down", "node.unreachable"),
        description="finding kinds that mean a host is gone; its guests' findings then belong to it",
    )

    @property
    def storm_window(self) -> timedelta:
        """``storm_minutes``."""
        return timedelta(minutes=self.storm_minutes)

    @property
    def flap_window(self) -> timedelta:
        """``flap_hours``."""
        return timedelta(hours=self.flap_hours)

    @property
    def flap_rest(self) -> timedelta:
        """``flap_quiet_minutes``."""
        return timedelta(minutes=self.flap_quiet_minutes)

    @property
    def grace(self) -> timedelta:
        """``repair_grace``."""
        return timedelta(seconds=self.repair_grace)
